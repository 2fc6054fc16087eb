#include "uplink/split.h"

#include <utility>

namespace uplink {

namespace {

schema::Event part_of(const schema::Event& event, std::size_t first, std::size_t count) {
  schema::Event part;
  // Two parts with one id would be the same event to whoever compares ids.
  part.id = first == 0 ? event.id : base::Guid::random();
  part.time = event.time;
  part.aggregated = event.aggregated;
  std::visit(
      [&](const auto& items) {
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(first);
        part.payload =
            std::remove_cvref_t<decltype(items)>(begin, begin + static_cast<std::ptrdiff_t>(count));
      },
      event.payload);
  return part;
}

}  // namespace

std::size_t encode_in_parts(const schema::Event& event, std::size_t max_bytes,
                            const std::function<void(std::string)>& take) {
  std::string json;
  schema::encode_event(event, json);
  const std::size_t items = event.item_count();
  if (json.size() <= max_bytes || items < 2) {
    take(std::move(json));
    return 1;
  }
  const std::size_t half = items / 2;
  return encode_in_parts(part_of(event, 0, half), max_bytes, take) +
         encode_in_parts(part_of(event, half, items - half), max_bytes, take);
}

}  // namespace uplink
