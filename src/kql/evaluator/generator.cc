#include "kql/evaluator/generator.h"

#include <array>

#include <fmt/format.h>

namespace kql::evaluator {
namespace {

struct Known {
  std::string_view name;
  Type type;
};

// Every table has these. `id` numbers the rows, `k` has few values.
constexpr std::array kColumns{
    Known{"id", Type::Long},  Known{"k", Type::String},   Known{"b", Type::Bool},
    Known{"i", Type::Int},    Known{"l", Type::Long},     Known{"r", Type::Real},
    Known{"a", Type::String}, Known{"t", Type::DateTime}, Known{"s", Type::TimeSpan},
    Known{"g", Type::Guid},   Known{"d", Type::Dynamic},
};

constexpr std::array<std::string_view, 5> kKeys{"'x'", "'y'", "'X'", "''", "'z'"};

std::vector<Column> base_columns() {
  std::vector<Column> out;
  for (const Known& each : kColumns)
    out.push_back({std::string(each.name), each.type});
  return out;
}

constexpr std::array kPlainTypes{Type::String, Type::Long,     Type::Bool,
                                 Type::Real,   Type::DateTime, Type::TimeSpan,
                                 Type::Int,    Type::Guid,     Type::Dynamic};

}  // namespace

std::string Generator::data(std::string_view name, std::size_t rows) {
  std::string out = fmt::format("let {} = datatable(", name);
  for (const Known& each : kColumns) {
    out += fmt::format("{}{}:{}", &each == kColumns.data() ? "" : ", ", each.name,
                       type_name(each.type));
  }
  out += ")[\n";
  for (std::size_t i = 0; i < rows; ++i) {
    std::string row;
    for (const Known& each : kColumns) {
      std::string content = each.name == "id"  ? fmt::format("{}", i + 1)
                            : each.name == "k" ? pick(kKeys)
                                               : cell(each.type);
      row += (row.empty() ? "  " : ", ") + content;
    }
    out += row + (i + 1 < rows ? ",\n" : "");
  }
  return out + "];\n";
}

std::string Generator::fresh() {
  return fmt::format("x{}", ++names_);
}

bool Generator::has(std::string_view name) const {
  for (const Column& each : columns_) {
    if (each.name == name) return true;
  }
  return false;
}

std::string Generator::query() {
  columns_ = base_columns();
  std::string out = data("T", 1 + below(6));
  out += data("U", 1 + below(4));
  if (one_in(4)) {
    columns_ = {{"p", Type::Long}, {"q", Type::String}};
    out += fmt::format("let f = (p:long, q:string) {{ {} }};\n", value(Type::Long, 2));
    columns_ = base_columns();
    function_ = true;
  }
  unique_ = true;
  out += "T";
  const std::size_t operators = 1 + below(5);
  for (std::size_t i = 0; i < operators; ++i)
    out += "\n| " + step();
  return out;
}

std::string Generator::step() {
  switch (below(15)) {
    case 0:
    case 1:
      return "where " + value(Type::Bool, 0);
    case 2:
    case 3:
    case 4:
      return extend();
    case 5:
      return project();
    case 6:
      return sorted();
    case 7:
      return windowed();
    case 8:
      return summarize();
    case 9:
      return distinct();
    case 10:
      return join();
    case 11:
      return together();
    case 12:
      return expand();
    case 13: {
      if (one_in(3)) {
        columns_ = {{"Count", Type::Long}};
        unique_ = false;
        return "count";
      }
      return fmt::format("where {} in (U | project {})", has("k") ? "k" : "'x'",
                         one_in(2) ? "k" : "a");
    }
    default: {
      const std::string name = fresh();
      const std::string_view source = one_in(2) ? "l" : "id";
      columns_.push_back({name, Type::Long});
      return fmt::format("extend {} = toscalar(U | summarize max({}))", name, source);
    }
  }
}

// The columns of one extend do not see each other.
std::string Generator::extend() {
  std::string out = "extend ";
  std::vector<Column> columns = columns_;
  for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) {
    const Type type = kPlainTypes[below(kPlainTypes.size())];
    const std::string content = value(type, 0);
    // Sometimes in the place of a column; never of those that joins and orders count on.
    const std::size_t at = below(columns_.size());
    const bool replaces =
        i == 0 && one_in(4) && columns[at].name != "id" && columns[at].name != "k";
    const std::string name = replaces ? columns[at].name : fresh();
    if (replaces) {
      columns[at].type = type;
    } else {
      columns.push_back({name, type});
    }
    out += fmt::format("{}{} = {}", i == 0 ? "" : ", ", name, content);
  }
  columns_ = std::move(columns);
  return out;
}

std::string Generator::project() {
  if (one_in(2) && columns_.size() > 3) {
    const std::size_t at = 1 + below(columns_.size() - 1);
    const std::string name = columns_[at].name;
    if (name == "id") return "project-reorder " + name;
    if (one_in(2)) {
      const std::string renamed = fresh();
      columns_[at].name = renamed;
      return fmt::format("project-rename {} = {}", renamed, name);
    }
    columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(at));
    return "project-away " + name;
  }
  std::string out = "project ";
  std::vector<Column> columns;
  if (has("id")) {
    out += "id, ";
    columns.push_back({"id", Type::Long});
  } else {
    unique_ = false;
  }
  const std::size_t count = 1 + below(3);
  for (std::size_t i = 0; i < count; ++i) {
    const Type type = kPlainTypes[below(kPlainTypes.size())];
    const std::string name = fresh();
    out += fmt::format("{}{} = {}", i == 0 ? "" : ", ", name, value(type, 1));
    columns.push_back({name, type});
  }
  columns_ = std::move(columns);
  return out;
}

std::string Generator::sorted() {
  constexpr std::array kTypes{Type::Long, Type::String, Type::Real, Type::DateTime, Type::Int};
  constexpr std::array<std::string_view, 6> kHow{
      "", " asc", " desc", " asc nulls last", " desc nulls first", ""};
  const Type type = kTypes[below(kTypes.size())];
  const std::string key = value(type, 2) + pick(kHow);
  const std::string_view last = unique_ && has("id") ? ", id asc" : "";
  if (one_in(3)) return fmt::format("sort by {}{} | take {}", key, last, below(4));
  if (one_in(4)) return fmt::format("top {} by {}", below(4), key);
  return fmt::format("sort by {}{}", key, last);
}

std::string Generator::windowed() {
  if (!unique_ || !has("id")) return extend();
  const std::string name = fresh();
  Type type = Type::Long;
  std::string call;
  switch (below(4)) {
    case 0:
      call = fmt::format("row_number({}, {})", below(3), value(Type::Bool, 2));
      break;
    case 1:
      type = one_in(2) ? Type::Real : Type::Long;
      call = fmt::format("row_cumsum({}, {})", value(type, 2), value(Type::Bool, 2));
      break;
    default:
      type = kPlainTypes[below(kPlainTypes.size())];
      call = fmt::format("{}({}, {})", one_in(2) ? "prev" : "next", value(type, 2), 1 + below(2));
      break;
  }
  const std::string out =
      fmt::format("sort by {} asc, id | extend {} = {}", value(Type::Long, 3), name, call);
  columns_.push_back({name, type});
  return out;
}

std::string Generator::aggregate(Type& result) {
  struct Form {
    Type result;
    std::string_view pattern;
  };
  static constexpr std::array kForms{
      Form{Type::Long, "count()"},
      Form{Type::Long, "countif({b})"},
      Form{Type::Long, "dcount({a})"},
      Form{Type::Long, "sum({l})"},
      Form{Type::Real, "sum({r})"},
      Form{Type::Long, "sumif({l}, {b})"},
      Form{Type::Real, "avg({l})"},
      Form{Type::Real, "avgif({r}, {b})"},
      Form{Type::Long, "max({l})"},
      Form{Type::String, "min({s})"},
      Form{Type::DateTime, "max({t})"},
      Form{Type::TimeSpan, "min({w})"},
      Form{Type::Long, "minif({l}, {b})"},
      Form{Type::Real, "stdev({l})"},
      Form{Type::Real, "variance({i})"},
      Form{Type::Dynamic, "make_set({s})"},
      Form{Type::Dynamic, "make_set({l})"},
      Form{Type::Dynamic, "make_set_if({s}, {b})"},
      Form{Type::Dynamic, "make_list({l})"},
      Form{Type::Dynamic, "make_list({s})"},
      Form{Type::Long, "percentile({l}, 50)"},
      Form{Type::Long, "dcountif({s}, {b})"},
      Form{Type::Long, "count_distinct({s})"},
      Form{Type::Long, "binary_all_or({l})"},
      Form{Type::Real, "(todouble(sum({l})) / count())"},
      Form{Type::Long, "(max({l}) - min({l}))"},
      Form{Type::DateTime, "min({t})"},
      Form{Type::String, "strcat(max({s}), '/', count())"},
      Form{Type::Dynamic, "make_set({d})"},
      Form{Type::Dynamic, "make_list_if({a}, {b})"},
      Form{Type::Real, "max({r})"},
      Form{Type::Long, "dcount({d})"},
      Form{Type::Real, "avg({d})"},
      Form{Type::TimeSpan, "sum({w})"},
      Form{Type::Guid, "max({g})"},
      Form{Type::Bool, "(count() > {L})"},
  };
  const Form& form = kForms[below(kForms.size())];
  result = form.result;
  return filled(form.pattern, 2);
}

std::string Generator::summarize() {
  std::string keys;
  std::vector<Column> columns;
  const std::size_t count = below(3);
  constexpr std::array kTypes{Type::String, Type::Bool, Type::Long, Type::DateTime, Type::Guid};
  for (std::size_t i = 0; i < count; ++i) {
    const Type type = kTypes[below(kTypes.size())];
    const std::string name = fresh();
    keys += fmt::format("{}{} = {}", keys.empty() ? "" : ", ", name, value(type, 2));
    columns.push_back({name, type});
  }
  std::string out;
  // In an order where there is one, for lists.
  if (unique_ && has("id") && one_in(2)) out = "sort by id asc | ";
  out += "summarize ";
  if (has("id") && unique_ && one_in(6)) {
    const std::string name = fresh();
    out += fmt::format("(m{0}, {0}) = {1}(id, {2})", name, one_in(2) ? "arg_max" : "arg_min",
                       value(Type::String, 2));
    columns.push_back({"m" + name, Type::Long});
    columns.push_back({name, Type::String});
  } else {
    const std::size_t aggregates = 1 + below(3);
    for (std::size_t i = 0; i < aggregates; ++i) {
      Type type = Type::Long;
      const std::string call = aggregate(type);
      const std::string name = fresh();
      out += fmt::format("{}{} = {}", i == 0 ? "" : ", ", name, call);
      columns.push_back({name, type});
    }
  }
  columns_ = std::move(columns);
  unique_ = false;
  return keys.empty() ? out : out + " by " + keys;
}

std::string Generator::distinct() {
  const Type type = one_in(2) ? Type::String : Type::Long;
  const std::string a = fresh();
  const std::string b = fresh();
  const std::string out = fmt::format("project {} = {}, {} = {} | distinct {}, {}", a,
                                      value(type, 1), b, value(Type::Bool, 2), a, b);
  columns_ = {{a, type}, {b, Type::Bool}};
  unique_ = false;
  return out;
}

std::string Generator::join() {
  constexpr std::array<std::string_view, 8> kKinds{"inner",     "leftouter", "rightouter",
                                                   "fullouter", "leftsemi",  "leftanti",
                                                   "rightsemi", "rightanti"};
  struct Condition {
    std::string_view column;
    std::string_view text;
  };
  constexpr std::array kConditions{Condition{"k", "k"}, Condition{"l", "$left.l == $right.i"},
                                   Condition{"k", "$left.k == $right.a"}, Condition{"b", "k, b"},
                                   Condition{"t", "$left.t == $right.t"}};
  const Condition& condition = kConditions[below(kConditions.size())];
  if (!has(condition.column) || !has("k")) return extend();
  for (const Column& each : columns_) {
    for (const Known& known : kColumns) {
      if (each.name == known.name && each.type != known.type) return extend();
    }
  }
  const std::string renamed = fresh();
  if (one_in(4)) {
    columns_.push_back({renamed, Type::Long});
    unique_ = false;
    return fmt::format("lookup (U | project k, {} = id) on k", renamed);
  }
  if (one_in(5)) {
    columns_ = {{"k", Type::String}, {"k1", Type::String}, {renamed, Type::Real}};
    unique_ = false;
    return fmt::format("distinct k | join (U | project k, {} = r) on k", renamed);
  }
  const std::string kind = pick(kKinds);
  const std::string out = fmt::format("join kind={} (U) on {}", kind, condition.text);
  if (kind == "leftsemi" || kind == "leftanti") return out;
  if (kind.starts_with("right") && kind != "rightouter") {
    columns_ = base_columns();
    return out;
  }
  unique_ = false;
  return out;
}

std::string Generator::together() {
  const bool source = one_in(3);
  bool same = true;
  for (const Column& each : columns_) {
    for (const Known& known : kColumns) {
      if (each.name == known.name && each.type != known.type) same = false;
    }
  }
  if (!same) return extend();
  unique_ = false;
  std::vector<Column> columns = columns_;
  for (const Known& each : kColumns) {
    if (!has(each.name)) columns.push_back({std::string(each.name), each.type});
  }
  columns_ = std::move(columns);
  if (!source) return one_in(4) ? "union kind=outer (U | where b)" : "union U";
  const std::string name = fresh();
  columns_.push_back({name, Type::String});
  return fmt::format("union withsource={} U", name);
}

std::string Generator::expand() {
  const std::string name = fresh();
  const std::string content = value(Type::Dynamic, 2);
  unique_ = false;
  constexpr std::array kTypes{Type::Dynamic, Type::Long, Type::String, Type::Real};
  const Type type = kTypes[below(kTypes.size())];
  columns_.push_back({name, type});
  std::string how = one_in(4) ? "kind=array " : "";
  if (one_in(4)) {
    const std::string index = fresh();
    columns_.push_back({index, Type::Long});
    how += fmt::format("with_itemindex={} ", index);
  }
  const std::string to =
      type == Type::Dynamic ? "" : fmt::format(" to typeof({})", type_name(type));
  return fmt::format("mv-expand {}{} = {}{}{}", how, name, content, to,
                     one_in(4) ? " limit 2" : "");
}

}  // namespace kql::evaluator
