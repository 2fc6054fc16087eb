// From submit() to Done and to the event store: plain telemetry of 256 bytes, and security
// messages.
#include <atomic>
#include <filesystem>
#include <thread>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "detect/alerts.h"
#include "detect/stream.h"
#include "hub/ingest/ingest.h"
#include "schema/message.h"
#include "store/events.h"

namespace {

using hub::ingest::Done;
using hub::ingest::Received;

class Hub {
 public:
  Hub() : path_((std::filesystem::temp_directory_path() / "ingest_benchXXXXXX").string()) {
    ASSERT(::mkdtemp(path_.data()) != nullptr);
    store::EventStoreOptions store;
    store.path = path_ + "/events.duckdb";
    events_ = std::move(*store::EventStore::open(store));
    alerts_ = std::move(*detect::Alerts::open({path_ + "/state.db", ""}));
    stream_ = std::move(*detect::Stream::load(""));
    hub::ingest::Options options;
    options.journal_dir = path_ + "/journal";
    ingest =
        std::move(*hub::ingest::Ingest::start(options, *events_, *alerts_, *stream_, operations_));
  }
  ~Hub() {
    ingest->stop();
    ingest.reset();
    std::filesystem::remove_all(path_);
  }
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  std::unique_ptr<hub::ingest::Ingest> ingest;

 private:
  std::string path_;
  hub::operations::Operations operations_;
  std::unique_ptr<store::EventStore> events_;
  std::unique_ptr<detect::Alerts> alerts_;
  std::unique_ptr<detect::Stream> stream_;
};

void submit(Hub& hub, const Received& message, std::atomic<std::int64_t>& answered) {
  Done done = [&answered](bool durable) {
    ASSERT(durable);
    answered.fetch_add(1, std::memory_order_relaxed);
  };
  while (!hub.ingest->submit(message, done))
    std::this_thread::yield();
}

// As many as range(0) on their way at once, as many connections would have. The time is the
// process's CPU time: what the hub spends, all threads together.
void telemetry(benchmark::State& state) {
  Hub hub;
  const std::string payload(256, 'x');
  Received message;
  message.device_id = "device-0001";
  message.generation_id = "637000000000000000";
  message.auth_method = R"({"scope":"device","type":"sas","issuer":"iothub"})";
  message.payload = payload;
  std::atomic<std::int64_t> answered{0};
  std::int64_t sent = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i)
      submit(hub, message, answered);
    sent += state.range(0);
    while (answered.load(std::memory_order_relaxed) < sent)
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  state.SetItemsProcessed(sent);
  state.counters["messages/commit"] =
      static_cast<double>(sent) / static_cast<double>(hub.ingest->counters().commits.value());
}
BENCHMARK(telemetry)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// Messages of ten new events each, until they can be queried.
void security(benchmark::State& state) {
  Hub hub;
  std::int64_t number = 0;
  std::int64_t sent = 0;
  std::atomic<std::int64_t> answered{0};
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::string> payloads;
    for (int i = 0; i < 1000; ++i) {
      schema::Message made{"0.1.0", base::Guid::random(), {}};
      for (int j = 0; j < 10; ++j) {
        schema::Event event;
        event.id = base::Guid::random();
        event.time.utc = base::wall_now();
        event.payload = schema::payload_of(
            schema::ProcessCreate{.executable = "/usr/bin/python3.11",
                                  .process_id = ++number,
                                  .parent_process_id = 1,
                                  .user_id = "1000",
                                  .user_name = "operator",
                                  .command_line = "/usr/bin/python3.11 -m http.server 8000",
                                  .extra_details = {{"Cwd", "/srv/data"}}});
        made.events.push_back(std::move(event));
      }
      payloads.push_back(schema::encode_message(made));
    }
    state.ResumeTiming();
    for (const std::string& payload : payloads) {
      Received message;
      message.device_id = "device-0001";
      message.module_id = "azureiotsecurity";
      message.payload = payload;
      message.security = true;
      message.received_at = base::wall_now();
      submit(hub, message, answered);
      ++sent;
    }
    ASSERT(hub.ingest->drain(std::chrono::minutes(1)));
  }
  state.SetItemsProcessed(sent * 10);
}
BENCHMARK(security)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
