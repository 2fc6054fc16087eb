#include "hub/queries/fleet.h"

#include <algorithm>
#include <cmath>

namespace hub::queries {

using base::Result;
using base::json::Value;
using iotql::Restriction;
using iotql::Step;

namespace {

constexpr std::size_t kMaxValues = 256;
// Up to here SQLite's numbers and ours compare alike.
constexpr std::int64_t kExact = std::int64_t{1} << 53U;

constexpr std::string_view kFrom =
    " FROM identity i LEFT JOIN twin t ON t.device_id = i.device_id AND t.module_id = i.module_id "
    "AND t.generation_id = i.generation_id WHERE ";

// A condition of SQL, with what is bound to its question marks.
struct Condition {
  std::string sql;
  std::vector<Value> values;
};

bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  });
}

// Does SQLite find the value where the query does?
bool is_exact(const Value& value) {
  if (value.if_string() != nullptr) return true;
  if (const auto* number = value.if_int()) return *number > -kExact && *number < kExact;
  return value.if_double() != nullptr &&
         std::fabs(*value.if_double()) < static_cast<double>(kExact);
}

// tags.a[0] as $."a"[0]; empty: it cannot be said.
std::string json_path(std::span<const Step> steps) {
  std::string path = "$";
  for (const Step& step : steps) {
    if (step.index >= 0) {
      path += "[" + std::to_string(step.index) + "]";
    } else if (is_plain(step.name)) {
      path += ".\"" + step.name + "\"";
    } else {
      return {};
    }
  }
  return path;
}

void append_one_of(Condition& condition, std::string_view expression,
                   const std::vector<Value>& values) {
  condition.sql.append(" AND ").append(expression).append(" IN (");
  for (std::size_t i = 0; i < values.size(); ++i)
    condition.sql += i == 0 ? "?" : ",?";
  condition.sql += ")";
  condition.values.insert(condition.values.end(), values.begin(), values.end());
}

// The first text behind all that start with the prefix; nullopt: there is none.
std::optional<std::string> behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF)
    prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

void restrict_id(Condition& condition, std::string_view column, const Restriction& restriction) {
  const auto is_text = [](const Value& value) { return value.if_string() != nullptr; };
  if (!std::ranges::all_of(restriction.values, is_text)) return;
  if (restriction.kind == Restriction::Kind::OneOf)
    return append_one_of(condition, column, restriction.values);
  condition.sql.append(" AND ").append(column).append(" >= ?");
  condition.values.push_back(restriction.values[0]);
  if (auto end = behind(*restriction.values[0].if_string())) {
    condition.sql.append(" AND ").append(column).append(" < ?");
    condition.values.emplace_back(std::move(*end));
  }
}

void restrict_status(Condition& condition, const Restriction& restriction) {
  std::vector<Value> values;
  for (const Value& value : restriction.values) {
    const std::string* text = value.if_string();
    const auto status = text == nullptr ? std::nullopt : identity::parse_status(*text);
    if (status) values.emplace_back(static_cast<std::int64_t>(*status));
  }
  append_one_of(condition, "i.status", values);
}

void restrict_tag(Condition& condition, const Restriction& restriction) {
  if (!std::ranges::all_of(restriction.values, is_exact)) return;
  const std::string path = json_path(std::span(restriction.path).subspan(1));
  if (path.empty()) return;
  condition.values.emplace_back(path);
  append_one_of(condition, "json_extract(t.tags, ?)", restriction.values);
}

void apply(Condition& condition, const Restriction& restriction) {
  if (restriction.values.size() > kMaxValues) return;
  const std::string& first = restriction.path[0].name;
  const bool alone = restriction.path.size() == 1;
  const bool one_of = restriction.kind == Restriction::Kind::OneOf;
  if (alone && first == "deviceId") return restrict_id(condition, "i.device_id", restriction);
  if (alone && first == "moduleId") return restrict_id(condition, "i.module_id", restriction);
  if (alone && first == "status" && one_of) return restrict_status(condition, restriction);
  if (!alone && first == "tags" && one_of) restrict_tag(condition, restriction);
}

void bind(store::Statement& statement, int parameter, const Value& value) {
  if (const auto* text = value.if_string()) statement.bind(parameter, *text);
  if (const auto* whole = value.if_int()) statement.bind(parameter, *whole);
  if (const auto* real = value.if_double()) statement.bind(parameter, *real);
}

std::string select(std::string_view condition) {
  std::string sql = "SELECT ";
  sql.append(TwinDocument::kColumns).append(kFrom).append(condition);
  return sql + " ORDER BY i.device_id, i.module_id";
}

}  // namespace

Result<Fleet> Fleet::open(const std::string& path, const Outside& outside) {
  auto database = TRY(store::Sqlite::open(path, store::SqliteMode::ReadOnly));
  return Fleet(std::move(database), outside);
}

Result<void> Fleet::scan(const Range& range, const Visit& visit) {
  Condition condition{"(i.device_id, i.module_id) > (?, ?)",
                      {Value(range.after.device_id), Value(range.after.module_id)}};
  if (range.kind == Kind::Devices) condition.sql += " AND i.module_id = ''";
  if (range.kind == Kind::Modules) condition.sql += " AND i.module_id <> ''";
  if (range.restrictions != nullptr) {
    for (const Restriction& restriction : *range.restrictions)
      apply(condition, restriction);
  }
  auto rows = TRY(database_.prepare(select(condition.sql)));
  int parameter = 0;
  for (const Value& value : condition.values)
    bind(rows, ++parameter, value);
  return visit_rows(std::move(rows), visit);
}

Result<void> Fleet::scan_device(std::string_view device_id, const Visit& visit) {
  auto rows = TRY(database_.prepare(select("i.device_id = ?")));
  rows.bind_all(device_id);
  return visit_rows(std::move(rows), visit);
}

Result<void> Fleet::visit_rows(store::Statement rows, const Visit& visit) {
  while (TRY(rows.step())) {
    const TwinDocument document(rows, *outside_);
    if (visit(document) == Next::Stop) break;
  }
  return {};
}

}  // namespace hub::queries
