// Lists of what is allowed, or is not: values that are told, and held back for a while.
#include <algorithm>

#include <fmt/format.h>

#include "detect/custom/detector_state.h"

namespace detect::custom {
namespace {

constexpr std::size_t kMaxHeld = 256;  // values of one device

std::string sentence(const Rule& rule, const Match& match) {
  switch (rule.info().item) {
    case Item::Address:
      return fmt::format("It connected to {}: {}.", match.value, match.pattern);
    case Item::User:
      return fmt::format("{} logged in: {}.", match.value, match.pattern);
    case Item::Process:
      return fmt::format("It ran {}: {}.", match.value, match.pattern);
    case Item::None:
      break;
  }
  return match.pattern;
}

std::string_view field_of(const Rule& rule) {
  switch (rule.info().item) {
    case Item::Address:
      return "RemoteAddress";
    case Item::User:
      return "UserName";
    case Item::Process:
      return "Executable";
    case Item::None:
      break;
  }
  return "Count";
}

}  // namespace

void CustomDetector::State::compare(Device& device, const RulePtr& rule, const Observation& seen,
                                    const EvidenceMaker& evidence, std::vector<Finding>& findings) {
  if (seen.time < rule->since()) return;
  auto match = rule->judge(seen.value);
  if (!match) return;
  match->field = field_of(*rule);
  Evidence made = evidence();
  made.matched.push_back(*match);
  const std::string key = hold_key(rule->id(), seen.value);
  auto held = device.held.find(key);
  if (held != device.held.end() && seen.received >= held->second.until) {
    tell(*rule, device, held->second, findings);
    drop_hold(device, held);
    held = device.held.end();
  }
  if (held != device.held.end()) {
    held->second.hits += std::max<std::int64_t>(seen.count, 1);
    held->second.received = seen.received;
    held->second.module_id = seen.module_id;
    held->second.evidence = std::move(made);
  } else {
    Finding finding = new_finding(*rule, device, seen);
    finding.entity = seen.value;
    finding.why = sentence(*rule, *match);
    finding.hits = std::max<std::int64_t>(seen.count, 1);
    finding.evidence = std::move(made);
    findings.push_back(std::move(finding));
    make_room_for_hold(device, findings);
    Held& hold = device.held[key];
    hold.rule_id = rule->id();
    hold.value = seen.value;
    hold.until = seen.received + options.quiet;
    due = std::min(due, hold.until);
  }
  dirty_holds[held_key(device.id, key)] = {device.id, key};
  device.resized = true;
}

// What happened of it since it was told.
void CustomDetector::State::tell(const Rule& rule, const Device& device, Held& held,
                                 std::vector<Finding>& findings) {
  if (held.hits == 0 || !held.evidence) return;
  Observation seen;
  seen.module_id = held.module_id;
  seen.received = held.received;
  Finding finding = new_finding(rule, device, seen);
  finding.entity = held.value;
  finding.hits = std::exchange(held.hits, 0);
  finding.evidence = *std::exchange(held.evidence, std::nullopt);
  if (!finding.evidence.matched.empty())
    finding.why = sentence(rule, finding.evidence.matched.back());
  findings.push_back(std::move(finding));
}

void CustomDetector::State::drop_hold(Device& device, std::map<std::string, Held>::iterator held) {
  std::string key = held_key(device.id, held->first);
  dirty_holds.erase(key);
  forgotten.push_back(std::move(key));
  device.held.erase(held);
  device.resized = true;
}

void CustomDetector::State::make_room_for_hold(Device& device, std::vector<Finding>& findings) {
  if (device.held.size() < kMaxHeld) return;
  const auto oldest =
      std::ranges::min_element(device.held, {}, [](const auto& each) { return each.second.until; });
  const auto rule = book->by_id.find(oldest->second.rule_id);
  if (rule != book->by_id.end()) tell(*rule->second, device, oldest->second, findings);
  drop_hold(device, oldest);
  evicted_values.add();
}

void CustomDetector::State::release(Device& device, base::WallTime now,
                                    std::vector<Finding>& findings) {
  for (auto held = device.held.begin(); held != device.held.end();) {
    const auto each = held++;
    if (each->second.until > now) {
      due = std::min(due, each->second.until);
      continue;
    }
    const auto rule = book->by_id.find(each->second.rule_id);
    if (rule != book->by_id.end()) tell(*rule->second, device, each->second, findings);
    drop_hold(device, each);
  }
}

}  // namespace detect::custom
