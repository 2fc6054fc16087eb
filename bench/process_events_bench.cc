// What one process start costs the agent between the ring buffer and the spool.
#include <benchmark/benchmark.h>

#include "agent/collect/process_events.h"
#include "bpf/event.h"
#include "bpf/record.h"

namespace {

using namespace std::string_view_literals;

base::ByteVec exec_record() {
  constexpr std::string_view kSections[] = {"/usr/bin/curl\0-s\0https://example.com/index.html\0"sv,
                                            "curl\0bin\0usr\0"sv,
                                            "/usr/bin/curl\0"sv,
                                            ""sv,
                                            "operator\0home\0"sv,
                                            "cron.service\0system.slice\0"sv};
  base::ByteWriter out;
  out.u16le(VEDETTE_EXEC);
  out.u16le(VEDETTE_LOGINUID_KNOWN);
  out.u32le(4321);
  out.u64le(9'000'000'000);
  out.u64le(8'000'000'000);
  out.u32le(77);
  out.u32le(0);
  out.u64le(5'000'000'000);
  out.u64le(99);
  for (const std::uint64_t number : {1234U, 56789U, 1'700'000'000U, 1'700'000'001U})
    out.u64le(number);
  for (const std::uint32_t number : {111U, 222U, 8U, 1U})
    out.u32le(number);
  for (const std::uint32_t word : {1000U, 1000U, 1000U, 1000U, 3U, 11U, 12U, 3U, 49U})
    out.u32le(word);
  for (const std::string_view section : kSections)
    out.u16le(static_cast<std::uint16_t>(section.size()));
  for (int i = 0; i < VEDETTE_COMM + VEDETTE_TTY; ++i)
    out.u8(0);
  for (const std::string_view section : kSections)
    out.text(section);
  return std::move(out).take();
}

void read_record(benchmark::State& state) {
  const base::ByteVec bytes = exec_record();
  for (auto _ : state)
    benchmark::DoNotOptimize(bpf::read_record(bytes));
}
BENCHMARK(read_record);

void start_to_event(benchmark::State& state) {
  std::uint64_t sequence = 0;
  std::string encoded;
  agent::collect::ProcessEvents::Options options;
  options.boot_id = "5f6e1f9c-0b3e-4e63-8a55-7f3f8a2a9d10";
  options.next_sequence = [&] { return ++sequence; };
  options.emit = [&](const schema::Event& event) {
    encoded.clear();
    schema::encode_event(event, encoded);
  };
  agent::collect::ProcessEvents events(options);
  agent::collect::Started parent;
  parent.process = {77, 500};
  parent.executable = "/usr/sbin/cron";
  parent.argv = "cron\0-f\0"sv;
  parent.argv_head = parent.argv_bytes = parent.argv.size();
  events.on_started(parent);
  for (auto _ : state) {
    agent::collect::Started started;
    started.process = {4321, 800};
    started.parent = {77, 500};
    started.uid = started.euid = 1000;
    started.executable = "/usr/bin/curl";
    started.argv = "/usr/bin/curl\0-s\0https://example.com/index.html\0"sv;
    started.argv_head = started.argv_bytes = started.argv.size();
    started.cwd = "/home/operator";
    started.cgroup = "/system.slice/cron.service";
    events.on_started(std::move(started));
    events.on_ended({{4321, 800}, {}, 0, {}});
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(start_to_event);

}  // namespace
