// Queries over 10,000 twins as they are on disk, beside the language alone.
#include <filesystem>

#include <benchmark/benchmark.h>

#include "base/result.h"
#include "hub/operations/operations.h"
#include "hub/queries/twin_queries.h"
#include "hub/twins/twin_table.h"
#include "iotql/query.h"

namespace {

constexpr int kTwins = 10'000;

// Devices with tags, ten desired and twenty reported properties with their metadata: 4.5 KB each.
class Fleet {
 public:
  static Fleet& get() {
    static Fleet fleet;
    return fleet;
  }
  hub::queries::TwinQueries& queries() { return *queries_; }

 private:
  Fleet() {
    std::string pattern = std::filesystem::temp_directory_path() / "twin_query_bench.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    const std::string path = folder_ + "/state.db";
    registry_ = std::move(*hub::identity::Registry::open({path, "hub"}, operations_));
    auto database = std::move(*store::Sqlite::open(path));
    ASSERT(hub::twins::TwinTable::migrate(database).has_value());
    fill(path);
    queries_ = std::move(*hub::queries::TwinQueries::open({path}, *registry_));
  }
  ~Fleet() { std::filesystem::remove_all(folder_); }

  static std::string properties(int count, int number) {
    std::string json = "{";
    for (int i = 0; i < count; ++i) {
      json += (i == 0 ? "" : ",") + std::string("\"property") + std::to_string(i) +
              "\":{\"value\":" + std::to_string(number * 31 + i) + "}";
    }
    return json + "}";
  }
  static std::string metadata(int count) {
    const std::string stamp = R"({"$lastUpdated":"2026-01-01T00:00:00.0000000Z"})";
    std::string json = R"({"$lastUpdated":"2026-01-01T00:00:00.0000000Z")";
    for (int i = 0; i < count; ++i)
      json += ",\"property" + std::to_string(i) + "\":" + stamp;
    return json + "}";
  }
  // Written as the tables have them: ten thousand durable creations would take minutes.
  void fill(const std::string& path) {
    auto database = std::move(*store::Sqlite::open(path));
    auto transaction = std::move(*store::Transaction::begin(database));
    for (int i = 0; i < kTwins; ++i) {
      const std::string id = "device-" + std::to_string(100'000 + i);
      const std::string tags = R"({"site":"site)" + std::to_string(i % 100) + R"(","floor":)" +
                               std::to_string(i % 7) + R"(,"SecurityGroup":"pumps"})";
      ASSERT(database
                 .run("INSERT INTO identity (device_id, module_id, status, status_reason, "
                      "primary_key, secondary_key, generation_id, etag, created, updated) VALUES "
                      "(?, '', 0, '', 'k', 'k', 'g', 'e', 0, 0)",
                      id)
                 .has_value());
      ASSERT(database
                 .run("INSERT INTO twin VALUES (?, '', 'g', 'e', 1, ?, ?, ?, 1, ?, ?, 1)", id, tags,
                      properties(10, i), metadata(10), properties(20, i), metadata(20))
                 .has_value());
    }
    ASSERT(transaction.commit().has_value());
  }

  std::string folder_;
  hub::operations::Operations operations_;
  std::unique_ptr<hub::identity::Registry> registry_;
  std::unique_ptr<hub::queries::TwinQueries> queries_;
};

void ask(benchmark::State& state, const std::string& query) {
  hub::queries::TwinQueries& queries = Fleet::get().queries();
  std::size_t rows = 0;
  for (auto _ : state) {
    hub::queries::Question question{query, 1000};
    rows = 0;
    do {
      const auto page = queries.run(question);
      ASSERT(page.has_value());
      rows += page->items.size();
      question.continuation = page->continuation;
    } while (!question.continuation.empty());
  }
  state.counters["rows"] = static_cast<double>(rows);
  state.counters["twins/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * kTwins,
                                                 benchmark::Counter::kIsRate);
}

void BM_ByDevice(benchmark::State& state) {
  ask(state, "SELECT * FROM devices WHERE deviceId = 'device-105000'");
}
// The database looks into the tags, or every twin's are parsed: the same question.
void BM_ByTagInTheDatabase(benchmark::State& state) {
  ask(state, "SELECT deviceId FROM devices WHERE tags.site = 'site7'");
}
void BM_ByTagTwinByTwin(benchmark::State& state) {
  ask(state, "SELECT deviceId FROM devices WHERE tags.site = 'site7' OR false");
}
void BM_ByReportedProperty(benchmark::State& state) {
  ask(state, "SELECT deviceId FROM devices WHERE properties.reported.property3.value = 310003");
}
void BM_GroupByTag(benchmark::State& state) {
  ask(state, "SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site");
}
void BM_AllTwinsWhole(benchmark::State& state) {
  ask(state, "SELECT * FROM devices");
}
BENCHMARK(BM_ByDevice)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ByTagInTheDatabase)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ByTagTwinByTwin)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ByReportedProperty)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_GroupByTag)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AllTwinsWhole)->Unit(benchmark::kMillisecond);

void BM_Parse(benchmark::State& state) {
  for (auto _ : state) {
    auto query = iotql::Query::parse(
        "SELECT deviceId, tags.site AS site FROM devices WHERE status = 'enabled' AND tags.floor "
        "IN "
        "[1, 2, 3] AND NOT STARTSWITH(deviceId, 'test-')");
    benchmark::DoNotOptimize(query);
  }
}
BENCHMARK(BM_Parse);

}  // namespace
