#include "hub/twin_fleet.h"

#include <algorithm>

#include "base/log.h"
#include "hub/queries/security_group.h"

namespace hub {
namespace {

using base::json::Value;

// Where agents have their settings, in the twins of security modules.
constexpr std::string_view kAgentSettings =
    "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration";
constexpr std::chrono::hours kMostDelay{24};

std::chrono::nanoseconds duration_of(const Value& settings, std::string_view name) {
  const Value* setting = settings.find(name);
  if (setting == nullptr) return std::chrono::nanoseconds(0);
  const auto delay = base::parse_duration(setting->text_or("value", ""));
  if (!delay || *delay < std::chrono::nanoseconds(0)) return std::chrono::nanoseconds(0);
  return std::min<std::chrono::nanoseconds>(*delay, kMostDelay);
}

std::chrono::nanoseconds delay_of(const Value& desired) {
  const Value* settings = desired.find(kAgentSettings);
  if (settings == nullptr) return std::chrono::nanoseconds(0);
  return std::max(duration_of(*settings, "lowPriorityMessageFrequency"),
                  duration_of(*settings, "highPriorityMessageFrequency"));
}

}  // namespace

TwinFleet::Known TwinFleet::look_up(std::string_view device) {
  const std::uint64_t before = version_;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(std::string(device));
    if (found != known_.end()) return found->second;
  }
  Known read;
  auto group = queries::security_group(twins_, {std::string(device), {}});
  if (!group) {
    if (group.error().code != base::Code::NotFound) {
      LOG_WARNING("custom_alerts.group").field("error", group.error().to_string());
    }
    return read;
  }
  read.group = std::move(*group);
  for (const std::string_view module : queries::kSecurityModules) {
    const auto twin = twins_.get({std::string(device), std::string(module)});
    if (twin) read.delay = std::max(read.delay, delay_of(twin->desired.properties));
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  // What changed meanwhile may have been read too early.
  if (before == version_) known_.insert_or_assign(std::string(device), read);
  return read;
}

std::string TwinFleet::group_of(std::string_view device) {
  return look_up(device).group;
}

std::chrono::nanoseconds TwinFleet::reporting_delay(std::string_view device) {
  return look_up(device).delay;
}

void TwinFleet::forget(std::string_view device) {
  const std::lock_guard lock(mutex_);
  known_.erase(std::string(device));
  ++version_;
}

}  // namespace hub
