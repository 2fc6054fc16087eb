#include "workspace/fleet.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "schema/fields.h"
#include "workspace/profiles.h"
#include "workspace/random.h"
#include "workspace/template.h"

namespace bench {
namespace {

using kql::kTicksPerDay;
using kql::kTicksPerHour;
using kql::kTicksPerMillisecond;
using kql::kTicksPerMinute;
using kql::kTicksPerSecond;
using kql::Ticks;

constexpr unsigned kAggregatedPercent = 20;
constexpr unsigned kAlertsPerMille = 3;  // of routines
constexpr Ticks kBetweenRoutines = 49 * kTicksPerMinute;
constexpr std::uint32_t kSites = 120;
// From the first event of a routine until its message is sent; nearly all take less.
constexpr Ticks kRoutineTime = 12 * kTicksPerSecond;

enum class Due : std::uint8_t { Routine, Hourly, Daily, Weekly };

struct Device : DeviceState {
  explicit Device(std::uint64_t seed) : random(seed) {}

  const Profile* profile = nullptr;
  Random random;
  base::Guid agent_id;
  Ticks skew = 0;
  Ticks between_routines = 0;
  Ticks update = 0;  // when it gets its new release
  Ticks outage_begin = 0;
  Ticks outage_end = 0;
  std::uint64_t last_process = 0;
  std::uint64_t parent = 0;
  unsigned total_weight = 0;
  std::array<Ticks, 4> due{};  // by Due

  Due next_due() const { return static_cast<Due>(std::ranges::min_element(due) - due.begin()); }
  Ticks next_time() const { return *std::ranges::min_element(due); }
  // When the hub hears of what happens next.
  Ticks next_heard() const {
    const Ticks next = next_time();
    return next >= outage_begin ? std::max(next, outage_end) : next;
  }
  base::Guid guid() {
    base::Guid made;
    for (std::size_t at = 0; at < made.bytes.size(); at += 8) {
      const std::uint64_t bits = random.next();
      for (std::size_t byte = 0; byte < 8; ++byte)
        made.bytes[at + byte] = static_cast<std::uint8_t>(bits >> (8 * byte));
    }
    made.bytes[6] = static_cast<std::uint8_t>((made.bytes[6] & 0x0FU) | 0x40U);
    made.bytes[8] = static_cast<std::uint8_t>((made.bytes[8] & 0x3FU) | 0x80U);
    return made;
  }
  std::uint64_t start_process() {
    last_process += 1 + random.below(40);
    if (last_process >= 4'194'304) last_process = 300;
    return last_process;
  }
};

}  // namespace

struct Fleet::State {
  explicit State(const FleetShape& fleet_shape);

  void add_device(std::uint32_t index);
  void boot(Device& device, Ticks time);
  void advance(Device& device, Due due, Ticks time);
  void act(Device& device, Ticks end);
  void perform(Device& device, const Act& what, Ticks& time);
  void take_pictures(Device& device, std::span<const Picture> pictures, Ticks end);
  void emit(Device& device, schema::EventName name, const Template& details, const Moment& moment);
  void emit_item(Device& device, schema::EventName name, const Template& details,
                 const Moment& moment, std::uint32_t item);
  void alert(const Device& device, Ticks time);

  FleetShape shape;
  std::vector<Device> devices;
  using Entry = std::pair<Ticks, std::uint32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  Ticks now = 0;
  std::uint64_t outbox = 0;

  // While filling.
  store::Batch* batch = nullptr;
  base::Guid event_id;
  std::string text;
};

Fleet::State::State(const FleetShape& fleet_shape) : shape(fleet_shape), now(shape.begin()) {
  devices.reserve(shape.devices);
  for (std::uint32_t index = 0; index < shape.devices; ++index)
    add_device(index);
}

void Fleet::State::add_device(std::uint32_t index) {
  Device& device = devices.emplace_back(Random(shape.seed ^ (std::uint64_t{index} << 20U)).next());
  Random& random = device.random;
  std::uint64_t kind = random.below(100);
  for (const Profile& profile : profiles()) {
    device.profile = &profile;
    if (kind < profile.share) break;
    kind -= profile.share;
  }
  const std::uint64_t site = random.below(kSites);
  device.id = fmt::format("{}-{:05}", device.profile->prefix, index);
  device.serial = fmt::format("{:010X}", random.next() >> 24U);
  device.address = fmt::format("10.{}.{}.{}", site, index / 250 % 250, 2 + index % 250);
  device.site_gateway = fmt::format("10.{}.0.1", site);
  device.user_id = 1000 + static_cast<std::uint32_t>(random.below(3));
  device.utc_offset_minutes = static_cast<int>(random.below(8)) * 60 - 240;
  device.agent_id = device.guid();
  device.release = 1 + static_cast<std::uint32_t>(random.below(2));
  device.skew = random.chance(97)
                    ? (static_cast<Ticks>(random.below(400)) - 200) * kTicksPerMillisecond
                    : random.around(6 * kTicksPerHour) - 6 * kTicksPerHour;
  const std::uint64_t busy = random.below(100);
  const Ticks pace = busy < 5 ? 2 : busy < 30 ? 6 : 12;
  device.between_routines = kBetweenRoutines * pace / 8;
  for (const Routine& routine : device.profile->routines)
    device.total_weight += routine.weight;
  const Ticks begin = shape.begin();
  const Ticks all = shape.end - begin;
  boot(device, begin - random.around(10 * kTicksPerDay));
  device.update = begin + all / 3 + random.around(all / 6);
  if (random.chance(85)) {
    device.outage_begin = begin + random.around(all / 2);
    device.outage_end = device.outage_begin + random.around(2 * kTicksPerHour);
  }
  device.due = {begin + random.around(device.between_routines),
                begin + random.around(kTicksPerHour / 2), begin + random.around(kTicksPerDay / 2),
                begin + random.around(7 * kTicksPerDay / 2)};
  queue.emplace(device.next_heard(), index);
}

void Fleet::State::boot(Device& device, Ticks time) {
  device.booted = time;
  device.boot_id = device.guid().to_string();
  device.sequence = 200 + device.random.below(400);
  device.last_process = 900 + device.random.below(900);
  device.parent = 300 + device.random.below(600);
}

void Fleet::State::advance(Device& device, Due due, Ticks time) {
  Ticks& at = device.due[static_cast<std::size_t>(due)];
  switch (due) {
    case Due::Routine:
      at += std::max<Ticks>(device.random.around(device.between_routines), kTicksPerSecond);
      // Idle routines may wait; what somebody does by day is closer together.
      if ((time / kTicksPerHour) % 24 >= 18) at += kBetweenRoutines / 4;
      return;
    case Due::Hourly:
      at += kTicksPerHour + static_cast<Ticks>(device.random.below(40)) * kTicksPerMillisecond;
      return;
    case Due::Daily:
      at += kTicksPerDay + static_cast<Ticks>(device.random.below(90)) * kTicksPerMillisecond;
      return;
    case Due::Weekly:
      at += 7 * kTicksPerDay + static_cast<Ticks>(device.random.below(900)) * kTicksPerMillisecond;
      return;
  }
}

void Fleet::State::emit_item(Device& device, schema::EventName name, const Template& details,
                             const Moment& moment, std::uint32_t item) {
  const schema::EventInfo& info = schema::event_info(name);
  // The wire has milliseconds.
  const Ticks time = moment.time - moment.time % kTicksPerMillisecond;
  text = R"({"TimestampLocal":")";
  append_time(text, time, device.utc_offset_minutes);
  text += R"(","TimestampUTC":")";
  append_time(text, time, 0);
  text += R"(",)";
  details.render(moment, text);
  store::EventRow row;
  row.time_generated = now;
  row.time_stamp = time;
  row.device_id = device.id;
  row.module_id = "azureiotsecurity";
  row.agent_version = device.release > 2 ? "0.9.2" : "0.9.1";
  row.agent_id = device.agent_id;
  row.event_id = event_id;
  row.item = item;
  row.name = info.name;
  row.category = schema::to_string(info.category);
  row.type = schema::to_string(info.type);
  row.details = batch->keep(text);
  batch->events.push_back(row);
  ++device.collected;
}

void Fleet::State::emit(Device& device, schema::EventName name, const Template& details,
                        const Moment& moment) {
  event_id = device.guid();
  emit_item(device, name, details, moment, 0);
}

void Fleet::State::perform(Device& device, const Act& what, Ticks& time) {
  const std::uint64_t times = 1 + device.random.below(what.most);
  for (std::uint64_t i = 0; i < times; ++i) {
    time += device.random.around(300 * kTicksPerMillisecond);
    Moment moment{&device, time + device.skew, device.random.next(), device.last_process,
                  device.parent};
    if (what.end) moment.process = device.start_process();
    const bool aggregated = what.repeated && device.random.chance(kAggregatedPercent);
    if (what.name == schema::EventName::ProcessCreate) ++device.sequence;
    emit(device, what.name, aggregated ? *what.repeated : what.details, moment);
    if (!what.end || aggregated) continue;
    time += device.random.around(400 * kTicksPerMillisecond);
    moment.time = time + device.skew;
    ++device.sequence;
    emit(device, schema::EventName::ProcessTerminate, *what.end, moment);
  }
}

void Fleet::State::act(Device& device, Ticks end) {
  Ticks time = end - kRoutineTime;
  std::uint64_t weight = device.random.below(device.total_weight);
  const Routine* chosen = nullptr;
  for (const Routine& routine : device.profile->routines) {
    chosen = &routine;
    if (weight < routine.weight) break;
    weight -= routine.weight;
  }
  for (const Act& what : chosen->acts) {
    if (device.random.chance(what.percent)) perform(device, what, time);
  }
  if (device.random.below(1000) < kAlertsPerMille) alert(device, time);
}

void Fleet::State::take_pictures(Device& device, std::span<const Picture> pictures, Ticks end) {
  Ticks time = end - 3 * kTicksPerSecond;
  for (const Picture& picture : pictures) {
    time += device.random.around(200 * kTicksPerMillisecond);
    event_id = device.guid();
    std::uint32_t item = 0;
    for (const Template& details : picture.items) {
      const Moment moment{&device, time + device.skew, device.random.next(), device.last_process,
                          device.parent};
      emit_item(device, picture.name, details, moment, item++);
    }
  }
}

void Fleet::State::alert(const Device& device, Ticks time) {
  static constexpr std::array<std::array<std::string_view, 3>, 3> kAlerts = {{
      {"Failed logins", "Medium", "One address failed to log in again and again."},
      {"Program from a temporary folder", "High",
       "A program was started that anybody may replace."},
      {"Clock set back", "Low", "The device's clock was set back by more than a minute."},
  }};
  const auto& [title, severity, description] = kAlerts[outbox % kAlerts.size()];
  store::AlertRow row;
  row.outbox = ++outbox;
  row.time_generated = now;
  row.start_time = row.end_time = time;
  row.processing_end_time = now;
  row.alert_id = base::Guid::derived("bench", std::to_string(outbox)).to_string();
  row.rule_id = fmt::format("bench-{}", outbox % kAlerts.size());
  row.title = title;
  row.severity = severity;
  row.description = description;
  row.status = "New";
  row.compromised_entity = device.id;
  row.confidence = "High";
  row.remediation_json = "[]";
  row.extended_json =
      fmt::format(R"({{"DeviceId":"{}","Address":"{}"}})", device.id, device.address);
  row.entities_json = "[]";
  batch->alerts.push_back(std::move(row));
}

Fleet::Fleet(const FleetShape& shape) : state_(std::make_unique<State>(shape)) {}
Fleet::~Fleet() = default;

bool Fleet::fill(store::Batch& batch, std::size_t rows) {
  State& state = *state_;
  state.batch = &batch;
  while (batch.events.size() < rows) {
    const auto [heard, index] = state.queue.top();
    if (heard >= state.shape.end) return false;
    state.queue.pop();
    Device& device = state.devices[index];
    const Due due = device.next_due();
    const Ticks time = device.next_time();
    // A message arrives some milliseconds after the last of its events; hubs hear one after
    // another.
    state.now = std::max(heard + device.random.around(80 * kTicksPerMillisecond), state.now + 1);
    if (time >= device.update) {
      device.update = state.shape.end + kTicksPerDay;
      device.release += 2;
      state.boot(device, time);
    }
    ++device.messages;
    switch (due) {
      case Due::Routine:
        state.act(device, time);
        break;
      case Due::Hourly:
        state.take_pictures(device, device.profile->hourly, time);
        break;
      case Due::Daily:
        state.take_pictures(device, device.profile->daily, time);
        break;
      case Due::Weekly:
        state.take_pictures(device, device.profile->weekly, time);
        break;
    }
    state.advance(device, due, time);
    state.queue.emplace(device.next_heard(), index);
  }
  return true;
}

Ticks Fleet::now() const {
  return state_->now;
}
const std::string& Fleet::device_id(std::uint32_t device) const {
  return state_->devices.at(device).id;
}

}  // namespace bench
