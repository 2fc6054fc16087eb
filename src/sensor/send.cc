#include "sensor/send.h"

#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/thread.h"
#include "sensor/capture/files.h"
#include "sensor/edits_file.h"
#include "sensor/engine/engine.h"
#include "sensor/protocols.h"
#include "sensor/reporter.h"
#include "sensor/stock.h"

namespace sensor {

namespace {

constexpr std::chrono::hours kLong{24 * 365};

int failed(const base::Error& error) {
  std::fputs(("vedette-sensor: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

// Lets a person end the waiting for a hub that does not answer. Made before there are threads, so
// that none of them is interrupted instead.
class Interruption {
 public:
  base::Result<void> prepare() {
    loop_ = TRY(os::Loop::create());
    return loop_->on_signals({SIGINT, SIGTERM}, [this](int) {
      if (reporter_ != nullptr) reporter_->hurry();
    });
  }
  // `reporter` outlives this.
  void watch(Reporter& reporter) {
    reporter_ = &reporter;
    thread_ = os::start_thread("sensor-signals", [this] {
      if (const auto ran = loop_->run(); !ran) {
        LOG_WARNING("sensor.signals_not_heard").field("error", ran.error().to_string());
      }
    });
  }
  Interruption() = default;
  ~Interruption() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  std::unique_ptr<os::Loop> loop_;
  Reporter* reporter_ = nullptr;  // before the thread begins
  std::thread thread_;
};

}  // namespace

int send(const Config& config, const std::vector<std::string>& files, std::FILE* out) {
  if (!config.has_hub()) {
    std::fputs("vedette-sensor: send needs hub.connection_string_file\n", stderr);
    return 2;
  }
  const auto protocols = Protocols::load(config.protocols);
  if (!protocols) {
    std::fputs((explained(protocols.error()) + "\n").c_str(), stderr);
    return 1;
  }
  if (const auto made = os::make_dirs(config.state_dir, 0750); !made) return failed(made.error());
  auto identity = uplink::read_identity(config.hub);
  if (!identity) return failed(identity.error());
  // Of these captures, whatever the sensor of that folder has seen: sent again they say the same.
  Stock stock;
  stock.know_vendors();
  EditsWatch(config.state_dir + kEditsFile).look(stock.edits());
  std::unique_ptr<Reporter> reporter;
  Interruption interruption;
  if (const auto ready = interruption.prepare(); !ready) return failed(ready.error());
  Config here = config;
  here.interface.clear();
  auto started =
      Reporter::start(here, protocols->all(), std::move(*identity), Reporter::Full::Wait, stock);
  if (!started) return failed(started.error());
  reporter = std::move(*started);
  interruption.watch(*reporter);

  const flow::Registry registry(protocols->all());
  engine::Settings settings;
  settings.workers = config.workers;
  settings.decode.drop_duplicates = !config.keep_duplicates;
  settings.worker.tracker.flows = config.flows;
  settings.worker.tracker.reassembly = config.reassembly;
  settings.worker.fact_capacity = config.facts;
  Reporter::ask_for(settings.worker, config);
  capture::Files source(files);
  Audience audience{&stock, reporter.get()};
  engine::Engine engine(registry, audience, settings);
  const auto done = engine.run(source);
  reporter->finish(engine.health());
  const bool drained = reporter->drain(kLong);
  for (const std::string& problem : source.problems())
    std::fputs(("vedette-sensor: " + problem + "\n").c_str(), stderr);
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  json.field("event", "sent");
  reporter->write_status(json);
  json.end_object();
  std::fputs((text + "\n").c_str(), out);
  if (!done) return failed(done.error());
  return drained && source.problems().empty() && std::fflush(out) == 0 ? 0 : 1;
}

}  // namespace sensor
