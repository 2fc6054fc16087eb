// Completion at any place of any text: what it would replace lies inside the text, and it ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "kql/complete.h"

namespace {

const kql::Catalogue& catalogue() {
  static const kql::Catalogue tables(
      {{"T", {{"a", kql::Type::String}, {"n", kql::Type::Long}, {"d", kql::Type::Dynamic}}},
       {"U", {{"a", kql::Type::String}, {"t", kql::Type::DateTime}}}});
  return tables;
}

}  // namespace

// The first two bytes are the place.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view query(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t at = (std::size_t{data[0]} << 8U | data[1]) % (query.size() + 1);
  for (const std::size_t place : {at, query.size()}) {
    const kql::Completion found = kql::complete(query, place, catalogue());
    ASSERT(found.offset <= place && found.offset + found.length == place);
    for (const kql::Suggestion& item : found.items)
      ASSERT(!item.label.empty() && !item.insert.empty());
    if (found.signature) ASSERT(!found.signature->forms.empty());
  }
  return 0;
}
