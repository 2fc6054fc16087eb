// The event store: opening, appending batches, deduping.
#include <filesystem>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "store/events.h"
#include "store/query.h"

namespace {

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "store_benchXXXXXX").string()) {
    ASSERT(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  store::EventStoreOptions options() const {
    store::EventStoreOptions options;
    options.path = path_ + "/events.duckdb";
    options.resource_id = "/hubs/bench";
    return options;
  }

 private:
  std::string path_;
};

base::Guid guid(std::uint64_t number) {
  base::Guid guid;
  __builtin_memcpy(guid.bytes.data(), &number, sizeof number);
  return guid;
}

// Rows of the usual size: about 250 bytes of details.
void fill(store::Batch& batch, std::uint64_t first, std::int64_t count) {
  static const std::string kDetails =
      R"({"TimestampLocal":"2027-01-15T09:00:01.000+01:00","TimestampUTC":"2027-01-15T08:00:01.000Z",)"
      R"("Executable":"/usr/bin/python3.11","ProcessId":4242,"ParentProcessId":1,"UserId":"1000","UserName":"operator",)"
      R"("CommandLine":"/usr/bin/python3.11 -m http.server 8000","ExtraDetails":{"Cwd":"/srv"}})";
  for (std::int64_t i = 0; i < count; ++i) {
    store::EventRow row;
    row.time_generated = kql::kUnixEpochTicks + static_cast<kql::Ticks>(first) + i;
    row.time_stamp = row.time_generated;
    row.device_id = "device-0001";
    row.module_id = "azureiotsecurity";
    row.agent_version = "0.1.0";
    row.event_id = guid(first + static_cast<std::uint64_t>(i));
    row.name = "ProcessCreate";
    row.category = "Triggered";
    row.type = "Security";
    row.details = kDetails;
    batch.events.push_back(row);
  }
}

void open_store(benchmark::State& state) {
  const Folder folder;
  {
    const auto made = store::EventStore::open(folder.options());
  }
  for (auto _ : state) {
    auto store = store::EventStore::open(folder.options());
    ASSERT(store);
  }
}
BENCHMARK(open_store)->Unit(benchmark::kMillisecond);

void append_rows(benchmark::State& state) {
  const Folder folder;
  auto store = *store::EventStore::open(folder.options());
  std::uint64_t next = 0;
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    store::Batch batch;
    fill(batch, next, state.range(0));
    next += static_cast<std::uint64_t>(state.range(0));
    ASSERT(store->append(batch, ++sequence));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append_rows)
    ->Arg(1)
    ->Arg(100)
    ->Arg(2'000)
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void claim_new(benchmark::State& state) {
  const Folder folder;
  auto store = *store::EventStore::open(folder.options());
  std::uint64_t next = 0;
  std::vector<store::EventKey> keys(1000);
  for (auto _ : state) {
    for (store::EventKey& key : keys)
      key = {"device-0001", "azureiotsecurity", guid(next), 0, static_cast<kql::Ticks>(next)},
      ++next;
    benchmark::DoNotOptimize(store->claim(keys));
    if (next % 500'000 == 0) ASSERT(store->append(store::Batch(), next));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys.size()));
}
BENCHMARK(claim_new);

// Identities older than those in memory, looked up among a million rows.
void claim_old(benchmark::State& state) {
  const Folder folder;
  auto options = folder.options();
  options.recent_keys = 1000;
  auto store = *store::EventStore::open(options);
  std::uint64_t sequence = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    store::Batch batch;
    fill(batch, i * 10'000, 10'000);
    std::vector<store::EventKey> keys;
    for (const auto& row : batch.events)
      keys.push_back({row.device_id, row.module_id, row.event_id, 0, row.time_stamp});
    ASSERT(store->claim(keys));
    ASSERT(store->append(batch, ++sequence));
  }
  std::vector<store::EventKey> keys;
  for (std::uint64_t i = 0; i < 100; ++i) {
    keys.push_back({"device-0001", "azureiotsecurity", guid(500'000 + i), 0,
                    kql::kUnixEpochTicks + 500'000 + static_cast<kql::Ticks>(i)});
  }
  for (auto _ : state) {
    const auto is_new = store->claim(keys);
    ASSERT(is_new && is_new->front() == 0);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys.size()));
}
BENCHMARK(claim_old)->Unit(benchmark::kMillisecond);

}  // namespace
