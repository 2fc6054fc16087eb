#include "sensor/delivery/assets.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "sensor/delivery/events.h"

namespace sensor::delivery {

namespace {

// What makes a difference: everything but when it was said.
std::uint64_t content_of(const inventory::Device& device, const schema::NetworkAsset& item) {
  schema::NetworkAsset plain = item;
  plain.last_seen.clear();
  plain.extra_details.clear();
  schema::Event event;
  event.payload = schema::payload_of(std::move(plain));
  std::string text;
  schema::encode_event(event, text);
  text += device.notes + '\0';
  for (const inventory::Field& field : device.fields) {
    text += dissect::fact_name(field.fact);
    if (field.rack) text += " r" + std::to_string(*field.rack);
    if (field.slot) text += " s" + std::to_string(*field.slot);
    text += '=';
    text += field.values.front().text;
    text += '\0';
  }
  return base::table_hash(base::as_bytes(text));
}

schema::NetworkAsset gone(const std::string& id, base::WallTime last) {
  schema::NetworkAsset item;
  item.asset_id = id;
  item.is_gone = true;
  item.first_seen = item.last_seen = time_text(last);
  return item;
}

}  // namespace

std::map<std::string, base::WallTime, std::less<>> Assets::told() const {
  std::map<std::string, base::WallTime, std::less<>> told;
  for (const auto& [id, one] : told_)
    told.emplace_hint(told.end(), id, one.at);
  return told;
}

void Assets::remember(const std::map<std::string, base::WallTime, std::less<>>& told) {
  for (const auto& [id, at] : told)
    told_.try_emplace(id, Told{.content = 0, .last = at, .at = at, .kept = true, .met = false});
}

base::WallTime Assets::next(const Told& told, base::WallTime now) {
  return told.at == base::WallTime{} ? now : std::max<base::WallTime>(now, told.at + kTick);
}

Assets::Tellings Assets::changed(const std::vector<inventory::Device>& devices,
                                 base::WallTime now) {
  now = std::chrono::floor<std::chrono::milliseconds>(now);
  Tellings tellings;
  for (auto& [id, told] : told_)
    told.met = false;
  for (const inventory::Device& device : devices) {
    schema::NetworkAsset item = asset_item(device);
    const std::uint64_t content = content_of(device, item);
    const auto [found, is_new] = told_.try_emplace(device.id);
    Told& told = found->second;
    told.met = true;
    if (is_new) told.at = gone_;
    if (!is_new && !told.kept && told.content == content && device.last - told.last < kAgain)
      continue;
    told.content = content;
    told.kept = false;
    told.last = device.last;
    // What a person said of it is newer than the packets of a capture.
    told.at = next(told, std::max<base::WallTime>(
                             now, std::chrono::ceil<std::chrono::milliseconds>(device.edited)));
    tellings[told.at].push_back(std::move(item));
  }
  for (auto one = told_.begin(); one != told_.end();) {
    if (one->second.met) {
      ++one;
      continue;
    }
    const base::WallTime time = next(one->second, now);
    gone_ = std::max(gone_, time);
    tellings[time].push_back(gone(one->first, one->second.last));
    one = told_.erase(one);
  }
  return tellings;
}

}  // namespace sensor::delivery
