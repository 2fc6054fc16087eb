#include "agent/settings/settings.h"

#include "schema/fields.h"

namespace agent::settings {

using schema::EventName;

Settings::Settings() {
  priority.fill(Level::Low);
  for (const std::string_view name : kHighByDefault) {
    if (const auto event = schema::event_name(name))
      priority[static_cast<std::size_t>(*event)] = Level::High;
  }
}

std::set<EventName> Settings::off() const {
  std::set<EventName> off;
  for (std::size_t i = 0; i < kEvents; ++i) {
    if (priority[i] == Level::Off) off.insert(static_cast<EventName>(i));
  }
  return off;
}

WatchSettings watch_settings(const Settings& settings) {
  WatchSettings watch;
  watch.off = settings.off();
  watch.loopback = settings.connection_loopback;
  watch.dns_names = settings.connection_dns_names;
  watch.hash_executables = settings.process_hash;
  watch.file_paths = settings.file_event_paths;
  watch.audit_records = {settings.audit_record_types.begin(), settings.audit_record_types.end()};
  return watch;
}

}  // namespace agent::settings
