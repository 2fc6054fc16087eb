#include "detect/custom/detector.h"

#include <algorithm>

#include "detect/custom/detector_state.h"

namespace detect::custom {
namespace {

// A device's clock that is ahead by more is not believed.
constexpr std::chrono::minutes kAhead{5};
constexpr std::size_t kMaxUsers = 4096;    // names of one device
constexpr std::chrono::hours kForget{49};  // connections that ended, longer than two windows

}  // namespace

CustomDetector::CustomDetector(Fleet& fleet, Options options)
    : state_(std::make_unique<State>(fleet, options)) {}
CustomDetector::~CustomDetector() = default;

void CustomDetector::set(std::vector<std::shared_ptr<const Rule>> rules) {
  auto book = std::make_shared<const Book>(std::move(rules));
  const std::lock_guard lock(state_->mutex);
  state_->rule_count = book->by_id.size();
  state_->next = std::move(book);
  ++state_->next_version;
}

Counters CustomDetector::counters() const {
  Counters out;
  out.rules = state_->rule_count;
  out.devices = state_->device_count;
  out.bytes = state_->byte_count;
  out.late = state_->late.value();
  out.evicted_devices = state_->evicted_devices.value();
  out.evicted_values = state_->evicted_values.value();
  out.unjudged = state_->unjudged.value();
  return out;
}

std::vector<RuleInfo> CustomDetector::rules() const {
  std::vector<RuleInfo> out;
  const std::lock_guard lock(state_->mutex);
  for (const RulePtr& rule : state_->next->rules)
    out.push_back(rule->alert());
  return out;
}

// Takes over what was set meanwhile.
void CustomDetector::State::adopt(std::vector<Finding>& findings) {
  if (version == next_version) return;
  const std::shared_ptr<const Book> former = book;
  {
    const std::lock_guard lock(mutex);
    book = next;
    version = next_version;
  }
  for (Device& device : devices) {
    link(device, *former, findings);
    settle(device);
  }
  due = base::WallTime::min();
}

// Keeps of a device what the rules of its group go on with.
void CustomDetector::State::link(Device& device, const Book& former,
                                 std::vector<Finding>& findings) {
  const auto current = [&](std::string_view id) -> RulePtr {
    const auto found = book->by_id.find(id);
    const bool ours =
        found != book->by_id.end() && found->second->definition().group == device.group;
    return ours ? found->second : nullptr;
  };
  const std::size_t before = device.series.size();
  std::erase_if(device.series, [&](Series& series) {
    series.rule = current(series.rule_id);
    return series.rule == nullptr || series.rule->since() != series.since;
  });
  if (device.series.size() != before) mark(device);
  device.resized = true;
  for (auto held = device.held.begin(); held != device.held.end();) {
    const auto each = held++;
    if (current(each->second.rule_id) != nullptr) continue;
    const auto old = former.by_id.find(each->second.rule_id);
    if (old != former.by_id.end()) tell(*old->second, device, each->second, findings);
    drop_hold(device, each);
  }
}

Device& CustomDetector::State::add_device(std::string_view id) {
  devices.emplace_front();
  Device& device = devices.front();
  device.id = id;
  by_id.emplace(device.id, devices.begin());
  device_count = devices.size();
  return device;
}

// nullptr: no rule is about it. Those are remembered, too: most events come from devices that were
// heard before, and their groups are known then.
Device* CustomDetector::State::find_device(std::string_view id, std::vector<Finding>& findings) {
  const auto found = by_id.find(id);
  const bool known = found != by_id.end();
  const std::uint64_t current = fleet.version();
  if (known) devices.splice(devices.begin(), devices, found->second);
  if (!known || devices.front().fleet_version != current) {
    std::string group = fleet.group_of(id);
    if (!known && group.empty()) return nullptr;
    Device& device = known ? devices.front() : add_device(id);
    device.fleet_version = current;
    if (group != device.group) {
      device.group = std::move(group);
      link(device, *book, findings);
      if (book->minimum) due = base::WallTime::min();
    }
  }
  Device& device = devices.front();
  settle(device);
  make_room(findings);
  return rules_of(device) == nullptr ? nullptr : &device;
}

const GroupRules* CustomDetector::State::rules_of(const Device& device) const {
  const auto found = book->groups.find(device.group);
  return found == book->groups.end() ? nullptr : &found->second;
}

// Counts its memory again where that has changed.
void CustomDetector::State::settle(Device& device) {
  if (!device.resized) return;
  device.resized = false;
  bytes -= device.bytes;
  device.bytes = device.measure();
  bytes += device.bytes;
  byte_count = bytes;
}

void CustomDetector::State::mark(Device& device) {
  if (!std::exchange(device.dirty, true)) dirty_devices.push_back(device.id);
}

// Forgets the devices that were silent for longest, but never the one in use.
void CustomDetector::State::make_room(std::vector<Finding>& findings) {
  while (bytes > options.max_bytes && devices.size() > 1) {
    const auto last = std::prev(devices.end());
    if (!last->series.empty() || !last->held.empty()) evicted_devices.add();
    for (auto& [key, held] : last->held) {
      const auto rule = book->by_id.find(held.rule_id);
      if (rule != book->by_id.end()) tell(*rule->second, *last, held, findings);
    }
    erase(last);
  }
}

void CustomDetector::State::erase(Devices::iterator device) {
  if (!device->series.empty() || !device->users.empty())
    forgotten.push_back(device_key(device->id));
  while (!device->held.empty())
    drop_hold(*device, device->held.begin());
  if (device->dirty) std::erase(dirty_devices, device->id);
  bytes -= device->bytes;
  by_id.erase(device->id);
  devices.erase(device);
  device_count = devices.size();
  byte_count = bytes;
}

Finding CustomDetector::State::new_finding(const Rule& rule, const Device& device,
                                           const Observation& seen) const {
  Finding out;
  out.rule = rule.alert();
  out.device_id = device.id;
  // What the hub counts is the device's, whichever of its modules it came from.
  if (rule.info().source == Source::Agent) out.module_id = seen.module_id;
  out.received = seen.received;
  out.sequence = seen.sequence;
  return out;
}

void CustomDetector::State::take(const Observation& seen, const EvidenceMaker& evidence,
                                 std::vector<Finding>& findings) {
  if ((book->types & bit(seen.type)) == 0) return;
  Device* device = find_device(seen.device_id, findings);
  if (device == nullptr) return;
  const GroupRules* group = rules_of(*device);
  if ((group->types & bit(seen.type)) == 0) return;
  for (const RulePtr& rule : group->all) {
    if (rule->definition().type != seen.type) continue;
    if (rule->info().kind == Kind::Range) {
      count(*device, rule, seen, evidence, findings);
    } else {
      compare(*device, rule, seen, evidence, findings);
    }
  }
  settle(*device);
  make_room(findings);
}

void CustomDetector::on_event(const schema::Event& event, const Origin& origin,
                              std::vector<Finding>& findings) {
  State& state = *state_;
  state.adopt(findings);
  const std::uint32_t types = types_of(event.name()) & state.book->types;
  if (types == 0) return;
  Device* device = state.find_device(origin.device_id, findings);
  if (device == nullptr) return;
  const base::WallTime time = event.time.utc > origin.received + kAhead
                                  ? origin.received
                                  : std::min(event.time.utc, origin.received);
  device->note_lag(time, origin.received);
  if (event.name() == schema::EventName::LocalUsers)
    return state.learn_users(event, origin, findings);
  Observation seen;
  seen.device_id = origin.device_id;
  seen.module_id = origin.module_id;
  seen.time = time;
  seen.received = origin.received;
  seen.sequence = origin.sequence;
  for (std::size_t item = 0; item < event.item_count(); ++item) {
    seen.count = event.hit_count(item);
    for (const TypeInfo& info : custom::types()) {
      if ((types & bit(info.type)) == 0) continue;
      auto what = said(event, item, info.type);
      if (!what) continue;
      if (info.item == Item::User && what->value.empty()) {
        const auto known = device->users.find(what->user_id);
        what->value = known != device->users.end() ? known->second : what->user_id;
      }
      seen.type = info.type;
      seen.value = what->value;
      state.take(seen, [&event, item] { return evidence_of(event, item); }, findings);
    }
  }
}

void CustomDetector::on_operation(const store::OperationRow& operation, const Origin& origin,
                                  std::vector<Finding>& findings) {
  State& state = *state_;
  state.adopt(findings);
  if (operation.device_id.empty()) return;
  state.note_connection(operation, origin.received);
  const CountedPair counts = counted(operation);
  for (const std::optional<Counted>& each : {counts.first, counts.second}) {
    if (!each) continue;
    Observation seen;
    seen.type = each->type;
    seen.device_id = operation.device_id;
    seen.module_id = operation.module_id;
    seen.time = seen.received = origin.received;
    seen.count = each->count;
    seen.sequence = origin.sequence;
    state.take(
        seen, [&operation, &origin] { return evidence_of(operation, origin.received); }, findings);
  }
}

void CustomDetector::on_audit(const store::AuditRow& change, const Origin& origin,
                              std::vector<Finding>& findings) {
  static_cast<void>(findings);
  if (change.action != "hub.start") return;
  for (Presence& presence : state_->presences)
    presence.restarted(origin.received);
}

void CustomDetector::observe(const Observation& observation, std::vector<Finding>& findings) {
  state_->adopt(findings);
  state_->take(
      observation,
      [&observation] {
        Evidence out;
        out.time = observation.time;
        out.event_name = type_info(observation.type).event;
        return out;
      },
      findings);
}

// Accounts by number, for logins that do not say the name.
void CustomDetector::State::learn_users(const schema::Event& event, const Origin& origin,
                                        std::vector<Finding>& findings) {
  Device* device = find_device(origin.device_id, findings);
  if (device == nullptr || (rules_of(*device)->types & bit(Type::LocalUser)) == 0) return;
  std::map<std::string, std::string> users;
  for (const auto& user : std::get<std::vector<schema::LocalUsers>>(event.payload)) {
    if (users.size() < kMaxUsers) users[user.user_id] = user.user_name;
  }
  if (users == device->users) return;
  device->set_users(std::move(users));
  mark(*device);
  settle(*device);
}

void CustomDetector::State::note_connection(const store::OperationRow& operation,
                                            base::WallTime time) {
  if (operation.category != "Connections") return;
  const auto wire = static_cast<std::size_t>(wire_of(operation.protocol));
  if (operation.operation == "deviceConnect" && operation.status_code < 400) {
    presences[0].connected(operation.device_id, time);
    if (wire != 0) presences[wire].connected(operation.device_id, time);
    if (book->minimum) due = base::WallTime::min();
  } else if (operation.operation == "deviceDisconnect") {
    // That its token ended is recorded first, and then that the connection did.
    const bool announced = operation.reason == "sas_expired" && operation.status_code == 401;
    if (announced) return;
    presences[0].disconnected(operation.device_id, time);
    if (wire != 0) presences[wire].disconnected(operation.device_id, time);
  }
}

void CustomDetector::on_time(base::WallTime now, std::vector<Finding>& findings) {
  state_->adopt(findings);
  if (now >= state_->due) state_->scan(now, findings);
}

void CustomDetector::State::scan(base::WallTime now, std::vector<Finding>& findings) {
  due = kNever;
  for (Presence& presence : presences)
    presence.forget(now - kForget);
  if (book->minimum) {
    // Devices that never did anything of what is counted are told here alone.
    std::vector<std::string> unknown;
    presences[0].for_each_connected([&](std::string_view device) {
      if (by_id.find(device) == by_id.end()) unknown.emplace_back(device);
    });
    for (const std::string& device : unknown)
      find_device(device, findings);
    due = kNever;
  }
  for (Device& device : devices) {
    release(device, now, findings);
    judge(device, now, findings);
    settle(device);
  }
  make_room(findings);
}

}  // namespace detect::custom
