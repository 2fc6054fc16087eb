#pragma once

// Where tests find data of others that is not part of the project.

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

namespace base {

// `part` ("corpora/kql_queries") of the folder that VEDETTE_SHARED names, else of the one beside
// the source tree; nullopt when it is not there, and the test skips.
inline std::optional<std::filesystem::path> shared_data(const std::filesystem::path& part) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody changes the environment
  const char* const named = std::getenv("VEDETTE_SHARED");
  const char* const source = std::getenv("VEDETTE_SOURCE_DIR");
  // NOLINTEND(concurrency-mt-unsafe)
  const std::filesystem::path folder =
      named != nullptr ? std::filesystem::path(named)
                       : std::filesystem::path(source == nullptr ? "." : source) / "../shared";
  std::error_code error;
  auto found = folder / part;
  if (!std::filesystem::exists(found, error)) return std::nullopt;
  return found;
}

}  // namespace base
