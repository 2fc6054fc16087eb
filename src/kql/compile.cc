#include "kql/kql.h"

namespace kql {

std::expected<Compiled, std::vector<Diagnostic>> compile(std::string_view query,
                                                         const Catalogue& catalogue,
                                                         const Options& options) {
  static_cast<void>(query), static_cast<void>(catalogue), static_cast<void>(options);
  return std::unexpected(std::vector<Diagnostic>{{.message = "KQL is not linked in yet"}});
}

std::vector<Diagnostic> validate(std::string_view query, const Catalogue& catalogue) {
  auto result = compile(query, catalogue, {});
  if (result) return std::move(result->warnings);
  return std::move(result.error());
}

std::string_view duckdb_prelude() {
  return {};
}

}  // namespace kql
