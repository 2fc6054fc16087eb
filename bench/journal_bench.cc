// The journal's group commit against the floor that the disk sets: the same bytes in the same
// groups, written with pwrite and fdatasync and nothing else, in turns with the journal.
#include <chrono>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/time.h"
#include "journal/log.h"
#include "os/file.h"

namespace {

using std::chrono::duration;

// On a real disk: TMPDIR, or /tmp.
class BenchDir {
 public:
  BenchDir() {
    path_ = std::filesystem::temp_directory_path() / "vedette-bench.XXXXXX";
    ASSERT(::mkdtemp(path_.data()) != nullptr);
  }
  ~BenchDir() { std::filesystem::remove_all(path_); }
  BenchDir(const BenchDir&) = delete;
  BenchDir& operator=(const BenchDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Group commits of range(0) records of range(1) bytes.
void commit(benchmark::State& state) {
  const auto records = static_cast<std::size_t>(state.range(0));
  const std::string payload(static_cast<std::size_t>(state.range(1)), 'x');
  const std::string group(records * (payload.size() + journal::Log::kRecordOverhead), 'x');
  const BenchDir dir;
  const auto log = journal::Log::open(dir.path() + "/log", {}).value();
  os::Fd raw = os::open_file(dir.path() + "/raw", O_RDWR | O_CREAT).value();
  std::uint64_t raw_end = 0;
  duration<double> journal_time{};
  duration<double> raw_time{};
  for ([[maybe_unused]] auto _ : state) {
    const auto start = base::mono_now();
    for (std::size_t i = 0; i < records; ++i)
      benchmark::DoNotOptimize(log->append(base::as_bytes(payload)));
    ASSERT(log->commit());
    const auto middle = base::mono_now();
    ASSERT(os::write_all_at(raw.get(), base::as_bytes(group), raw_end));
    ASSERT(os::sync_data(raw.get()));
    const auto end = base::mono_now();
    raw_end += group.size();
    journal_time += middle - start;
    raw_time += end - middle;
    state.SetIterationTime(duration<double>(middle - start).count());
    if (raw_end > log->options().segment_bytes) {
      // Files of the same length as the journal's, and the same room on the disk.
      ASSERT(log->trim(log->next_sequence() - 1));
      raw = os::open_file(dir.path() + "/raw", O_RDWR | O_CREAT | O_TRUNC).value();
      raw_end = 0;
    }
  }
  const double total = static_cast<double>(records) * static_cast<double>(state.iterations());
  state.counters["records/s"] = total / journal_time.count();
  state.counters["floor/s"] = total / raw_time.count();
  state.counters["of_floor"] = raw_time.count() / journal_time.count();
}
BENCHMARK(commit)
    ->ArgNames({"records", "bytes"})
    ->Args({1, 256})
    ->Args({16, 256})
    ->Args({256, 256})
    ->Args({4096, 256})
    ->Args({16, 4096})
    ->UseManualTime();

// What a record costs the processor: append and flush, without waiting for the disk.
void append(benchmark::State& state) {
  const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  const BenchDir dir;
  const auto log = journal::Log::open(dir.path() + "/log", {.max_bytes = SIZE_MAX}).value();
  for ([[maybe_unused]] auto _ : state) {
    const auto sequence = log->append(base::as_bytes(payload)).value();
    if (sequence % 256 == 0) ASSERT(log->flush());
    if (sequence % 65536 == 0) ASSERT(log->trim(sequence));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append)->ArgName("bytes")->Arg(256)->Arg(4096);

}  // namespace
