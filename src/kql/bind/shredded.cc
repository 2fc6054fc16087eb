// Looks into JSON objects of which a table has the properties as columns: parse_json(x).P and
// extractjson("$.P", x) become those columns, as long as x is what was stored.

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "kql/bind/build.h"

namespace kql::bind {
namespace {

using functions::Entry;
using functions::Naming;
using functions::Nulls;
using functions::Overload;

constexpr std::array<Entry, 3> kPropertyEntries{
    Entry{"", "(property: string): dynamic", "CASE WHEN {0} IS NOT NULL THEN to_json({0}) END",
          Naming::None, Nulls::Sometimes},
    Entry{"", "(property: long): dynamic", "CASE WHEN {0} IS NOT NULL THEN to_json({0}) END",
          Naming::None, Nulls::Sometimes},
    Entry{"", "(property: bool): dynamic", "CASE WHEN {0} IS NOT NULL THEN to_json({0}) END",
          Naming::None, Nulls::Sometimes}};
// A string that may be absent, as the language has it.
constexpr Entry kTextEntry{"", "(property: string): string", "coalesce({0}, '')", Naming::None,
                           Nulls::Never};

// A property's name stands in the text of every object that has the property (in its escaped form,
// if somebody wrote one: it is still its name).
constexpr std::array<Entry, 2> kNameEntries{
    Entry{"", "(match: bool, property: string): bool", "CASE WHEN {1} <> '' THEN true ELSE {0} END",
          Naming::None, Nulls::Never},
    Entry{"", "(match: bool, property: string): bool",
          "CASE WHEN {1} <> '' THEN false ELSE {0} END", Naming::None, Nulls::Never}};

// The same where no other property has the name in its own: an object without the property has it
// in a value or in the rest, or nowhere. "" says nothing: some objects that lack a property have
// that.
constexpr std::array<Entry, 2> kOnlyNameEntries{
    Entry{"", "(match: bool, property: string, text: string...): bool",
          "CASE WHEN {1} <> '' THEN true WHEN {1} IS NULL AND NOT kql_object_may_say({*2}) THEN "
          "false ELSE {0} END",
          Naming::None, Nulls::Never},
    Entry{"", "(match: bool, property: string, text: string...): bool",
          "CASE WHEN {1} <> '' THEN false WHEN {1} IS NULL AND NOT kql_object_may_say({*2}) THEN "
          "true ELSE {0} END",
          Naming::None, Nulls::Never}};

// What a text contains, asked of those that may contain it only.
constexpr std::array<Entry, 2> kSearchEntries{
    Entry{"", "(match: bool, text: string...): bool",
          "CASE WHEN kql_object_may_contain({*1}) THEN {0} ELSE false END", Naming::None,
          Nulls::Never},
    Entry{"", "(match: bool, text: string...): bool",
          "CASE WHEN kql_object_may_contain({*1}) THEN {0} ELSE true END", Naming::None,
          Nulls::Never}};

Overload overload_of(const Entry& entry, Type from, Type to) {
  Overload out;
  out.entry = &entry;
  out.parameters = {{"property", from}};
  out.result = to;
  return out;
}

// The property's column as a dynamic value.
const Overload& property_overload(Type type) {
  static const std::array<Overload, 3> overloads{
      overload_of(kPropertyEntries[0], Type::String, Type::Dynamic),
      overload_of(kPropertyEntries[1], Type::Long, Type::Dynamic),
      overload_of(kPropertyEntries[2], Type::Bool, Type::Dynamic)};
  return overloads[type == Type::String ? 0 : type == Type::Long ? 1 : 2];
}

const Overload& text_overload() {
  static const Overload overload = overload_of(kTextEntry, Type::String, Type::String);
  return overload;
}

Overload overload_of_match(const Entry& entry, bool variadic) {
  Overload out;
  out.entry = &entry;
  out.parameters = {{"match", Type::Bool}, {"text", Type::String}};
  out.variadic = variadic;
  out.result = Type::Bool;
  return out;
}

const Overload& search_overload(bool negated) {
  static const std::array<Overload, 2> overloads{overload_of_match(kSearchEntries[0], true),
                                                 overload_of_match(kSearchEntries[1], true)};
  return overloads[negated ? 1 : 0];
}

const Overload& name_overload(bool negated) {
  static const std::array<Overload, 2> overloads{overload_of_match(kNameEntries[0], false),
                                                 overload_of_match(kNameEntries[1], false)};
  return overloads[negated ? 1 : 0];
}

Overload overload_of_name(const Entry& entry) {
  Overload out = overload_of_match(entry, true);
  out.parameters.insert(out.parameters.begin() + 1, {"property", Type::String});
  return out;
}

const Overload& only_name_overload(bool negated) {
  static const std::array<Overload, 2> overloads{overload_of_name(kOnlyNameEntries[0]),
                                                 overload_of_name(kOnlyNameEntries[1])};
  return overloads[negated ? 1 : 0];
}

// Whether one property has the name, and no other has it in its own.
bool is_in_one_name(const Shredded& parts, std::string_view name) {
  const std::string wanted = base::to_lower(name);
  return std::ranges::count_if(parts.properties, [&](const Shredded::Property& each) {
           return base::to_lower(each.name).contains(wanted);
         }) == 1;
}

// Whether what has the needle in it as a word of its own, somewhere, matches.
bool matches_anywhere(ast::TextOp op) {
  using ast::TextOp;
  return op == TextOp::Has || op == TextOp::HasPrefix || op == TextOp::HasSuffix ||
         op == TextOp::Contains;
}

// The argument of parse_json(text).
const plan::Expr* parsed_text(const plan::Expr& expr) {
  const auto* apply = std::get_if<plan::Apply>(&expr.form);
  if (apply == nullptr || apply->overload->entry->sql != "kql_parse_json({0})") return nullptr;
  return apply->arguments.front();
}

// Whether what the language says of a dynamic value is what it says of the value itself: a dynamic
// number is no time, to begin with.
bool same_as_dynamic(Type from, Type to) {
  if (from == Type::String) return true;
  if (to == Type::String || to == from) return true;
  return from == Type::Long && (is_numeric(to) || to == Type::Bool);
}

}  // namespace

void Binder::use_hidden(ColumnId id) {
  plan_.hidden_used.insert(id);
  auto copy = hidden_copies_.upper_bound(id);
  if (copy == hidden_copies_.begin()) return;
  --copy;
  const auto [original, count] = copy->second;
  if (id - copy->first < count) use_hidden(original + (id - copy->first));
}

void Binder::see_hidden(const Table& table, plan::Scan& scan, Relation& out) {
  if (!table.shredded) return;
  const Shredded& parts = *table.shredded;
  const auto column = std::ranges::find(out.columns, parts.column, &plan::NamedColumn::name);
  if (column == out.columns.end()) return;
  scan.hidden = plan::Hidden{&parts, next_column_};
  next_column_ += static_cast<ColumnId>(parts.hidden_count());
  out.shredded.push_back({column->id, column->type == Type::Dynamic, *scan.hidden});
}

// The property that is asked for, from where the table has it; nullptr: it has to be looked for.
ExprRef Binder::shredded_member(ExprRef base, const plan::Step& step) {
  const auto* name = std::get_if<std::string>(&step.key);
  if (name == nullptr || rows_ == nullptr) return nullptr;
  const plan::Expr* text = parsed_text(*base);
  const auto* reference = std::get_if<plan::ColumnRef>(text != nullptr ? &text->form : &base->form);
  if (reference == nullptr) return nullptr;
  const auto found = std::ranges::find_if(rows_->shredded, [&](const ShreddedColumn& each) {
    return each.id == reference->id && each.parsed == (text == nullptr);
  });
  if (found == rows_->shredded.end()) return nullptr;
  const auto [parts, first] = found->hidden;
  const auto property = std::ranges::find(parts->properties, *name, &Shredded::Property::name);
  if (property == parts->properties.end()) {
    const ColumnId rest = first + static_cast<ColumnId>(2 * parts->properties.size());
    use_hidden(rest);
    const ExprRef kept = make(Type::String, false, 1, plan::ColumnRef{rest});
    const ExprRef object = convert(kept, Type::Dynamic);
    if (object == nullptr) return nullptr;
    return make(Type::Dynamic, true, object->weight + 1, plan::JsonPath{object, {step}});
  }
  const ColumnId id = first + static_cast<ColumnId>(2 * (property - parts->properties.begin()));
  use_hidden(id);
  if (!property->datetime_column.empty()) hidden_datetimes_[id] = id + 1;
  const ExprRef value = make(property->type, true, 1, plan::ColumnRef{id});
  if (value == nullptr) return nullptr;
  return make(Type::Dynamic, true, 3, plan::Apply{&property_overload(property->type), {value}});
}

// A property of shredded_member() as a type; nullptr: as any dynamic value.
ExprRef Binder::shredded_value(ExprRef property, Type to) {
  const auto* apply = std::get_if<plan::Apply>(&property->form);
  const bool known =
      apply != nullptr && std::ranges::any_of(kPropertyEntries, [&](const auto& each) {
        return &each == apply->overload->entry;
      });
  if (!known) return nullptr;
  const ExprRef column = apply->arguments.front();
  const Type from = column->type;
  const auto* reference = std::get_if<plan::ColumnRef>(&column->form);
  const auto datetime = hidden_datetimes_.find(reference->id);
  if (to == Type::DateTime && datetime != hidden_datetimes_.end()) {
    use_hidden(datetime->second);
    return make(to, true, 1, plan::ColumnRef{datetime->second});
  }
  if (to == Type::Dynamic || !same_as_dynamic(from, to)) return nullptr;
  if (from != Type::String) return convert(column, to);
  return convert(make(Type::String, false, 2, plan::Apply{&text_overload(), {column}}), to);
}

// A match of an object's text, which need not be put together where its parts do not have what is
// looked for; any other match as it is.
ExprRef Binder::searched_first(ExprRef match) {
  const auto* form = match == nullptr ? nullptr : std::get_if<plan::TextMatch>(&match->form);
  if (form == nullptr || rows_ == nullptr || form->op == ast::TextOp::MatchesRegex ||
      form->op == ast::TextOp::EqualNoCase || (form->needles.size() > 1 && !form->all))
    return match;
  const auto* reference = std::get_if<plan::ColumnRef>(&form->text->form);
  const ExprRef needle = form->needles.front();
  if (reference == nullptr || !std::holds_alternative<plan::Constant>(needle->form)) return match;
  const auto found = std::ranges::find_if(rows_->shredded, [&](const ShreddedColumn& each) {
    return each.id == reference->id && !each.parsed && each.hidden.parts->searchable;
  });
  if (found == rows_->shredded.end()) return match;
  const auto [parts, first] = found->hidden;
  std::vector<ExprRef> arguments{match, needle};
  const auto add = [&](std::size_t hidden) {
    const ColumnId id = first + static_cast<ColumnId>(hidden);
    use_hidden(id);
    arguments.push_back(make(Type::String, true, 1, plan::ColumnRef{id}));
  };
  add(2 * parts->properties.size());
  for (std::size_t i = 0; i < parts->properties.size(); ++i) {
    const Shredded::Property& property = parts->properties[i];
    if (property.type == Type::String && property.datetime_column.empty()) add(2 * i);
  }
  if (std::ranges::find(arguments, nullptr) != arguments.end()) return nullptr;
  const std::uint32_t weight = weight_of(arguments);
  std::vector<ExprRef> parts_looked_at = arguments;
  const ExprRef searched = make(Type::Bool, false, weight,
                                plan::Apply{&search_overload(form->negated), std::move(arguments)});
  if (searched == nullptr || form->needles.size() > 1 || !matches_anywhere(form->op))
    return searched;
  // "" says nothing: some objects that lack a property have that.
  const std::string* name = std::get<plan::Constant>(needle->form).value.if_text();
  const auto named = std::ranges::find_if(parts->properties, [&](const Shredded::Property& each) {
    return each.type == Type::String && each.datetime_column.empty() && name != nullptr &&
           *name == each.name;
  });
  if (named == parts->properties.end()) return searched;
  const ColumnId id = first + static_cast<ColumnId>(2 * (named - parts->properties.begin()));
  const ExprRef property = make(Type::String, true, 1, plan::ColumnRef{id});
  if (property == nullptr) return nullptr;
  if (!is_in_one_name(*parts, *name)) {
    return make(Type::Bool, false, weight + 2,
                plan::Apply{&name_overload(form->negated), {searched, property}});
  }
  // The match and where else it looks; the property stands between them.
  parts_looked_at.insert(parts_looked_at.begin() + 1, property);
  return make(Type::Bool, false, weight + 2,
              plan::Apply{&only_name_overload(form->negated), std::move(parts_looked_at)});
}

std::vector<plan::Hidden> Binder::hidden_of(const std::vector<ShreddedColumn>& shredded) {
  std::vector<plan::Hidden> out;
  for (const ShreddedColumn& each : shredded) {
    if (std::ranges::find(out, each.hidden.first, &plan::Hidden::first) == out.end())
      out.push_back(each.hidden);
  }
  return out;
}

// Which of the columns that are made are such an object, too.
void Binder::follow_shredded(const std::vector<plan::Output>& outputs,
                             const std::vector<ShreddedColumn>& input,
                             std::vector<ShreddedColumn>& out) {
  for (const plan::Output& output : outputs) {
    const plan::Expr* text = parsed_text(*output.value);
    const auto* reference =
        std::get_if<plan::ColumnRef>(text != nullptr ? &text->form : &output.value->form);
    if (reference == nullptr) continue;
    const auto found = std::ranges::find_if(input, [&](const ShreddedColumn& each) {
      return each.id == reference->id && (text == nullptr || !each.parsed);
    });
    if (found == input.end()) continue;
    const ShreddedColumn source = *found;
    out.push_back({output.id, source.parsed || text != nullptr, source.hidden});
  }
}

void Binder::refer_hidden(const LetTable& table, plan::SharedRef& form, Relation& out) {
  std::map<ColumnId, ColumnId> firsts;  // old, new
  for (const plan::Hidden& old : hidden_of(table.shredded)) {
    const std::size_t count = old.parts->hidden_count();
    firsts[old.first] = next_column_;
    hidden_copies_[next_column_] = {old.first, count};
    form.hidden.emplace_back(plan::Hidden{old.parts, next_column_}, old.first);
    next_column_ += static_cast<ColumnId>(count);
  }
  for (const ShreddedColumn& each : table.shredded) {
    const auto column =
        std::ranges::find(form.columns, each.id, &std::pair<ColumnId, ColumnId>::second);
    if (column == form.columns.end()) continue;
    out.shredded.push_back(
        {column->first, each.parsed, {each.hidden.parts, firsts[each.hidden.first]}});
  }
}

}  // namespace kql::bind
