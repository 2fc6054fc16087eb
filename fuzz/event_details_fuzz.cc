// What the store takes apart comes out as it went in, whatever it is.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/event_details.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto event = static_cast<schema::EventName>(data[0] % schema::kEventNames);
  const std::string_view details(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr kql::Ticks kTime = 638'448'786'002'500'000;
  static store::DetailsSplitter split;
  static store::DetailsJoiner joiner;
  const std::string_view name = schema::to_string(event);
  split.split(name, kTime, details);
  if (!split.form()) {
    ASSERT(split.rest() == details);
    return 0;
  }
  std::vector<const store::DetailsSplitter::Field*> fields;
  for (std::size_t i = 0; i < store::event_columns().size(); ++i)
    fields.push_back(split.field(i));
  std::string out;
  joiner.join(name, kTime, *split.form(), split.rest(), fields.data(), out);
  ASSERT(out == details);
  return 0;
}
