// What compiling a query costs, before the database sees it.
#include <benchmark/benchmark.h>

#include "base/result.h"
#include "kql/kql.h"

namespace {

const kql::Catalogue& catalogue() {
  static const kql::Catalogue tables({{"SecurityIoTRawEvent",
                                       {{"TimeGenerated", kql::Type::DateTime},
                                        {"DeviceId", kql::Type::String},
                                        {"RawEventName", kql::Type::String},
                                        {"EventDetails", kql::Type::String}}}});
  return tables;
}

void compile(benchmark::State& state, std::string_view query) {
  for (auto _ : state) {
    auto compiled = kql::compile(query, catalogue(), {.now = base::wall_now(), .row_limit = 1000});
    ASSERT(compiled.has_value());
    benchmark::DoNotOptimize(compiled->sql.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(query.size()));
}

void BM_CompileFilter(benchmark::State& state) {
  compile(state,
          "SecurityIoTRawEvent | where TimeGenerated > ago(1h) and DeviceId == 'd1' | take 100");
}
BENCHMARK(BM_CompileFilter);

void BM_CompileInvestigation(benchmark::State& state) {
  compile(state, R"(
let device = "d1";
SecurityIoTRawEvent
| where DeviceId == device and RawEventName == "ProcessCreate"
| extend e = parse_json(EventDetails)
| project Time = TimeGenerated, Executable = tostring(e.Executable), UserId = tostring(e.UserId),
    CommandLine = tostring(e.CommandLine)
| join kind=leftouter (
    SecurityIoTRawEvent
    | where DeviceId == device and RawEventName == "LocalUsers"
    | project UserId = extractjson("$.UserId", EventDetails), Name = extractjson("$.UserName", EventDetails)
    | distinct UserId, Name) on UserId
| extend Who = strcat(UserId, ":", Name)
| summarize Runs = count(), First = min(Time), Last = max(Time), Users = make_set(Who),
    Lines = make_set(CommandLine) by Executable
| sort by Runs desc)");
}
BENCHMARK(BM_CompileInvestigation);

// The widest query that the limits let in.
void BM_CompileLongest(benchmark::State& state) {
  std::string query = "SecurityIoTRawEvent | where DeviceId in (";
  while (query.size() < kql::kMaxQueryBytes - 64)
    query += "'a device of that name', ";
  query += "'the last') | count";
  compile(state, query);
}
BENCHMARK(BM_CompileLongest);

}  // namespace
