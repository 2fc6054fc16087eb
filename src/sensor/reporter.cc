#include "sensor/reporter.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "os/process.h"
#include "sensor/delivery/events.h"

namespace sensor {

using base::Result;

namespace {

constexpr const char* kVersion = VEDETTE_VERSION;  // from CMake
constexpr std::chrono::minutes kFlowsEvery{1};

// Who this sensor is, for as long as its folder lives.
Result<base::Guid> sensor_id(const std::string& folder) {
  const std::string path = folder + "/sensor_id";
  if (const auto text = os::read_file(path, 64); text) {
    const auto id = base::Guid::parse(base::trim(*text));
    if (id) return *id;
  } else if (text.error().code != base::Code::NotFound) {
    return std::unexpected(text.error());
  }
  const base::Guid made = base::Guid::random();
  TRY(os::write_file_atomic(path, made.to_string() + "\n", 0640));
  return made;
}

std::set<std::string, std::less<>> industrial_protocols(Reporter::Known known) {
  std::set<std::string, std::less<>> names;
  for (const dissect::Protocol* const one : known) {
    if (one->industrial) names.emplace(one->name);
  }
  return names;
}

std::int64_t number_of(const engine::Health& health, std::string_view name) {
  const auto found = std::ranges::find(health, name, &engine::Health::value_type::first);
  return found == health.end() ? 0 : static_cast<std::int64_t>(found->second);
}

struct Account {
  std::uint64_t collected = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t dropped = 0;
  std::uint64_t pending = 0;
};

Account account_of(const uplink::SpoolStats& spool) {
  return {.collected = spool.high.collected + spool.low.collected,
          .acknowledged = spool.high.acknowledged + spool.low.acknowledged,
          .dropped = spool.high.dropped() + spool.low.dropped(),
          .pending = spool.high.pending + spool.low.pending};
}

}  // namespace

Reporter::Reporter(const Config& config, Known known, std::string sensor, const Stock& stock)
    : config_(config),
      sensor_(std::move(sensor)),
      stock_(stock),
      delivery_(
          sensor_, industrial_protocols(known), [this] { return stock_.devices(); },
          [this](schema::Event event, uplink::Priority priority) {
            sender_->submit(std::move(event), priority);
          }),
      steering_(config.deliver, config.health_every, config.spool_bytes,
                config.state_dir + "/twin.json") {
  delivery_.configure(steering_.deliver());
}

Result<std::unique_ptr<Reporter>> Reporter::start(const Config& config, Known known,
                                                  uplink::Identity identity, Full full,
                                                  const Stock& stock) {
  const base::Guid id = TRY(sensor_id(config.state_dir));
  std::unique_ptr<Reporter> reporter(new Reporter(config, known, id.to_string(), stock));
  uplink::Uplink::Options options;
  options.identity = std::move(identity);
  options.session.client_type = "vedette-sensor";
  options.agent_version = kVersion;
  options.agent_id = id;
  options.spool.folder = config.state_dir + "/spool";
  const uplink::Uplink::Delivery sending = reporter->steering_.sending();
  options.spool.max_bytes = sending.max_cache_bytes;
  options.max_message_bytes = sending.max_message_bytes;
  options.high_every = sending.high_every;
  options.low_every = sending.low_every;
  options.pace.bytes_per_second = sending.resume_bytes_per_second;
  options.desired = [raw = reporter.get()](const uplink::Desired& desired) {
    const std::lock_guard lock(raw->mutex_);
    raw->desired_.push_back(desired);
  };
  reporter->sender_ = TRY(delivery::Sender::start(std::move(options), full));
  return reporter;
}

void Reporter::ask_for(engine::WorkerSettings& settings, const Config& config) {
  settings.facts = true;
  settings.all_transactions = false;
  // More often than conversations are told, so that the twin may ask for them more often.
  settings.flows_every =
      std::min<base::WallTime::duration>(config.deliver.conversations_every, kFlowsEvery);
}

// On the thread that tells; the sender's hands on what the hub wants.
void Reporter::take_desired() {
  std::vector<uplink::Desired> desired;
  {
    const std::lock_guard lock(mutex_);
    desired.swap(desired_);
  }
  if (desired.empty()) return;
  for (const uplink::Desired& one : desired)
    steering_.take(one);
  delivery_.configure(steering_.deliver());
  next_health_ = std::min(next_health_, base::wall_now() + steering_.health_every());
  sender_->with_uplink(
      [sending = steering_.sending(), told = steering_.reported(kVersion)](uplink::Uplink& uplink) {
        uplink.configure(sending);
        if (const auto said = uplink.report(told); !said) {
          LOG_ERROR("twin.not_reported").field("error", said.error().to_string());
        }
      });
}

void Reporter::take(const engine::Record& record) {
  delivery_.take(record);
}

void Reporter::pass_time(base::WallTime now, const engine::Health& health) {
  take_desired();
  delivery_.pass_time(now);
  if (now < next_health_) return;
  next_health_ = now + steering_.health_every();
  tell_health(now, health);
}

void Reporter::finish(const engine::Health& health) {
  delivery_.finish();
  tell_health(base::wall_now(), health);
}

std::uint64_t Reporter::left_out() const {
  return delivery_.left_out() + stock_.inventory().left_out() + sender_->dropped();
}

void Reporter::tell_health(base::WallTime now, const engine::Health& health) {
  const uplink::Uplink::Stats stats = sender_->stats();
  const Account account = account_of(stats.spool);
  schema::SensorHealth item;
  if (!config_.interface.empty()) item.interface = config_.interface;
  item.uptime_seconds =
      std::chrono::floor<std::chrono::seconds>(base::mono_now() - started_).count();
  item.packets = number_of(health, "packets");
  item.packets_lost = number_of(health, "packets_lost");
  item.flows = number_of(health, "flows_now");
  item.assets = static_cast<std::int64_t>(delivery_.assets());
  item.left_out = static_cast<std::int64_t>(left_out());
  item.collected_events = static_cast<std::int64_t>(account.collected);
  item.acknowledged_events = static_cast<std::int64_t>(account.acknowledged);
  item.dropped_events = static_cast<std::int64_t>(account.dropped);
  item.pending_events = static_cast<std::int64_t>(account.pending);
  item.resident_bytes = static_cast<std::int64_t>(os::resident_bytes());
  for (const auto& [name, value] : health)
    item.extra_details.emplace_back(std::string(name), std::to_string(value));
  sender_->submit(delivery::event_of(schema::payload_of(std::move(item)), now, sensor_),
                  uplink::Priority::High);
}

void Reporter::write_status(base::json::Writer& json) const {
  const uplink::Uplink::Stats stats = sender_->stats();
  const Account account = account_of(stats.spool);
  json.field("online", stats.session.online);
  if (!stats.session.online) json.field("lastError", stats.session.last_error);
  json.field("assets", std::uint64_t{delivery_.assets()});
  json.field("collected", account.collected);
  json.field("acknowledged", account.acknowledged);
  json.field("dropped", account.dropped);
  json.field("pending", account.pending);
  json.field("leftOut", left_out());
}

}  // namespace sensor
