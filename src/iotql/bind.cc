#include "iotql/bind.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "base/text.h"
#include "iotql/datum.h"
#include "iotql/functions.h"

namespace iotql {

using base::json::Value;

namespace {

// Names that are the same whatever their case. Below tags, desired and reported, case matters.
constexpr std::array<std::string_view, 37> kNames = {"deviceId",
                                                     "moduleId",
                                                     "etag",
                                                     "deviceEtag",
                                                     "status",
                                                     "statusReason",
                                                     "statusUpdateTime",
                                                     "connectionState",
                                                     "connectionStateUpdatedTime",
                                                     "lastActivityTime",
                                                     "cloudToDeviceMessageCount",
                                                     "authenticationType",
                                                     "x509Thumbprint",
                                                     "version",
                                                     "tags",
                                                     "properties",
                                                     "capabilities",
                                                     "configurations",
                                                     "modelId",
                                                     "deviceScope",
                                                     "parentScopes",
                                                     "generationId",
                                                     "managedBy",
                                                     "jobId",
                                                     "jobType",
                                                     "type",
                                                     "startTime",
                                                     "startTimeUtc",
                                                     "endTime",
                                                     "endTimeUtc",
                                                     "createdTime",
                                                     "createdDateTimeUtc",
                                                     "lastUpdatedTime",
                                                     "lastUpdatedDateTimeUtc",
                                                     "outcome",
                                                     "error",
                                                     "failureReason"};

void canonicalise(std::string& name, std::span<const std::string_view> names) {
  const auto found = std::ranges::find_if(
      names, [&](std::string_view known) { return base::equal_ignore_case(known, name); });
  if (found != names.end()) name = *found;
}

bool starts_with_names(const std::vector<Step>& path, std::span<const std::string_view> names) {
  if (path.size() <= names.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!base::equal_ignore_case(path[i].name, names[i])) return false;
  }
  return true;
}

// devices.jobs.status is status: paths may begin with the collection.
void strip_collection(std::vector<Step>& path, From from) {
  constexpr std::array<std::string_view, 2> kModules = {"devices", "modules"};
  constexpr std::array<std::string_view, 2> kJobs = {"devices", "jobs"};
  std::span<const std::string_view> prefix = std::span(kModules).first(1);
  if (from == From::Modules && starts_with_names(path, kModules)) prefix = kModules;
  if (from == From::Jobs && starts_with_names(path, kJobs)) prefix = kJobs;
  if (starts_with_names(path, prefix))
    path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
}

void name_paths(Expr& expr, From from) {
  if (expr.op == Op::Path) {
    strip_collection(expr.path, from);
    canonicalise(expr.path[0].name, kNames);
    if (expr.path.size() > 1 && expr.path[0].name == "properties") {
      constexpr std::array<std::string_view, 2> kParts = {"desired", "reported"};
      canonicalise(expr.path[1].name, kParts);
    }
  }
  for (Expr& operand : expr.operands)
    name_paths(operand, from);
}

bool same_expression(const Expr& a, const Expr& b) {
  return a.op == b.op && a.path == b.path && a.function == b.function && a.index == b.index &&
         same(Datum(&a.literal), Datum(&b.literal)) &&
         std::ranges::equal(a.operands, b.operands, same_expression);
}

// Puts the keys of the group in the place of what the query groups by.
Lexed<void> refer_to_group(Expr& expr, const std::vector<Expr>& group_by) {
  for (std::size_t i = 0; i < group_by.size(); ++i) {
    if (!same_expression(expr, group_by[i])) continue;
    const Span span = expr.span;
    expr = {};
    expr.op = Op::GroupKey;
    expr.index = i;
    expr.span = span;
    return {};
  }
  if (expr.op == Op::Path) {
    return std::unexpected(
        Fault{"in a query that aggregates, a property stands in GROUP BY or inside an aggregate",
              expr.span});
  }
  for (Expr& operand : expr.operands) {
    TRY(refer_to_group(operand, group_by));
  }
  return {};
}

Lexed<void> bind_groups(Parsed& parsed) {
  if (parsed.group_by.empty() && parsed.aggregates.empty()) return {};
  if (parsed.all)
    return std::unexpected(
        Fault{"SELECT * has no groups: name what GROUP BY names", parsed.group_by[0].span});
  for (Column& column : parsed.columns) {
    TRY(refer_to_group(column.value, parsed.group_by));
  }
  return {};
}

bool is_comparable(const Expr& expr) {
  return expr.op == Op::Literal && Datum(&expr.literal).node() == nullptr &&
         !expr.literal.is_null();
}

void restrict_by_equality(const Expr& path, const Expr& value, std::vector<Restriction>& found) {
  if (path.op != Op::Path || !is_comparable(value)) return;
  found.push_back({Restriction::Kind::OneOf, path.path, {value.literal}});
}

void find_restrictions(const Expr& expr, std::vector<Restriction>& found) {
  switch (expr.op) {
    case Op::And:
      for (const Expr& operand : expr.operands)
        find_restrictions(operand, found);
      return;
    case Op::Equal:
      restrict_by_equality(expr.operands[0], expr.operands[1], found);
      restrict_by_equality(expr.operands[1], expr.operands[0], found);
      return;
    case Op::In: {
      const Expr& list = expr.operands[1];
      if (expr.operands[0].op != Op::Path || list.op != Op::Array) return;
      if (!std::ranges::all_of(list.operands, is_comparable)) return;
      Restriction restriction{Restriction::Kind::OneOf, expr.operands[0].path, {}};
      for (const Expr& item : list.operands)
        restriction.values.push_back(item.literal);
      found.push_back(std::move(restriction));
      return;
    }
    case Op::Call: {
      if (!expr.function->name.starts_with("STARTS")) return;
      const Expr& prefix = expr.operands[1];
      if (expr.operands[0].op == Op::Path && prefix.op == Op::Literal &&
          prefix.literal.if_string() != nullptr)
        found.push_back({Restriction::Kind::StartsWith, expr.operands[0].path, {prefix.literal}});
      return;
    }
    default:
      return;
  }
}

}  // namespace

Lexed<void> bind(Parsed& parsed) {
  for (Column& column : parsed.columns) {
    name_paths(column.value, parsed.from);
    if (column.name.empty()) column.name = column.value.path.back().name;
  }
  for (Expr& expr : parsed.group_by)
    name_paths(expr, parsed.from);
  for (Aggregate& aggregate : parsed.aggregates) {
    if (aggregate.argument) name_paths(*aggregate.argument, parsed.from);
  }
  if (parsed.where) name_paths(*parsed.where, parsed.from);
  if (parsed.where) find_restrictions(*parsed.where, parsed.restrictions);
  return bind_groups(parsed);
}

}  // namespace iotql
