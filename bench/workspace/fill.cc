#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "devices.h"
#include "os/file.h"
#include "store/events.h"
#include "store/pieces.h"
#include "store/query.h"
#include "workspace/commands.h"
#include "workspace/measures.h"
#include "workspace/questions.h"

namespace bench {
namespace {

double milliseconds(base::MonoTime from, base::MonoTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

base::WallTime wall_time(kql::Ticks ticks) {
  return base::WallTime(std::chrono::nanoseconds((ticks - kql::kUnixEpochTicks) * 100));
}

// Somebody who investigates one device after another while rows are appended.
class Analyst {
 public:
  Analyst(store::Queries& queries, const Fill& plan, const Fleet& fleet)
      : queries_(queries), plan_(plan), fleet_(fleet) {
    for (Question& question : read_questions(plan.asking.questions, plan.asking.published)) {
      if (question.one_device) questions_.push_back(std::move(question));
    }
    if (plan.questions_per_second > 0)
      thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  void set_now(kql::Ticks now) { now_ = now; }
  // What each took, in milliseconds.
  std::vector<double> finish() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return taken_;
  }

 private:
  void work(const std::stop_token& stop) {
    const auto between = std::chrono::duration<double>(1 / plan_.questions_per_second);
    std::mutex mutex;
    std::condition_variable_any wake;
    for (std::size_t number = 0; !stop.stop_requested(); ++number) {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, between, [] { return false; });
      if (stop.stop_requested() || now_ == 0) continue;
      const Question& question = questions_[number % questions_.size()];
      store::QueryOptions options{.now = wall_time(now_), .timeout = std::chrono::minutes(5)};
      const auto& device = fleet_.device_id(sample_device(plan_.shape, number));
      const auto begin = base::mono_now();
      const auto answer = queries_.run_kql(for_device(question.kql, device, now_), options);
      if (!answer) {
        const auto& failure = answer.error();
        give_up(question.name + ": " +
                (failure.diagnostics.empty() ? failure.error.to_string()
                                             : failure.diagnostics.front().message));
      }
      taken_.push_back(milliseconds(begin, base::mono_now()));
    }
  }

  store::Queries& queries_;
  const Fill& plan_;
  const Fleet& fleet_;
  std::vector<Question> questions_;
  std::vector<double> taken_;
  std::atomic<kql::Ticks> now_{0};
  std::jthread thread_;
};

struct Figures {
  std::uint64_t rows = 0;
  std::uint64_t details = 0;
  double generating = 0;          // milliseconds
  double generating_cpu = 0;      // seconds
  std::vector<double> appending;  // milliseconds a batch, claim and append
  double seconds = 0;             // until the last row was appended
  double cpu = 0;                 // seconds, until then
  std::vector<double> asked;      // milliseconds a question
  double sealing = 0;             // seconds more until all rows were in pieces
  double sealed_cpu = 0;          // seconds, until then
  std::size_t peak = 0;           // bytes of memory
  std::uint64_t disk_peak = 0;
  std::uint64_t disk = 0;  // with all rows in pieces
};

void append_all(store::EventStore& events, Fleet& fleet, Analyst& analyst, const Fill& plan,
                Figures& figures) {
  store::Batch batch;
  std::vector<store::EventKey> keys;
  for (bool more = true; more; batch.clear()) {
    const auto begin = base::mono_now();
    const double cpu = thread_cpu_seconds();
    more = fleet.fill(batch, plan.batch);
    figures.generating_cpu += thread_cpu_seconds() - cpu;
    const auto made = base::mono_now();
    keys.clear();
    for (const store::EventRow& row : batch.events) {
      keys.push_back({row.device_id, row.module_id, row.event_id, row.item, row.time_stamp});
      figures.details += row.details.size();
    }
    const auto is_new = events.claim(keys);
    if (!is_new) give_up(is_new.error().to_string());
    for (const std::uint8_t is : *is_new) {
      if (is == 0) give_up("the generator made an identity twice");
    }
    // The position stays that of an empty journal, so that a new hub can be given the store.
    if (const auto done = events.append(batch, 0); !done) give_up(done.error().to_string());
    figures.appending.push_back(milliseconds(made, base::mono_now()));
    figures.generating += milliseconds(begin, made);
    figures.rows += batch.events.size();
    analyst.set_now(fleet.now());
    if (figures.appending.size() % 10 == 0)
      figures.disk_peak = std::max(figures.disk_peak, bytes_below(plan.store.folder));
  }
}

store::Pieces::Stats stats_of(store::EventStore& events) {
  return store::Pieces(events).stats();
}

struct Merged {
  std::uint64_t pieces = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

// Merges the last day too, which the background leaves alone, and makes the file as small as it
// gets.
Merged merge_all(store::EventStore& events) {
  const auto begin = base::mono_now();
  store::Pieces pieces(events);
  if (const auto done = pieces.compact_now(); !done) give_up(done.error().to_string());
  Merged merged;
  merged.seconds = milliseconds(begin, base::mono_now()) / 1e3;
  const auto list = pieces.list();
  if (!list) give_up(list.error().to_string());
  for (const store::Piece& piece : *list) {
    if (piece.table != "SecurityIoTRawEvent" || !piece.merged) continue;
    ++merged.pieces;
    merged.rows += piece.rows;
    merged.bytes += piece.bytes;
  }
  return merged;
}

void report(const Figures& figures, const Merged& merged, const store::Pieces::Stats& pieces) {
  const auto rows = static_cast<double>(figures.rows);
  const double appending = figures.seconds - figures.generating / 1e3;
  std::string out;
  base::json::Writer json(out);
  json.begin_object();
  json.field("rows", figures.rows);
  json.field("seconds", figures.seconds);
  json.field("rows_per_second", rows / appending);
  json.field("rows_per_second_with_generator", rows / figures.seconds);
  json.field("rows_per_second_until_sealed", rows / (appending + figures.sealing));
  json.field("cpu_us_per_row", (figures.cpu - figures.generating_cpu) / rows * 1e6);
  json.field("cpu_us_per_row_until_sealed",
             (figures.sealed_cpu - figures.generating_cpu) / rows * 1e6);
  json.field("append_p50_ms", quantile(figures.appending, 0.5));
  json.field("append_p99_ms", quantile(figures.appending, 0.99));
  json.field("append_max_ms", quantile(figures.appending, 1));
  json.field("questions_asked", std::uint64_t{figures.asked.size()});
  json.field("question_p50_ms", quantile(figures.asked, 0.5));
  json.field("question_p95_ms", quantile(figures.asked, 0.95));
  json.field("peak_resident_bytes", std::uint64_t{figures.peak});
  json.field("details_bytes_per_row", static_cast<double>(figures.details) / rows);
  json.field("disk_peak_bytes", figures.disk_peak);
  json.field("disk_bytes", figures.disk);
  json.field("disk_bytes_per_row", static_cast<double>(figures.disk) / rows);
  json.field("sealed_bytes_per_row", static_cast<double>(pieces.bytes) / rows);
  json.field("pieces", pieces.pieces);
  json.field("merged_pieces", merged.pieces);
  json.field(
      "merged_bytes_per_row",
      merged.rows == 0 ? 0 : static_cast<double>(merged.bytes) / static_cast<double>(merged.rows));
  json.field("merge_seconds", merged.seconds);
  json.end_object();
  std::puts(out.c_str());
}

}  // namespace

void fill(const Fill& plan) {
  if (const auto made = os::make_dirs(plan.store.folder); !made) give_up(made.error().to_string());
  store::EventStoreOptions options;
  options.path = plan.store.folder + "/events.duckdb";
  options.resource_id = kResourceId;
  options.memory_limit = plan.store.memory;
  options.threads = plan.store.threads;
  auto events = store::EventStore::open(options);
  if (!events) give_up(events.error().to_string());
  auto queries = store::Queries::open(**events);
  if (!queries) give_up(queries.error().to_string());
  Fleet fleet(plan.shape);
  Figures figures;
  reset_peak();
  const auto begin = base::mono_now();
  const double cpu = process_cpu_seconds();
  Analyst analyst(**queries, plan, fleet);
  append_all(**events, fleet, analyst, plan, figures);
  figures.seconds = milliseconds(begin, base::mono_now()) / 1e3;
  figures.cpu = process_cpu_seconds() - cpu;
  figures.asked = analyst.finish();
  const auto appended = base::mono_now();
  if (const auto sealed = store::Pieces(**events).seal_now(); !sealed)
    give_up(sealed.error().to_string());
  figures.sealing = milliseconds(appended, base::mono_now()) / 1e3;
  figures.sealed_cpu = process_cpu_seconds() - cpu;
  figures.peak = peak_resident_bytes();
  const auto pieces = stats_of(**events);
  const Merged merged = plan.merge ? merge_all(**events) : Merged{};
  queries->reset();
  events->reset();
  figures.disk = bytes_below(plan.store.folder);
  report(figures, merged, pieces);
}

}  // namespace bench
