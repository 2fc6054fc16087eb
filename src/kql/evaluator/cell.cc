#include "kql/evaluator/cell.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace kql::evaluator {
namespace {

std::string canonical_real(double number) {
  if (std::isnan(number)) return "nan";
  if (number == 0) return "0";
  return fmt::format("{:.9g}", number);
}

std::string canonical_json(const Json& json) {
  if (const std::int64_t* number = json.if_int()) return fmt::format("{}", *number);
  if (const double* number = json.if_double()) {
    const bool whole = std::floor(*number) == *number && std::abs(*number) < 9e15;
    return whole ? fmt::format("{}", static_cast<std::int64_t>(*number)) : canonical_real(*number);
  }
  if (const Json::Array* array = json.if_array()) {
    std::string out = "[";
    for (const Json& each : *array)
      out += canonical_json(each) + ",";
    return out + "]";
  }
  if (const Json::Object* object = json.if_object()) {
    std::vector<std::string> members;
    for (const base::json::Member& each : *object) {
      members.push_back(base::json::quoted(each.name) + ":" + canonical_json(each.value));
    }
    std::sort(members.begin(), members.end());
    std::string out = "{";
    for (const std::string& each : members)
      out += each + ",";
    return out + "}";
  }
  return json.to_json();
}

}  // namespace

Cell Cell::null(Type type) {
  if (type == Type::String) return of(std::string());
  return {type, std::monostate{}};
}

Cell Cell::of(Json json) {
  if (json.is_null()) return null(Type::Dynamic);
  return {Type::Dynamic, Dynamic{std::move(json)}};
}

std::size_t Table::find(std::string_view name) const {
  std::size_t at = 0;
  while (at < columns.size() && columns[at].name != name)
    ++at;
  return at;
}

int order(const Cell& a, const Cell& b) {
  const auto compare = [](const auto& x, const auto& y) { return x < y ? -1 : (y < x ? 1 : 0); };
  switch (a.type) {
    case Type::Bool:
      return compare(static_cast<int>(a.flag()), static_cast<int>(b.flag()));
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return compare(a.integer(), b.integer());
    case Type::Real:
      return compare(a.real(), b.real());
    case Type::String:
    case Type::Guid:
    case Type::Decimal:
      return compare(a.text(), b.text());
    case Type::Dynamic:
      break;
  }
  return 0;
}

std::string json_text(const Json& json) {
  if (const double* number = json.if_double()) {
    std::string out = fmt::format("{}", *number);
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
  }
  std::string out;
  if (const Json::Array* array = json.if_array()) {
    for (const Json& each : *array)
      out += (out.empty() ? "[" : ",") + json_text(each);
    return out.empty() ? "[]" : out + "]";
  }
  if (const Json::Object* object = json.if_object()) {
    for (const base::json::Member& each : *object) {
      out +=
          (out.empty() ? "{" : ",") + base::json::quoted(each.name) + ":" + json_text(each.value);
    }
    return out.empty() ? "{}" : out + "}";
  }
  return json.to_json();
}

std::string canonical(const Cell& cell) {
  if (cell.is_null()) return "null";
  switch (cell.type) {
    case Type::Bool:
      return cell.flag() ? "true" : "false";
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return fmt::format("{}", cell.integer());
    case Type::Real:
      return canonical_real(cell.real());
    case Type::String:
      return base::json::quoted(cell.text());
    case Type::Guid:
    case Type::Decimal:
      return cell.text();
    case Type::Dynamic:
      return canonical_json(cell.json());
  }
  return "";
}

}  // namespace kql::evaluator
