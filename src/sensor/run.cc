#include "sensor/run.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <net/if.h>

#include "base/json.h"
#include "base/time.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/service.h"
#include "sensor/edits_file.h"
#include "sensor/engine/live.h"
#include "sensor/interface.h"
#include "sensor/keeper.h"
#include "sensor/output.h"
#include "sensor/protocols.h"
#include "sensor/reporter.h"
#include "sensor/sandbox.h"
#include "sensor/status.h"
#include "sensor/stock.h"

namespace sensor {

namespace {

constexpr std::chrono::seconds kStatusEvery{2};
constexpr std::chrono::seconds kFarewell{2};
constexpr std::chrono::minutes kFlowsEvery{1};

// Set by signals.
std::atomic<bool> asked_to_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

int failed(const base::Error& error) {
  std::fputs(("vedette-sensor: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

// Wiped when it goes.
struct Secret {
  uplink::Identity identity;
  ~Secret() { uplink::wipe(identity); }
};

// Why not is a text of several lines, where somebody can do something about it.
int not_opened(const base::Error& error) {
  if (error.code != base::Code::Denied) return failed(error);
  std::fputs(("vedette-sensor: " + explained(error) + "\n").c_str(), stderr);
  return 1;
}

std::vector<int> descriptors_of(
    const std::vector<std::unique_ptr<capture::PacketSource>>& sources) {
  std::vector<int> descriptors;
  for (const auto& source : sources)
    descriptors.push_back(source->descriptor());
  return descriptors;
}

// Whether anybody will want to know which devices there are.
bool keeps_inventory(const Config& config) {
  return !config.state_dir.empty() || config.has_hub() || config.what == What::Assets;
}

engine::Settings settings_for(const Config& config) {
  engine::Settings settings;
  settings.decode.drop_duplicates = !config.keep_duplicates;
  settings.worker = worker_settings(config.what);
  settings.worker.tracker.flows = config.flows;
  settings.worker.tracker.reassembly = config.reassembly;
  settings.worker.fact_capacity = config.facts;
  // The inventory lives on facts, and on conversations that go on; where these are what is written,
  // each is written once.
  if (keeps_inventory(config)) settings.worker.facts = true;
  if (keeps_inventory(config) && config.what != What::Flows)
    settings.worker.flows_every = kFlowsEvery;
  if (config.has_hub()) Reporter::ask_for(settings.worker, config);
  return settings;
}

// What a sensor that listens has beside its packets.
struct Listening {
  const Config& config;
  const std::string& opened_by;
  const Sandbox& sandbox;
  Output& output;
  Reporter* reporter;
  Keeper& keeper;
  Stock& stock;
  EditsWatch& edits;
  std::FILE* out;
};

// What is known of devices goes to the disk, now and then.
void keep(const Listening& with) {
  const base::MonoTime now = base::mono_now();
  if (!with.keeper.due(now)) return;
  if (with.reporter != nullptr) with.keeper.told() = with.reporter->told_assets();
  with.keeper.save(now, base::wall_now());
}

void keep_at_last(const Listening& with) {
  if (with.reporter != nullptr) with.keeper.told() = with.reporter->told_assets();
  with.keeper.finish(base::wall_now());
}

void say_ready(const Listening& with) {
  std::fputs(fmt::format("{{\"event\":\"ready\",\"interface\":{}}}\n",
                         base::json::quoted(with.config.interface))
                 .c_str(),
             with.out);
  std::fflush(with.out);
  os::notify_service("READY=1");
}

// Until it is asked to stop, or a source fails. The process's exit code.
int listen(engine::Live& live, const Listening& with) {
  const base::WallTime since = base::wall_now();
  engine::Health last;
  const auto tell = [&](const char* state) {
    write_status(with.config, {.state = state,
                               .since = since,
                               .opened_by = with.opened_by,
                               .sandbox = with.sandbox,
                               .health = last,
                               .reporter = with.reporter,
                               .keeper = with.keeper,
                               .edits = with.stock.edits().all().size(),
                               .edits_problem = with.edits.problem()});
  };
  // Whoever hears that it is ready may ask for its status.
  tell("running");
  say_ready(with);
  base::MonoTime next = base::mono_now();
  const auto done = live.run([&](const engine::Health& health) {
    if (asked_to_stop || !with.output.flush()) live.stop();
    last = health;
    if (with.reporter != nullptr) with.reporter->pass_time(base::wall_now(), health);
    keep(with);
    if (base::mono_now() < next) return;
    with.edits.look(with.stock.edits());
    next = base::mono_now() + kStatusEvery;
    tell("running");
    os::notify_service("WATCHDOG=1");
  });
  with.output.end(last);
  if (with.reporter != nullptr) with.reporter->finish(last);
  keep_at_last(with);
  if (with.reporter != nullptr) {
    // What the hub does not take until then is in the spool for the next run.
    with.reporter->drain(kFarewell);
  }
  tell(done ? "stopped" : "failed");
  if (!done) return failed(done.error());
  return with.output.flush() ? 0 : 1;
}

}  // namespace

int check_config(const Config& config, std::FILE* out) {
  std::string problem;
  if (config.interface.empty()) {
    problem = "capture.interface is not set";
  } else if (::if_nametoindex(config.interface.c_str()) == 0) {
    problem = "capture.interface: there is no interface " + config.interface;
  } else if (config.method == Method::Pcap && config.workers > 1) {
    problem = "capture.workers: libpcap has one reader";
  }
  if (!problem.empty()) {
    std::fputs(("vedette-sensor: " + problem + "\n").c_str(), stderr);
    return 1;
  }
  if (config.has_hub()) {
    auto identity = uplink::read_identity(config.hub);
    if (!identity) return failed(identity.error());
    uplink::wipe(*identity);
  }
  const auto protocols = Protocols::load(config.protocols);
  if (!protocols) {
    std::fputs((explained(protocols.error()) + "\n").c_str(), stderr);
    return 1;
  }
  std::fputs(fmt::format("the configuration is fine; {} protocols, {} of them from {}\n",
                         protocols->all().size(), protocols->own(),
                         config.protocols.empty() ? "nowhere" : config.protocols)
                 .c_str(),
             out);
  return 0;
}

int run(const Config& config, std::FILE* out) {
  if (config.interface.empty()) {
    std::fputs("vedette-sensor: run needs --interface, or capture.interface\n", stderr);
    return 2;
  }
  const auto protocols = Protocols::load(config.protocols);
  if (!protocols) {
    std::fputs((explained(protocols.error()) + "\n").c_str(), stderr);
    return 1;
  }
  auto interface = open_interface(config);
  if (!interface) return not_opened(interface.error());
  os::Fd claimed;
  if (!config.state_dir.empty()) {
    if (const auto made = os::make_dirs(config.state_dir, 0750); !made) return failed(made.error());
    auto claim = Keeper::claim(config.state_dir);
    if (!claim) return failed(claim.error());
    claimed = std::move(*claim);
  }
  Secret secret;
  if (config.has_hub()) {
    auto identity = uplink::read_identity(config.hub);
    if (!identity) return failed(identity.error());
    secret.identity = std::move(*identity);
  }
  // From here on nothing needs more than what is open.
  const auto sandbox = Sandbox::enter(config, descriptors_of(interface->sources));
  if (!sandbox) return failed(sandbox.error());
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { asked_to_stop = true; });
  Stock stock;
  if (keeps_inventory(config)) stock.know_vendors();
  Keeper keeper(config.state_dir, config.inventory_every, stock.inventory());
  std::unique_ptr<Reporter> reporter;
  if (config.has_hub()) {
    auto started =
        Reporter::start(config, protocols->all(), secret.identity, Reporter::Full::Drop, stock);
    if (!started) return failed(started.error());
    reporter = std::move(*started);
    reporter->remember(keeper.told());
  }
  EditsWatch edits(config.state_dir.empty() ? "" : config.state_dir + kEditsFile);
  edits.look(stock.edits());
  Output output(config.what, config.shape, out, stock);
  const flow::Registry registry(protocols->all());
  Audience audience{keeps_inventory(config) ? &stock : nullptr, &output, reporter.get()};
  engine::Live live(registry, audience, settings_for(config), std::move(interface->sources));
  const Listening listening{
      config, interface->opened_by, *sandbox, output, reporter.get(), keeper, stock, edits, out};
  return listen(live, listening);
}

}  // namespace sensor
