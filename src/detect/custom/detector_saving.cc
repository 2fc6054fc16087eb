// What the detector remembers, as it is kept.
#include "base/json.h"
#include "detect/custom/detector_state.h"

namespace detect::custom {

void CustomDetector::save(std::vector<MemoryChange>& changes) {
  State& state = *state_;
  for (std::string& key : state.forgotten)
    changes.push_back({std::move(key), std::nullopt});
  state.forgotten.clear();
  for (const std::string& id : state.dirty_devices) {
    Device& device = *state.by_id.at(id);
    device.dirty = false;
    changes.push_back({device_key(id), device_json(device)});
  }
  state.dirty_devices.clear();
  for (const auto& [key, place] : state.dirty_holds) {
    const Device& device = *state.by_id.at(place.first);
    changes.push_back({key, held_json(device.held.at(place.second))});
  }
  state.dirty_holds.clear();
}

bool CustomDetector::restore(std::string_view key, std::string_view value) {
  State& state = *state_;
  if (key.size() < 2) return false;
  const bool hold = key.front() == 'h';
  if (!hold && key.front() != 'd') return false;
  const std::string_view rest = key.substr(1);
  const std::size_t end = hold ? rest.find('\n') : rest.size();
  if (end == std::string_view::npos) return false;
  Device read;
  Held held;
  if (hold ? !read_held(value, held) : !read_device(value, read)) return false;
  const auto known = state.by_id.find(rest.substr(0, end));
  Device& device =
      known != state.by_id.end() ? *known->second : state.add_device(rest.substr(0, end));
  if (hold) {
    device.held[std::string(rest.substr(end + 1))] = std::move(held);
  } else {
    device.series = std::move(read.series);
    device.set_users(std::move(read.users));
    device.agent = std::move(read.agent);
  }
  if (device.fleet_version == 0) {
    device.fleet_version = state.fleet.version();
    device.group = state.fleet.group_of(device.id);
  }
  // The rules are linked with the next call.
  state.version = 0;
  device.resized = true;
  state.settle(device);
  return true;
}

}  // namespace detect::custom
