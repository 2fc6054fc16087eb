#include "iotql/query.h"

#include <algorithm>

#include "base/result.h"
#include "iotql/eval.h"
#include "iotql/parse.h"

namespace iotql {

namespace {

bool uses(const Expr& expr, std::span<const std::string_view> names) {
  if (expr.op == Op::Path) {
    // What is above the place is read as well: properties, of properties.reported.
    const std::size_t common = std::min(names.size(), expr.path.size());
    bool same = true;
    for (std::size_t i = 0; same && i < common; ++i)
      same = expr.path[i].name == names[i];
    if (same) return true;
  }
  return std::ranges::any_of(expr.operands,
                             [&](const Expr& operand) { return uses(operand, names); });
}

}  // namespace

std::string Problem::to_string() const {
  return std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

std::string_view to_string(From from) {
  switch (from) {
    case From::Devices:
      return "devices";
    case From::Modules:
      return "devices.modules";
    case From::Jobs:
      break;
  }
  return "devices.jobs";
}

Document::Found ValueDocument::find(std::span<const Step> path) const {
  return {path.empty() || path[0].index >= 0 ? nullptr : value_.find(path[0].name), 1};
}

std::expected<Query, Problem> Query::parse(std::string_view text) {
  return Query(TRY(iotql::parse(text, Grammar::Query)));
}

std::expected<Query, Problem> Query::parse_target(std::string_view condition) {
  return Query(TRY(iotql::parse(condition, Grammar::Target)));
}

From Query::from() const {
  return parsed_->from;
}

std::optional<std::size_t> Query::top() const {
  return parsed_->top;
}

bool Query::selects_all() const {
  return parsed_->all;
}

bool Query::aggregates() const {
  return !parsed_->aggregates.empty() || !parsed_->group_by.empty();
}

bool Query::matches(const Document& document) const {
  if (!parsed_->where) return true;
  Scope scope;
  scope.document = &document;
  return evaluate(*parsed_->where, scope).is_true();
}

void Query::write_row(const Document& document, base::json::Writer& writer) const {
  if (parsed_->all) return document.write(writer);
  Scope scope;
  scope.document = &document;
  writer.begin_object();
  for (const Column& column : parsed_->columns) {
    const Datum value = evaluate(column.value, scope);
    if (value.is_undefined()) continue;
    writer.key(column.name);
    value.write(writer);
  }
  writer.end_object();
}

const std::vector<Restriction>& Query::restrictions() const {
  return parsed_->restrictions;
}

bool Query::condition_uses(std::span<const std::string_view> path) const {
  return parsed_->where && uses(*parsed_->where, path);
}

}  // namespace iotql
