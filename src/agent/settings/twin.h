#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/settings/settings.h"
#include "base/json.h"
#include "base/result.h"
#include "schema/events.h"

namespace agent::settings {

// The member of the desired properties that holds the settings.
inline constexpr std::string_view kObject =
    "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration";
inline constexpr std::size_t kMaxDocument = 1U << 20U;

// What is wrong with one setting, and what is used instead.
struct Problem {
  std::string key;
  schema::ConfigurationErrorType type{};
  std::string used;  // as the twin would write it
  std::string message;
  bool operator==(const Problem&) const = default;
};

// The settings that the twin asks for, over the defaults of this device.
//
// Each key stands for itself: one that cannot be used keeps its last good value (or the default,
// where it never had one) and takes no other along; TypeMismatch. Settings that are good but
// contradict each other are brought together the way that says the least against either; Conflict.
// What is good but costs needlessly is used as it is; NotOptimal. Keys that are not mentioned have
// their default; null in a patch takes a key back. Threads: pure.
class Twin {
 public:
  enum class Change : std::uint8_t { Whole, Patch };

  explicit Twin(Settings defaults, std::string object = std::string(kObject));

  // Takes all desired properties, or a merge patch upon those before. Errors: Malformed (no JSON
  // object), TooLarge; nothing changes then.
  base::Result<void> take(Change change, std::int64_t version, std::string_view desired);

  const Settings& settings() const { return settings_; }
  // In the order of the keys; unknown ones last.
  const std::vector<Problem>& problems() const { return problems_; }
  std::int64_t version() const { return version_; }

  // For the disk, so that a start without a hub has the same settings. Errors of restore():
  // Malformed, TooLarge; nothing changes then.
  std::string saved() const;
  base::Result<void> restore(std::string_view saved);

  // The member of the reported properties of the same name: for each key its value in effect, where
  // it comes from ("desired", "default", "lastGood", "adjusted") and, if any, what is wrong.
  base::json::Value reported() const;
  const std::string& object() const { return object_; }

 private:
  void judge();
  void resolve_conflicts();
  void find_unknown(const base::json::Value::Object& wanted);
  void complain(std::string_view key, schema::ConfigurationErrorType type, std::string message);

  Settings defaults_;
  std::string object_;
  base::json::Value desired_;  // our member, as merged
  std::map<std::string, base::json::Value, std::less<>> accepted_;
  std::int64_t version_ = 0;
  Settings settings_;
  std::vector<Problem> problems_;
};

}  // namespace agent::settings
