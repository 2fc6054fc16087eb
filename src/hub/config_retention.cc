#include "hub/config_retention.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "schema/fields.h"
#include "store/catalogue.h"

namespace hub {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 50U;

retention::Limit read_limit(os::Config& file, const std::string& key, retention::Limit limit) {
  // Without this key: what holds by default.
  limit.max_age = std::chrono::duration_cast<std::chrono::seconds>(file.duration(
      key + "max_age", limit.max_age, std::chrono::seconds(0), std::chrono::days(36'500)));
  if (limit.max_age.count() != 0 && limit.max_age < std::chrono::hours(1))
    file.reject(key + "max_age", "1h at least, or 0s for no limit",
                std::to_string(limit.max_age.count()) + "s");
  limit.max_bytes = file.bytes(key + "max_size", limit.max_bytes, 0, kMostBytes);
  return limit;
}

void read_raw_choice(os::Config& file, retention::RawChoice& choice) {
  constexpr std::array<std::string_view, 3> kModes = {"on", "off", "chosen"};
  const std::string mode = file.choice("retention.raw_events", "on", kModes);
  choice.mode = mode == "on"    ? retention::RawEvents::On
                : mode == "off" ? retention::RawEvents::Off
                                : retention::RawEvents::Chosen;
  choice.types = file.texts("retention.raw_event_types", {});
  choice.groups = file.texts("retention.raw_security_groups", {});
  for (const std::string& type : choice.types) {
    if (!schema::event_name(type))
      file.reject("retention.raw_event_types", "names of events, such as ProcessCreate",
                  "\"" + type + "\"");
  }
  const bool lists = !choice.types.empty() || !choice.groups.empty();
  if (lists != (choice.mode == retention::RawEvents::Chosen)) {
    file.reject("retention.raw_events",
                lists ? "chosen, as raw_event_types or raw_security_groups are set"
                      : "raw_event_types or raw_security_groups beside it",
                "\"" + mode + "\"");
  }
}

}  // namespace

void read_retention(os::Config& file, retention::Settings& settings) {
  constexpr std::size_t kLeastDisk = std::size_t{4} << 30U;
  constexpr double kMostCost = 1e6;
  read_raw_choice(file, settings.raw);
  settings.otherwise = read_limit(file, "retention.", settings.otherwise);
  // What is said for all tables counts more than what holds for one by default.
  for (auto& [name, limit] : settings.tables) {
    if (file.has("retention.max_age")) limit.max_age = settings.otherwise.max_age;
    if (file.has("retention.max_size")) limit.max_bytes = settings.otherwise.max_bytes;
  }
  std::vector<std::string_view> known;
  std::vector<std::string_view> without_pieces;
  for (const store::TableDefinition* table : store::all_tables()) {
    if (table->stored.empty()) continue;
    known.push_back(table->name);
    if (table->piece_order.empty()) without_pieces.push_back(table->name);
  }
  for (const std::string& name : file.names("retention.table")) {
    const std::string key = "retention.table." + name + ".";
    if (std::ranges::find(known, name) == known.end()) {
      const auto near = base::nearest(name, known);
      file.reject(key + "max_age", near ? "a table, such as " + std::string(*near) : "a table",
                  "\"" + name + "\"");
    }
    settings.tables[name] = read_limit(file, key, settings.of(name));
    const bool shares = std::ranges::find(without_pieces, name) != without_pieces.end();
    if (shares && file.has(key + "max_size")) {
      file.reject(key + "max_size", "only max_age: its rows share the database file with others",
                  std::to_string(settings.tables[name].max_bytes));
    }
  }
  settings.disk_max = file.bytes("retention.disk_max", settings.disk_max, 0, kMostBytes);
  if (settings.disk_max != 0 && settings.disk_max < kLeastDisk)
    file.reject("retention.disk_max", "4GiB at least, or 0 for no limit",
                std::to_string(settings.disk_max));
  settings.interval = std::chrono::duration_cast<std::chrono::seconds>(file.duration(
      "retention.interval", settings.interval, std::chrono::seconds(1), std::chrono::hours(24)));
  settings.cost_per_gib = file.real("retention.cost_per_gib", settings.cost_per_gib, 0, kMostCost);
  settings.currency = file.text("retention.currency", settings.currency);
}

}  // namespace hub
