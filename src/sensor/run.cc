#include "sensor/run.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "os/file.h"
#include "os/privilege.h"
#include "os/service.h"
#include "sensor/capture/pcap_live.h"
#include "sensor/capture/ring.h"
#include "sensor/engine/live.h"
#include "sensor/output.h"
#include "sensor/protocols.h"
#include "sensor/reporter.h"

namespace sensor {

namespace {

using Sources = std::vector<std::unique_ptr<capture::PacketSource>>;

constexpr std::chrono::seconds kStatusEvery{2};
constexpr std::chrono::seconds kFarewell{2};

// Set by signals.
std::atomic<bool> asked_to_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

int failed(const base::Error& error) {
  std::fputs(("vedette-sensor: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

base::Result<Sources> open_rings(const Config& config) {
  capture::RingSettings settings;
  settings.bytes = config.ring;
  if (config.workers > 1) settings.group = static_cast<std::uint16_t>(::getpid() | 1);
  Sources sources;
  for (unsigned int i = 0; i < config.workers; ++i)
    sources.push_back(TRY(capture::Ring::open(config.interface, settings)));
  return sources;
}

base::Result<Sources> open_sources(const Config& config) {
  if (config.method != Method::Pcap) {
    auto rings = open_rings(config);
    const bool other_way = config.method == Method::Auto && !rings &&
                           rings.error().code != base::Code::NotFound &&
                           rings.error().code != base::Code::Denied;
    if (!other_way) return rings;
    LOG_WARNING("sensor.no_ring").field("why", rings.error().to_string());
  }
  Sources sources;
  sources.push_back(TRY(capture::PcapLive::open(config.interface, config.ring)));
  return sources;
}

std::string status_file(const Config& config) {
  return config.state_dir + "/status.json";
}

void write_status(const Config& config, const char* state, base::WallTime since,
                  const engine::Health& health, const Reporter* reporter) {
  if (config.state_dir.empty()) return;
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  json.field("state", state);
  json.field("pid", std::int64_t{::getpid()});
  json.field("interface", config.interface);
  json.field("since", base::format_rfc3339(since));
  json.field("updated", base::format_rfc3339(base::wall_now()));
  json.key("health");
  json.raw(health_json(health));
  if (reporter != nullptr) {
    json.key("hub");
    json.begin_object();
    reporter->write_status(json);
    json.end_object();
  }
  json.end_object();
  text += '\n';
  const auto written = os::write_file_atomic(status_file(config), text, 0640);
  if (!written) {
    LOG_WARNING("sensor.status_not_written").field("why", written.error().to_string());
  }
}

// Who is told, one after the other.
class Audience final : public engine::Consumer {
 public:
  Audience(Output& output, Reporter* reporter) : output_(output), reporter_(reporter) {}
  void take(const engine::Record& record) override {
    output_.take(record);
    if (reporter_ != nullptr) reporter_->take(record);
  }

 private:
  Output& output_;
  Reporter* reporter_;
};

// Wiped when it goes.
struct Secret {
  uplink::Identity identity;
  ~Secret() { uplink::wipe(identity); }
};

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
  auto sources = open_sources(config);
  if (!sources) return failed(sources.error());
  if (!config.state_dir.empty()) {
    if (const auto made = os::make_dirs(config.state_dir, 0750); !made) return failed(made.error());
  }
  Secret secret;
  if (config.has_hub()) {
    auto identity = uplink::read_identity(config.hub);
    if (!identity) return failed(identity.error());
    secret.identity = std::move(*identity);
  }
  // From here on nothing needs more than what is open.
  os::hide_memory();
  if (const auto gone = os::keep_only({}); !gone) return failed(gone.error());
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { asked_to_stop = true; });

  const flow::Registry registry(protocols->all());
  engine::Settings settings;
  settings.decode.drop_duplicates = !config.keep_duplicates;
  settings.worker = worker_settings(config.what);
  settings.worker.tracker.flows = config.flows;
  settings.worker.tracker.reassembly = config.reassembly;
  settings.worker.fact_capacity = config.facts;
  Output output(config.what, config.shape, out);
  std::unique_ptr<Reporter> reporter;
  if (config.has_hub()) {
    auto started = Reporter::start(config, protocols->all(), secret.identity, Reporter::Full::Drop);
    if (!started) return failed(started.error());
    reporter = std::move(*started);
    Reporter::ask_for(settings.worker, config);
  }
  Audience audience(output, reporter.get());
  engine::Live live(registry, audience, settings, std::move(*sources));
  const base::WallTime since = base::wall_now();
  std::fputs(fmt::format("{{\"event\":\"ready\",\"interface\":{}}}\n",
                         base::json::quoted(config.interface))
                 .c_str(),
             out);
  std::fflush(out);
  os::notify_service("READY=1");
  engine::Health last;
  base::MonoTime next{};
  const auto done = live.run([&](const engine::Health& health) {
    if (asked_to_stop || !output.flush()) live.stop();
    last = health;
    if (reporter != nullptr) reporter->pass_time(base::wall_now(), health);
    if (base::mono_now() < next) return;
    next = base::mono_now() + kStatusEvery;
    write_status(config, "running", since, health, reporter.get());
    os::notify_service("WATCHDOG=1");
  });
  output.end(last);
  if (reporter != nullptr) {
    reporter->finish(last);
    // What the hub does not take until then is in the spool for the next run.
    reporter->drain(kFarewell);
  }
  write_status(config, done ? "stopped" : "failed", since, last, reporter.get());
  if (!done) return failed(done.error());
  return output.flush() ? 0 : 1;
}

int status(const Config& config, bool table, std::FILE* out) {
  if (config.state_dir.empty()) {
    std::fputs("vedette-sensor: state.dir is not set, so that there is no status\n", stderr);
    return 1;
  }
  const auto text = os::read_file(status_file(config));
  if (!text) return failed(text.error());
  if (!table) {
    std::fputs(text->c_str(), out);
    return 0;
  }
  const auto parsed = base::json::parse(*text);
  if (!parsed) return failed(parsed.error());
  for (const char* const name : {"state", "interface", "since", "updated"})
    std::fputs(fmt::format("{:<24} {}\n", name, parsed->text_or(name, "")).c_str(), out);
  const base::json::Value* const health = parsed->find("health");
  if (health == nullptr || health->if_object() == nullptr) return 0;
  for (const base::json::Member& one : *health->if_object())
    std::fputs(fmt::format("{:<24} {}\n", one.name, one.value.to_json()).c_str(), out);
  return 0;
}

}  // namespace sensor
