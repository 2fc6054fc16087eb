#include "kql/types.h"

#include <array>
#include <utility>

namespace kql {
namespace {

struct TypeNames {
  std::string_view kql;
  std::string_view sql;
};

constexpr std::array<TypeNames, kTypeCount> kNames{{
    {"bool", "BOOLEAN"},
    {"int", "INTEGER"},
    {"long", "BIGINT"},
    {"real", "DOUBLE"},
    {"decimal", "DECIMAL(38,12)"},
    {"string", "VARCHAR"},
    {"datetime", "BIGINT"},
    {"timespan", "BIGINT"},
    {"guid", "UUID"},
    {"dynamic", "JSON"},
}};

constexpr std::array<std::pair<std::string_view, Type>, 12> kAliases{{
    {"boolean", Type::Bool},
    {"int32", Type::Int},
    {"int64", Type::Long},
    {"double", Type::Real},
    {"float", Type::Real},
    {"date", Type::DateTime},
    {"time", Type::TimeSpan},
    {"uuid", Type::Guid},
    {"uniqueid", Type::Guid},
    {"object", Type::Dynamic},
    {"text", Type::String},
    {"single", Type::Real},
}};

}  // namespace

std::string_view type_name(Type type) {
  return kNames[static_cast<std::size_t>(type)].kql;
}

std::string_view sql_type(Type type) {
  return kNames[static_cast<std::size_t>(type)].sql;
}

std::optional<Type> type_of_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i].kql == name) return static_cast<Type>(i);
  }
  for (const auto& [alias, type] : kAliases) {
    if (alias == name) return type;
  }
  return std::nullopt;
}

}  // namespace kql
