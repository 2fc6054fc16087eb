#include "iotql/groups.h"

#include "iotql/eval.h"

namespace iotql {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

// One aggregate of one group.
struct Folded {
  std::int64_t count = 0;  // of values that counted
  double sum = 0;
  std::int64_t whole_sum = 0;
  bool is_whole = true;
  Value best;  // MIN, MAX

  void add(Fold fold, const Datum& value);
  void add_number(const Datum& value);
  Datum result(Fold fold) const;
  std::size_t bytes() const { return best.if_string() == nullptr ? 0 : best.if_string()->size(); }
};

void Folded::add_number(const Datum& value) {
  const auto number = value.number();
  if (!number) return;
  ++count;
  sum += *number;
  is_whole = is_whole && value.whole() != nullptr &&
             !__builtin_add_overflow(whole_sum, *value.whole(), &whole_sum);
}

void Folded::add(Fold fold, const Datum& value) {
  if (fold == Fold::Count) {
    count += value.is_undefined() ? 0 : 1;
  } else if (fold == Fold::Sum || fold == Fold::Average) {
    add_number(value);
  } else if (!value.is_undefined() && value.node() == nullptr) {
    const int compared = count == 0 ? 0 : order_any(value, Datum(&best));
    if (count == 0 || (fold == Fold::Min ? compared < 0 : compared > 0)) best = value.to_value();
    ++count;
  }
}

Datum Folded::result(Fold fold) const {
  switch (fold) {
    case Fold::Count:
      return Datum(count);
    case Fold::Sum:
      return is_whole ? Datum(whole_sum) : Datum(sum);
    case Fold::Average:
      return count == 0 ? Datum() : Datum(sum / static_cast<double>(count));
    case Fold::Min:
    case Fold::Max:
      break;
  }
  return count == 0 ? Datum() : Datum(&best);
}

}  // namespace

struct Groups::Group {
  std::vector<std::optional<Value>> keys;  // nullopt: undefined
  std::vector<Folded> folded;
};

Groups::Groups(const Query& query) : query_(query) {
  // COUNT() of nothing is a row, too.
  if (query_.parsed_->group_by.empty()) groups_.emplace("", make_group());
}

Groups::~Groups() = default;

Groups::Group Groups::make_group() const {
  Group group;
  group.folded.resize(query_.parsed_->aggregates.size());
  return group;
}

Result<void> Groups::add(const Document& document) {
  const Parsed& parsed = *query_.parsed_;
  Scope scope;
  scope.document = &document;
  std::string key;
  std::vector<std::optional<Value>> keys;
  for (const Expr& expr : parsed.group_by) {
    const Datum value = evaluate(expr, scope);
    if (value.is_undefined()) {
      keys.emplace_back();
    } else {
      keys.emplace_back(value.to_value());
      key += keys.back()->to_json();
    }
    key += ',';
    if (key.size() > kMaxGroupKeyBytes)
      return fail(Code::Full, "query", -1, "the values to group by have more than 1024 bytes");
  }
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    if (groups_.size() == kMaxGroups)
      return fail(Code::Full, "query", -1, "there are more than 10000 groups");
    bytes_ += 2 * key.size();
    found = groups_.emplace(std::move(key), make_group()).first;
    found->second.keys = std::move(keys);
  }
  for (std::size_t i = 0; i < parsed.aggregates.size(); ++i) {
    const Aggregate& aggregate = parsed.aggregates[i];
    const Datum value =
        aggregate.argument ? evaluate(*aggregate.argument, scope) : Datum(std::int64_t{1});
    Folded& folded = found->second.folded[i];
    bytes_ -= folded.bytes();
    folded.add(aggregate.fold, value);
    bytes_ += folded.bytes();
  }
  if (bytes_ > kMaxGroupBytes)
    return fail(Code::Full, "query", -1, "the groups need more than 32 MiB");
  return {};
}

std::vector<Groups::Row> Groups::rows(std::string_view after, std::size_t limit) const {
  const Parsed& parsed = *query_.parsed_;
  std::vector<Row> rows;
  // No group's key but that of all documents is empty.
  auto at = after.empty() ? groups_.begin() : groups_.upper_bound(after);
  for (; at != groups_.end() && rows.size() < limit; ++at) {
    std::vector<Datum> keys;
    for (const auto& key : at->second.keys)
      keys.push_back(key ? Datum(&*key) : Datum());
    std::vector<Datum> folded;
    for (std::size_t i = 0; i < parsed.aggregates.size(); ++i)
      folded.push_back(at->second.folded[i].result(parsed.aggregates[i].fold));
    Row row{at->first, {}};
    base::json::Writer writer(row.json);
    writer.begin_object();
    for (const Column& column : parsed.columns) {
      Scope scope;
      scope.group_keys = keys;
      scope.aggregates = folded;
      const Datum value = evaluate(column.value, scope);
      if (value.is_undefined()) continue;
      writer.key(column.name);
      value.write(writer);
    }
    writer.end_object();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::size_t Groups::size() const {
  return groups_.size();
}

}  // namespace iotql
