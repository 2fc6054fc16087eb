#include "agent/agent.h"

#include <utility>

#include <unistd.h>

#include "agent/collection.h"
#include "agent/diagnostics.h"
#include "agent/hub_identity.h"
#include "agent/local/local_socket.h"
#include "agent/reports.h"
#include "agent/run_state.h"
#include "agent/split/remote_link.h"
#include "agent/status.h"
#include "agent/steering.h"
#include "base/json.h"
#include "base/log.h"
#include "os/file.h"
#include "os/process.h"
#include "uplink/uplink.h"

namespace agent {

using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr const char* kVersion = VEDETTE_VERSION;  // from CMake
constexpr auto kSettled = 10s;
constexpr auto kLeaveStatus = 30min;
// How long a stop waits for the hub to acknowledge what is pending.
constexpr auto kFarewell = 2s;
constexpr auto kFarewellStep = 50ms;
// Details that tell apart events which are otherwise the same.
constexpr const char* kIgnoredDetails[] = {"Sequence", "ParentProcessId", "ConnectionId",
                                           "DurationMilliseconds"};

constexpr const char* kSummedDetails[] = {"BytesSent", "BytesReceived"};
constexpr auto kLookAtSources = 5s;

// What holds where the twin says nothing: the device's own file.
settings::Settings defaults_of(const Config& config) {
  settings::Settings defaults;
  defaults.max_cache_bytes = config.state.max_bytes;
  defaults.heartbeat_frequency = config.report.heartbeat;
  const auto aggregation = [&](schema::EventName event) {
    return config.aggregate.events.contains(event)
               ? settings::Aggregation{true, config.aggregate.window}
               : settings::Aggregation{};
  };
  defaults.process_create = aggregation(schema::EventName::ProcessCreate);
  defaults.process_terminate = aggregation(schema::EventName::ProcessTerminate);
  defaults.connection_create = aggregation(schema::EventName::ConnectionCreate);
  return defaults;
}

}  // namespace

struct Agent::State {
  os::Loop& loop;
  Config config;
  std::string boot_id;
  split::Keeper* keeper = nullptr;
  uplink::Identity identity;             // without its secrets
  split::RemoteLink* network = nullptr;  // the uplink's, if there is a keeper
  bool failed = false;
  std::function<void()> on_failed;  // stops the agent
  std::optional<RunState> run;
  std::optional<Steering> steering;
  settings::Settings applied;
  std::vector<SourceReport> told_sources;
  os::TimerId heartbeats = 0;
  bool applying = false;
  std::unique_ptr<uplink::Uplink> uplink;
  std::unique_ptr<local::LocalSocket> asked;
  std::optional<split::RightsKept> rights;
  std::optional<base::WallTime> last_acknowledged;
  std::unique_ptr<Collection> collection;  // tells `uplink`
  base::MonoTime started = base::mono_now();
  base::MonoTime stop_by{};
  uplink::SessionStats reported_session;
  std::uint64_t kernel_lost_counted = 0;     // of the collection's count, already in the totals
  std::unique_ptr<Diagnostics> diagnostics;  // ends before what its events go through

  State(os::Loop& owner, const Config& settings) : loop(owner), config(settings) {}

  void submit(schema::Event event) {
    if (applied.priority_of(event.name()) == settings::Level::Off) return;
    if (asked != nullptr && asked->has_listeners()) {
      std::string json;
      schema::encode_event(event, json);
      asked->tell(json);
    }
    const uplink::Priority priority = priority_of(applied, event.name());
    uplink->submit(std::move(event), priority);
  }

  // Brings the kernel's losses into the totals, and leaves a gap in the numbers for them.
  void count_losses() {
    const std::uint64_t lost = collection->lost();
    if (lost <= kernel_lost_counted) return;
    run->totals().kernel_lost += lost - kernel_lost_counted;
    run->skip_sequences(lost - kernel_lost_counted);
    LOG_WARNING("collect.kernel_lost").field("events", lost - kernel_lost_counted);
    kernel_lost_counted = lost;
  }

  Health health() {
    count_losses();
    Health health;
    health.tier = collection->tier();
    health.tier_reason = collection->tier_reason();
    health.boot_id = boot_id;
    health.uptime = std::chrono::floor<std::chrono::seconds>(base::mono_now() - started);
    health.kernel_lost = run->totals().kernel_lost;
    health.source = collection->source_stats();
    health.events = collection->counts();
    health.table_evicted = collection->table_evicted();
    health.table_size = collection->table_size();
    health.uplink = uplink->stats();
    health.resident_bytes = os::resident_bytes();
    health.disk_bytes = os::storage_bytes_written();
    health.sources = collection->sources();
    return health;
  }

  Status status(bool running) {
    Status status;
    status.at = base::wall_now();
    status.running = running;
    status.version = kVersion;
    status.agent_id = run->agent_id().to_string();
    status.device_id = identity.device_id;
    status.module_id = identity.module_id;
    status.hub = identity.host_name + ":" + std::to_string(identity.port);
    status.pid = ::getpid();
    status.health = health();
    status.sources = status.health.sources;
    status.last_acknowledged = last_acknowledged;
    if (network != nullptr) status.network = network->process_stats();
    status.rights = rights;
    status.file_paths = applied.file_event_paths;
    return status;
  }

  // For who asks when no agent runs. Now and then only, for the sake of flash memory.
  void leave_status() {
    const auto written =
        os::write_file_atomic(status_file(config.state.dir), json_of(status(false)));
    if (!written) {
      LOG_ERROR("state.write_failed").field("error", written.error().to_string());
    }
  }

  // Nobody can ask an agent whose folder has too long a name; it works all the same.
  void open_local_socket() {
    auto opened =
        local::LocalSocket::open(loop, config.state.dir, [this] { return json_of(status(true)); });
    if (opened) {
      asked = std::move(*opened);
    } else {
      LOG_WARNING("local_socket.not_opened").field("error", opened.error().to_string());
    }
  }

  void beat(Beat which) {
    const base::WallTime now = base::wall_now();
    submit(heartbeat(health(), which, run->previous(), now));
    if (const auto touched = run->touch(now); !touched) {
      LOG_ERROR("state.write_failed").field("error", touched.error().to_string());
    }
  }

  void report_statistics() {
    const base::WallTime now = base::wall_now();
    const Health current = health();
    submit(dropped_events(current, run->totals(), now));
    submit(message_statistics(current.uplink.session, reported_session, now));
  }

  // What the hub says comes while the session is at work: a turn later, all is as it should be.
  void take(const uplink::Desired& desired) {
    steering->take(desired);
    plan_apply();
  }

  void plan_apply() {
    if (std::exchange(applying, true)) return;
    loop.after(0ns, [this] {
      applying = false;
      apply();
    });
  }

  // Puts into effect what the twin says now, and tells what is wrong with it.
  void apply() {
    const settings::Settings& wanted = steering->settings();
    if (wanted != applied) {
      const settings::Settings before = std::exchange(applied, wanted);
      uplink->configure(delivery_of(applied));
      collection->configure(applied);
      diagnostics->set_level(applied.diagnostic_level);
      if (before.heartbeat_frequency != applied.heartbeat_frequency) plan_heartbeats();
    }
    if (auto problems = steering->untold(base::wall_now())) submit(std::move(*problems));
    report();
  }

  void plan_heartbeats() {
    loop.cancel(heartbeats);
    heartbeats = loop.every(applied.heartbeat_frequency, [this] { beat(Beat::Later); });
  }

  void report() {
    if (const auto said = uplink->report(steering->reported(kVersion, told_sources)); !said) {
      LOG_ERROR("twin.not_reported").field("error", said.error().to_string());
    }
  }

  // Tells where events come from: in the beginning, and whenever it is another place.
  void look_at_sources() {
    std::vector<SourceReport> sources = collection->sources();
    if (same_sources(sources, told_sources)) return;
    told_sources = std::move(sources);
    submit(sources_event(told_sources, base::wall_now()));
    report();
  }

  Result<void> open_uplink() {
    uplink::Uplink::Options options;
    if (keeper != nullptr) {
      options.connect = [this](os::Loop& the_loop, const uplink::Session::Options& session,
                               uplink::Link::Callbacks callbacks) {
        return open_network(the_loop, session, std::move(callbacks));
      };
    } else {
      options.identity = TRY(read_identity(config));
    }
    options.agent_version = kVersion;
    options.agent_id = run->agent_id();
    options.spool.folder = config.state.dir + "/spool";
    const uplink::Uplink::Delivery delivery = delivery_of(applied);
    options.spool.max_bytes = delivery.max_cache_bytes;
    options.max_message_bytes = delivery.max_message_bytes;
    options.high_every = delivery.high_every;
    options.low_every = delivery.low_every;
    options.pace.bytes_per_second = delivery.resume_bytes_per_second;
    options.outbox.windows = delivery.aggregate;
    options.outbox.summed_details = {std::begin(kSummedDetails), std::end(kSummedDetails)};
    options.desired = [this](const uplink::Desired& desired) { take(desired); };
    options.outbox.ignored_details = {std::begin(kIgnoredDetails), std::end(kIgnoredDetails)};
    uplink = TRY(uplink::Uplink::open(loop, std::move(options)));
    return {};
  }

  // The key is read for each network process, given to it and wiped: none of it stays here.
  Result<std::unique_ptr<uplink::Link>> open_network(os::Loop& the_loop,
                                                     const uplink::Session::Options& session,
                                                     uplink::Link::Callbacks callbacks) {
    split::RemoteLink::Options options;
    options.window = session.window;
    options.configure = [this, session]() -> Result<uplink::channel::Configure> {
      auto configure = TRY(network_configuration(config));
      uplink::Identity who = std::move(configure.options.identity);
      configure.options = session;
      configure.options.connect_timeout = config.hub.connect_timeout;
      configure.options.identity = std::move(who);
      return configure;
    };
    options.gone = [this] {
      failed = true;
      if (on_failed) on_failed();
    };
    callbacks.acknowledged =
        [this, pass = std::move(callbacks.acknowledged)](const uplink::Message& message) {
          last_acknowledged = base::wall_now();
          pass(message);
        };
    auto link =
        TRY(split::RemoteLink::open(the_loop, *keeper, std::move(options), std::move(callbacks)));
    network = link.get();
    return link;
  }

  Result<void> open_collection() {
    Collection::Options options;
    options.collect = config.collect;
    options.boot_id = boot_id;
    options.state_dir = config.state.dir;
    options.emit = [this](schema::Event event) { submit(std::move(event)); };
    options.next_sequence = [this] { return run->next_sequence(); };
    options.settings = applied;
    options.on_tier = [this] {
      look_at_sources();
      beat(Beat::Later);
    };
    options.baseline_problem = [this](const std::string& key, const std::string& text) {
      steering->set_found(key, text);
      plan_apply();
    };
    collection = TRY(Collection::open(loop, std::move(options)));
    return {};
  }

  bool all_sent() const { return !uplink->stats().session.online || uplink->quiet(); }

  void say_farewell() {
    if (!all_sent() && base::mono_now() < stop_by) {
      loop.after(kFarewellStep, [this] { say_farewell(); });
      return;
    }
    uplink->stop();
    leave_status();
    if (const auto closed = run->close(base::wall_now()); !closed) {
      LOG_ERROR("state.write_failed").field("error", closed.error().to_string());
    }
    loop.stop();
  }
};

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(os::Loop& loop, const Config& config,
                                            const Surroundings& surroundings) {
  auto state = std::make_unique<State>(loop, config);
  state->keeper = surroundings.keeper;
  state->rights = surroundings.rights;
  state->identity = TRY(read_identity(config));
  wipe(state->identity);
  state->boot_id = TRY(os::ProcFs().boot_id());
  state->run = TRY(RunState::open(config.state.dir, state->boot_id, base::wall_now()));
  state->steering.emplace(Steering::Options{.defaults = defaults_of(config),
                                            .file = config.state.dir + "/twin.json",
                                            .object = config.hub.twin_object});
  state->applied = state->steering->settings();
  TRY(state->open_uplink());
  // From here on there is somewhere for a line to go.
  state->diagnostics = std::make_unique<Diagnostics>(
      loop, state->applied.diagnostic_level,
      [raw = state.get()](schema::Event event) { raw->submit(std::move(event)); });
  TRY(state->open_collection());
  state->open_local_socket();
  state->beat(Beat::First);
  State* const raw = state.get();
  loop.every(kLeaveStatus, [raw] { raw->leave_status(); });
  raw->plan_heartbeats();
  raw->look_at_sources();
  loop.every(kLookAtSources, [raw] { raw->look_at_sources(); });
  loop.every(config.report.statistics, [raw] { raw->report_statistics(); });
  // By then the programs are loaded and the hub, if in reach, is connected.
  loop.after(kSettled, [] { os::release_startup_memory(); });
  state->uplink->start();
  state->collection->start_snapshots();
  // After the threads that are in no hurry. Whoever keeps all processors busy must not go unseen.
  if (!os::favour_this_thread()) {
    LOG_INFO("agent.not_favoured");
  }
  std::unique_ptr<Agent> agent(new Agent(std::move(state)));
  raw->on_failed = [self = agent.get()] { self->stop(); };
  return agent;
}

bool Agent::failed() const {
  return state_->failed;
}

std::string Agent::ready_line() const {
  std::string line;
  base::json::Writer out(line);
  out.begin_object();
  out.field("event", "ready");
  out.field("tier", collect::tier_name(state_->collection->tier()));
  const std::string& reason = state_->collection->tier_reason();
  if (!reason.empty()) out.field("tierReason", reason);
  out.field("deviceId", state_->identity.device_id);
  out.field("moduleId", state_->identity.module_id);
  out.field("hub", state_->identity.host_name + ":" + std::to_string(state_->identity.port));
  out.field("agentId", state_->run->agent_id().to_string());
  out.field("pid", static_cast<std::int64_t>(::getpid()));
  out.end_object();
  return line;
}

void Agent::stop() {
  if (state_->stop_by != base::MonoTime()) return;
  state_->stop_by = base::mono_now() + kFarewell;
  state_->collection->drain();
  state_->report_statistics();
  // What was just told is on its way a little later.
  state_->loop.after(kFarewellStep, [state = state_.get()] { state->say_farewell(); });
}

std::string Agent::stopped_line() const {
  const uplink::Uplink::Stats stats = state_->uplink->stats();
  const uplink::LaneStats& high = stats.spool.high;
  const uplink::LaneStats& low = stats.spool.low;
  std::string line;
  base::json::Writer out(line);
  out.begin_object();
  out.field("event", "stopped");
  out.field("collected", high.collected + low.collected);
  out.field("acknowledged", high.acknowledged + low.acknowledged);
  out.field("dropped", high.dropped() + low.dropped());
  out.field("pending", high.pending + low.pending);
  out.field("kernelLost", state_->run->totals().kernel_lost);
  out.end_object();
  return line;
}

}  // namespace agent
