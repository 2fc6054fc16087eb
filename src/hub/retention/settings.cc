#include "hub/retention/settings.h"

#include <algorithm>

namespace hub::retention {

std::string_view to_string(RawEvents raw) {
  switch (raw) {
    case RawEvents::Off:
      return "off";
    case RawEvents::On:
      return "on";
    case RawEvents::Chosen:
      return "chosen";
  }
  return "on";
}

namespace {

bool lists(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

}  // namespace

bool RawChoice::takes_type(std::string_view type) const {
  return mode == RawEvents::On || (mode == RawEvents::Chosen && lists(types, type));
}

bool RawChoice::takes_group(std::string_view group) const {
  return mode == RawEvents::On || (mode == RawEvents::Chosen && lists(groups, group));
}

Limit Settings::of(std::string_view table) const {
  const auto found = tables.find(table);
  return found == tables.end() ? otherwise : found->second;
}

Marks marks_of(std::uint64_t disk_max) {
  // Divided first: a limit of 2^64 must not overflow.
  return {disk_max / 100 * 80, disk_max / 100 * 90, disk_max / 100 * 92};
}

Settings default_settings() {
  using std::chrono::days;
  Settings settings;
  settings.tables = {{"SecurityIoTRawEvent", {days(90), 0}}, {"DeviceTelemetry", {days(30), 0}},
                     {"IoTHubOperations", {days(90), 0}},    {"SecurityAlert", {days(400), 0}},
                     {"IoTHubAudit", {days(400), 0}},        {"Usage", {days(400), 0}}};
  return settings;
}

}  // namespace hub::retention
