#include "agent/agent.h"

#include <utility>

#include <unistd.h>

#include "agent/collect/process_events.h"
#include "agent/collector.h"
#include "agent/reports.h"
#include "agent/run_state.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "os/process.h"
#include "uplink/uplink.h"

namespace agent {

using base::Code;
using base::fail;
using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr const char* kVersion = VEDETTE_VERSION;  // from CMake
constexpr auto kSettled = 10s;
// How long a stop waits for the hub to acknowledge what is pending.
constexpr auto kFarewell = 2s;
constexpr auto kFarewellStep = 50ms;
constexpr std::size_t kMaxConnectionString = 4096;
// Details that tell apart events which are otherwise the same.
constexpr const char* kIgnoredDetails[] = {"Sequence", "ParentProcessId"};

uplink::Priority priority_of(schema::EventName name) {
  return name == schema::EventName::ProcessCreate || name == schema::EventName::Heartbeat
             ? uplink::Priority::High
             : uplink::Priority::Low;
}

Result<uplink::Identity> read_identity(const Config& config) {
  if (config.hub.connection_string_file.empty()) {
    return fail(Code::Invalid, "hub.connection_string_file", -1,
                "not set; put the module's connection string (vedette module create) into a file "
                "and name it");
  }
  const auto text = os::read_file(config.hub.connection_string_file, kMaxConnectionString);
  if (!text) {
    return fail(text.error().code, "hub.connection_string_file", text.error().at,
                config.hub.connection_string_file + " cannot be read");
  }
  auto identity = uplink::parse_connection_string(base::trim(*text));
  if (!identity) {
    identity.error().detail = config.hub.connection_string_file + ": " + identity.error().detail;
    return identity;
  }
  identity->ca_file = config.hub.ca_file;
  return identity;
}

}  // namespace

struct Agent::State {
  os::Loop& loop;
  Config config;
  std::string boot_id;
  uplink::Identity identity;
  std::optional<RunState> run;
  std::unique_ptr<uplink::Uplink> uplink;
  std::optional<collect::ProcessEvents> events;
  std::unique_ptr<Collector> collector;  // tells `events`, which tell `uplink`
  base::MonoTime started = base::mono_now();
  base::MonoTime stop_by{};
  uplink::SessionStats reported_session;
  std::uint64_t kernel_lost_counted = 0;  // of the collector's count, already in the totals

  State(os::Loop& owner, const Config& settings) : loop(owner), config(settings) {}

  void submit(schema::Event event) {
    const uplink::Priority priority = priority_of(event.name());
    uplink->submit(std::move(event), priority);
  }

  // Brings the kernel's losses into the totals, and leaves a gap in the numbers for them.
  void count_losses() {
    const std::uint64_t lost = collector->stats().kernel_lost;
    if (lost <= kernel_lost_counted) return;
    run->totals().kernel_lost += lost - kernel_lost_counted;
    run->skip_sequences(lost - kernel_lost_counted);
    LOG_WARNING("collect.kernel_lost").field("events", lost - kernel_lost_counted);
    kernel_lost_counted = lost;
  }

  Health health() {
    count_losses();
    Health health;
    health.tier = collector->tier();
    health.tier_reason = collector->reason();
    health.boot_id = boot_id;
    health.uptime = std::chrono::floor<std::chrono::seconds>(base::mono_now() - started);
    health.kernel_lost = run->totals().kernel_lost;
    health.source = collector->stats();
    health.events = events->counts();
    health.table_evicted = events->table().evicted();
    health.table_size = events->table().size();
    health.uplink = uplink->stats();
    health.resident_bytes = os::resident_bytes();
    return health;
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

  Result<void> open_uplink() {
    uplink::Uplink::Options options;
    options.identity = identity;
    options.agent_version = kVersion;
    options.agent_id = run->agent_id();
    options.spool.folder = config.state.dir + "/spool";
    options.spool.max_bytes = config.state.max_bytes;
    options.outbox.aggregate = config.aggregate.events;
    options.outbox.window = config.aggregate.window;
    options.outbox.ignored_details = {std::begin(kIgnoredDetails), std::end(kIgnoredDetails)};
    uplink = TRY(uplink::Uplink::open(loop, std::move(options)));
    return {};
  }

  Result<void> open_collector() {
    collect::ProcessEvents::Options options;
    options.forks = config.collect.forks;
    options.ends = config.collect.ends;
    options.excluded_executables = config.collect.exclude;
    options.boot_id = boot_id;
    options.next_sequence = [this] { return run->next_sequence(); };
    options.emit = [this](schema::Event event) { submit(std::move(event)); };
    events.emplace(std::move(options));
    Collector::Options sources;
    sources.tier = config.collect.tier;
    sources.source.ring_bytes = config.collect.ring_bytes;
    sources.source.poll_interval = config.collect.poll_interval;
    sources.on_tier = [this](collect::Tier tier) {
      events->set_tier(tier);
      // A change while we run is news; the first one is in the first heartbeat.
      if (collector != nullptr) loop.post([this] { beat(Beat::Later); });
    };
    collector = TRY(Collector::open(loop, *events, std::move(sources)));
    // After the source listens: who starts in between is then known twice rather than not at all.
    events->learn_present();
    return {};
  }

  bool all_sent() const {
    const uplink::Uplink::Stats stats = uplink->stats();
    return !stats.session.online || stats.spool.high.pending + stats.spool.low.pending == 0;
  }

  void say_farewell() {
    if (!all_sent() && base::mono_now() < stop_by) {
      loop.after(kFarewellStep, [this] { say_farewell(); });
      return;
    }
    uplink->stop();
    if (const auto closed = run->close(base::wall_now()); !closed) {
      LOG_ERROR("state.write_failed").field("error", closed.error().to_string());
    }
    loop.stop();
  }
};

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(os::Loop& loop, const Config& config) {
  auto state = std::make_unique<State>(loop, config);
  state->identity = TRY(read_identity(config));
  state->boot_id = TRY(os::ProcFs().boot_id());
  state->run = TRY(RunState::open(config.state.dir, state->boot_id, base::wall_now()));
  TRY(state->open_uplink());
  TRY(state->open_collector());
  state->beat(Beat::First);
  State* const raw = state.get();
  loop.every(config.report.heartbeat, [raw] { raw->beat(Beat::Later); });
  loop.every(config.report.statistics, [raw] { raw->report_statistics(); });
  // By then the programs are loaded and the hub, if in reach, is connected.
  loop.after(kSettled, [] { os::release_startup_memory(); });
  state->uplink->start();
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

std::string Agent::ready_line() const {
  std::string line;
  base::json::Writer out(line);
  out.begin_object();
  out.field("event", "ready");
  out.field("tier", collect::tier_name(state_->collector->tier()));
  if (!state_->collector->reason().empty()) out.field("tierReason", state_->collector->reason());
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
  state_->collector->drain();
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
