#include "detect/changes/silent_devices.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "detect/changes/watch.h"

namespace detect::changes {
namespace {

using base::json::Writer;
using std::chrono::nanoseconds;

// Parts of `after`: what is kept of when a device was heard, and how often is looked.
constexpr int kKeptParts = 72;
constexpr int kLookParts = 1000;
constexpr std::chrono::seconds kLookOften{1};
constexpr std::chrono::seconds kLookSeldom{60};
// The key under which the time is kept at which somebody last listened; device ids are not empty.
constexpr std::string_view kListening;

// Modules that agents connect as. Source: documentation of Defender for IoT, its agents.
constexpr std::array<std::string_view, 2> kSecurityModules = {"azureiotsecurity",
                                                              "DefenderIotMicroAgent"};

RuleInfo silent_rule() {
  RuleInfo rule;
  rule.id = "3dad651f-f5ef-4d39-a724-e5f35dd5b710";
  rule.title = "Device silent";
  rule.description =
      "The hub has not received any security message from the device for a long time. Its agent "
      "was stopped, the device is off or cut off, or somebody keeps it from reporting.";
  rule.severity = Severity::Low;
  rule.tactics = {"Defense Evasion"};
  rule.techniques = {"T1562.001"};
  rule.false_positives = {"The device is switched off or has no network, as planned"};
  rule.remediation = {
      "Find out whether the device is meant to be off. If it is for longer, disable it at the hub "
      "or mark it as being in maintenance, and the alert stays away.",
      "Look at the hub's connections of the device: does it connect, and is it refused?",
      "At the device, look at the agent: systemctl status vedette-agent, vedette-agent status.",
      "If the agent was stopped, find out who did it, and look at what the device did since."};
  return rule;
}

struct Device {
  base::WallTime heard;
  base::WallTime kept{};  // of `heard`, on disk
  bool silent = false;    // and an alert says so
};

std::string text_of(const Device& device) {
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("heard", to_integer(device.heard));
  writer.field("silent", device.silent);
  writer.end_object();
  return text;
}

// "3 days", "2 hours": at least one of the unit.
std::string spoken(nanoseconds span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  for (const auto& [unit, name] :
       {std::pair{std::int64_t{86'400}, " day"}, {3600, " hour"}, {60, " minute"}}) {
    const std::int64_t count = seconds / unit;
    if (count != 0) return std::to_string(count) + name + (count == 1 ? "" : "s");
  }
  return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
}

}  // namespace

struct SilentDevices::State {
  explicit State(SilenceOptions silence_options)
      : options(std::move(silence_options)),
        part(std::max<nanoseconds>(options.after / kKeptParts, std::chrono::milliseconds{1})),
        look_every(std::clamp<nanoseconds>(options.after / kLookParts, kLookOften, kLookSeldom)) {}

  const SilenceOptions options;
  const nanoseconds part;
  const nanoseconds look_every;
  const RuleInfo rule = silent_rule();
  std::unordered_map<std::string, Device> devices;
  std::unordered_set<std::string> dirty;
  base::WallTime listening{};       // until then, somebody listened
  base::WallTime kept_listening{};  // of it, on disk
  base::WallTime look_at{};

  void hear(const Origin& origin, std::vector<Finding>& findings);
  void forgive(nanoseconds span);
  bool judge(const std::string& id, Device& device, base::WallTime now,
             std::vector<Finding>& findings);
  Finding finding(const std::string& id, const Device& device, base::WallTime now) const;
  void end(const std::string& id, Device& device, const Origin& origin, std::string why,
           std::vector<Finding>& findings);
};

Finding SilentDevices::State::finding(const std::string& id, const Device& device,
                                      base::WallTime now) const {
  Finding out = finding_of(rule, {id, {}, now, 0});
  const std::string heard = base::format_rfc3339(device.heard, 0);
  out.evidence.event_id =
      base::Guid::derived("silence", id + "\n" + std::to_string(to_integer(device.heard)));
  out.evidence.time = device.heard;
  out.evidence.event_name = "DeviceSilent";
  Writer writer(out.evidence.details_json);
  writer.begin_object();
  writer.field("LastMessageReceived", heard);
  writer.field("SilentFor",
               base::format_duration(std::chrono::floor<std::chrono::seconds>(now - device.heard)));
  writer.end_object();
  out.evidence.matched.push_back(
      {"LastMessageReceived", heard, "longer than " + spoken(options.after) + " ago", ""});
  out.why = "The last security message came at " + heard + ", " + spoken(now - device.heard) +
            " ago; the limit is " + spoken(options.after) + ".";
  return out;
}

void SilentDevices::State::end(const std::string& id, Device& device, const Origin& origin,
                               std::string why, std::vector<Finding>& findings) {
  if (!std::exchange(device.silent, false)) return;
  Finding out = finding(id, device, origin.received);
  out.sequence = origin.sequence;
  out.why = std::move(why);
  out.effect = Effect::Resolve;
  findings.push_back(std::move(out));
}

void SilentDevices::State::hear(const Origin& origin, std::vector<Finding>& findings) {
  const std::string id(origin.device_id);
  const auto [at, is_new] = devices.try_emplace(id, Device{origin.received});
  Device& device = at->second;
  if (device.silent) {
    end(id, device, origin,
        "The device was heard again at " + base::format_rfc3339(origin.received, 0) + ".",
        findings);
    dirty.insert(id);
  }
  device.heard = std::max(device.heard, origin.received);
  if (is_new || device.heard - device.kept >= part) dirty.insert(id);
}

// What nobody could hear.
void SilentDevices::State::forgive(nanoseconds span) {
  for (auto& [id, device] : devices) {
    if (device.silent) continue;
    device.heard = std::min(device.heard + span, std::max(device.heard, listening + span));
    dirty.insert(id);
  }
}

// False: the device is to be forgotten.
bool SilentDevices::State::judge(const std::string& id, Device& device, base::WallTime now,
                                 std::vector<Finding>& findings) {
  if (device.silent || now - device.heard < options.after) return true;
  if (options.standing) {
    const Standing standing = options.standing(id);
    if (!standing.exists) return false;
    if (standing.since > device.heard && standing.since <= now) {
      device.heard = standing.since;
      dirty.insert(id);
    }
    if (standing.excused || now - device.heard < options.after) return true;
  }
  device.silent = true;
  dirty.insert(id);
  findings.push_back(finding(id, device, now));
  return true;
}

SilentDevices::SilentDevices(SilenceOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
SilentDevices::~SilentDevices() = default;

std::vector<RuleInfo> SilentDevices::rules() const {
  return {state_->rule};
}

void SilentDevices::on_message(const Origin& origin, std::vector<Finding>& findings) {
  state_->hear(origin, findings);
}

void SilentDevices::on_operation(const store::OperationRow& operation, const Origin& origin,
                                 std::vector<Finding>& findings) {
  const std::string id(operation.device_id);
  if (deletes_device(operation)) {
    const auto known = state_->devices.find(id);
    if (known == state_->devices.end()) return;
    state_->end(id, known->second, origin, "The device was deleted.", findings);
    state_->devices.erase(known);
    state_->dirty.insert(id);
    return;
  }
  const bool made = operation.category == "DeviceIdentityOperations" &&
                    operation.operation == "create" && operation.status_code < 300;
  if (!made || std::ranges::find(kSecurityModules, operation.module_id) == kSecurityModules.end())
    return;
  if (state_->devices.try_emplace(id, Device{origin.received}).second) state_->dirty.insert(id);
}

void SilentDevices::on_time(base::WallTime now, std::vector<Finding>& findings) {
  State& state = *state_;
  const bool listened = state.listening != base::WallTime{};
  if (listened && now <= state.listening) return;
  if (listened && now - state.listening > state.options.largest_step)
    state.forgive(now - state.listening);
  state.listening = now;
  if (now < state.look_at) return;
  state.look_at = now + state.look_every;
  for (auto next = state.devices.begin(); next != state.devices.end();) {
    const auto at = next++;
    if (state.judge(at->first, at->second, now, findings)) continue;
    state.dirty.insert(at->first);
    state.devices.erase(at);
  }
}

void SilentDevices::save(std::vector<MemoryChange>& changes) {
  State& state = *state_;
  for (const std::string& id : state.dirty) {
    const auto device = state.devices.find(id);
    if (device == state.devices.end()) {
      changes.push_back({id, std::nullopt});
      continue;
    }
    device->second.kept = device->second.heard;
    changes.push_back({id, text_of(device->second)});
  }
  state.dirty.clear();
  if (state.listening - state.kept_listening < state.look_every) return;
  state.kept_listening = state.listening;
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("listening", to_integer(state.listening));
  writer.end_object();
  changes.push_back({std::string(kListening), std::move(text)});
}

bool SilentDevices::restore(std::string_view key, std::string_view value) {
  State& state = *state_;
  const auto read = base::json::parse(value);
  if (!read) return false;
  if (key == kListening) {
    if (read->find("listening") == nullptr) return false;
    state.listening = time_member(*read, "listening");
    state.kept_listening = state.listening;
    return true;
  }
  const auto* silent = read->find("silent");
  if (silent == nullptr || silent->if_bool() == nullptr) return false;
  Device device{time_member(*read, "heard"), time_member(*read, "heard"), *silent->if_bool()};
  if (!device.silent) device.heard += state.part;
  state.devices.insert_or_assign(std::string(key), device);
  return true;
}

}  // namespace detect::changes
