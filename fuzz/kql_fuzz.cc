// Any text as a query: it compiles or it is refused with places inside the text, in bounded time.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "kql/kql.h"

namespace {

const kql::Catalogue& catalogue() {
  static const kql::Catalogue tables({{"T",
                                       {{"a", kql::Type::String},
                                        {"n", kql::Type::Long},
                                        {"t", kql::Type::DateTime},
                                        {"s", kql::Type::TimeSpan},
                                        {"d", kql::Type::Dynamic},
                                        {"g", kql::Type::Guid},
                                        {"r", kql::Type::Real},
                                        {"b", kql::Type::Bool}}}});
  return tables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto compiled = kql::compile(query, catalogue(), {.row_limit = 100});
  if (compiled) {
    ASSERT(!compiled->sql.empty() && compiled->sql.size() < 64 * 1024 * 1024);
    return 0;
  }
  ASSERT(!compiled.error().empty());
  for (const kql::Diagnostic& each : compiled.error()) {
    ASSERT(each.offset <= size && each.length <= size - each.offset);
    ASSERT(each.line >= 1 && each.column >= 1 && !each.message.empty());
    kql::render(each, query);
  }
  return 0;
}
