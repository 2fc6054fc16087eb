#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "devices.h"
#include "kql/kql.h"
#include "store/catalogue.h"
#include "store/duck.h"
#include "store/events.h"
#include "store/query.h"
#include "workspace/commands.h"
#include "workspace/measures.h"
#include "workspace/questions.h"

namespace bench {
namespace {

base::WallTime wall_time(kql::Ticks ticks) {
  return base::WallTime(std::chrono::nanoseconds((ticks - kql::kUnixEpochTicks) * 100));
}

// What an answer comes to, for comparing: its rows, and the sum of its whole numbers.
struct Digest {
  std::uint64_t rows = 0;
  std::int64_t sum = 0;
};

struct Runs {
  std::vector<double> milliseconds;
  std::vector<Digest> digests;  // one for each device, or one
};

using Answer = std::function<Digest(const std::string& device)>;

class Asker {
 public:
  Asker(const Ask& plan, const Fleet& fleet) : plan_(plan), fleet_(fleet) {}

  // Once more than is measured, so that both sides find the same files in memory.
  Runs run(const Question& question, const Answer& answer) const {
    Runs runs;
    if (question.one_device) {
      for (std::size_t i = 0; i < plan_.devices_asked; ++i) {
        const std::string& device = fleet_.device_id(sample_device(plan_.shape, i));
        if (i == 0) answer(device);
        runs.digests.push_back(timed(runs, [&] { return answer(device); }));
        if (taken(runs) > kLongest && i >= 4) break;
      }
      return runs;
    }
    // What takes long is not asked again to find it in memory.
    runs.digests.push_back(timed(runs, [&] { return answer(""); }));
    if (taken(runs) > kLongest / 4) return runs;
    runs.milliseconds.clear();
    for (std::size_t i = 0; i < plan_.fleet_runs && taken(runs) < kLongest; ++i)
      timed(runs, [&] { return answer(""); });
    return runs;
  }

 private:
  static constexpr double kLongest = 12'000;  // milliseconds that a question is asked for

  static double taken(const Runs& runs) {
    return std::accumulate(runs.milliseconds.begin(), runs.milliseconds.end(), 0.0);
  }
  static Digest timed(Runs& runs, const std::function<Digest()>& work) {
    const auto begin = base::mono_now();
    const Digest digest = work();
    runs.milliseconds.push_back(
        std::chrono::duration<double, std::milli>(base::mono_now() - begin).count());
    return digest;
  }

  const Ask& plan_;
  const Fleet& fleet_;
};

Digest digest_of(const store::QueryResult& result) {
  Digest digest{result.rows.size(), 0};
  for (const auto& row : result.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      const kql::Type type = result.columns[column].type;
      const auto* number = std::get_if<std::int64_t>(&row[column]);
      if (number != nullptr && (type == kql::Type::Long || type == kql::Type::Int))
        digest.sum += *number;
    }
  }
  return digest;
}

bool is_time(std::string_view name) {
  return name == "First" || name == "Last" || name == "Day" || name == "TimeGenerated" ||
         name.ends_with("Time") || name.ends_with("Observed");
}

// Times are whole numbers here, and are left out.
Digest digest_of(duckdb_result& result) {
  Digest digest;
  std::vector<idx_t> numbers;
  for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
    const std::string_view name = duckdb_column_name(&result, column);
    const bool whole = duckdb_column_type(&result, column) == DUCKDB_TYPE_BIGINT;
    if (whole && !is_time(name)) numbers.push_back(column);
  }
  for (;;) {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    if (chunk == nullptr) return digest;
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    digest.rows += rows;
    for (const idx_t column : numbers) {
      const store::duck::Column values(chunk, column);
      for (idx_t row = 0; row < rows; ++row)
        digest.sum += values.is_null(row) ? 0 : values.as<std::int64_t>(row);
    }
    duckdb_destroy_data_chunk(&chunk);
  }
}

std::vector<Runs> ask_in_kql(const Ask& plan, const Asker& asker,
                             const std::vector<Question>& questions) {
  store::EventStoreOptions options;
  options.path = plan.store.folder + "/events.duckdb";
  options.resource_id = kResourceId;
  options.memory_limit = plan.store.memory;
  options.threads = plan.store.threads;
  options.seal.automatic = false;
  auto events = store::EventStore::open(options);
  if (!events) give_up(events.error().to_string());
  auto queries = store::Queries::open(**events);
  if (!queries) give_up(queries.error().to_string());
  std::vector<Runs> all;
  for (const Question& question : questions) {
    all.push_back(asker.run(question, [&](const std::string& device) {
      const auto answer = (*queries)->run_kql(for_device(question.kql, device, plan.shape.end),
                                              {.now = wall_time(plan.shape.end),
                                               .timeout = std::chrono::minutes(5),
                                               .row_limit = 1'000'000});
      if (answer) return digest_of(*answer);
      const auto& failure = answer.error();
      give_up(question.name + ": " +
              (failure.diagnostics.empty() ? failure.error.to_string()
                                           : failure.diagnostics.front().message));
    }));
  }
  return all;
}

std::vector<Runs> ask_in_sql(const Ask& plan, const Asker& asker,
                             const std::vector<Question>& questions) {
  const std::string path = plan.store.folder + "/events.duckdb";
  auto database = store::duck::Database::open(
      path, {plan.store.memory, plan.store.threads, path + ".tmp", {path + ".pieces"}});
  if (!database) give_up(database.error().to_string());
  auto connection = store::duck::Connection::open(*database);
  if (!connection) give_up(connection.error().to_string());
  std::vector<Runs> all;
  for (const Question& question : questions) {
    all.push_back(asker.run(question, [&](const std::string& device) {
      const std::string sql = for_device(question.duckdb, device, plan.shape.end);
      duckdb_result result;
      if (duckdb_query(connection->get(), sql.c_str(), &result) != DuckDBSuccess)
        give_up(question.name + ": " + duckdb_result_error(&result));
      const Digest digest = digest_of(result);
      duckdb_destroy_result(&result);
      return digest;
    }));
  }
  return all;
}

// Parsing to SQL, without the database; the slowest of some runs after the first.
double compile_milliseconds(const Question& question, const Ask& plan, const std::string& device) {
  const std::string text = for_device(question.kql, device, plan.shape.end);
  std::vector<double> taken;
  for (int i = 0; i < 50; ++i) {
    const auto begin = base::mono_now();
    const auto compiled = kql::compile(text, store::catalogue(),
                                       {.now = wall_time(plan.shape.end), .row_limit = 10'001});
    if (!compiled) give_up(question.name + ": " + compiled.error().front().message);
    taken.push_back(std::chrono::duration<double, std::milli>(base::mono_now() - begin).count());
  }
  return quantile(taken, 0.95);
}

void write_runs(base::json::Writer& json, std::string_view name, const Runs& runs) {
  json.key(name);
  json.begin_object();
  json.field("runs", std::uint64_t{runs.milliseconds.size()});
  json.field("p50_ms", quantile(runs.milliseconds, 0.5));
  json.field("p95_ms", quantile(runs.milliseconds, 0.95));
  json.field("max_ms", quantile(runs.milliseconds, 1));
  json.key("answers");
  json.begin_array();
  for (const Digest& digest : runs.digests) {
    json.begin_array();
    json.value(digest.rows);
    json.value(digest.sum);
    json.end_array();
  }
  json.end_array();
  json.end_object();
}

// The two sides answer the same, or there is nothing to compare.
void compare(const Question& question, const Runs& ours, const Runs& theirs) {
  for (std::size_t i = 0; i < std::min(ours.digests.size(), theirs.digests.size()); ++i) {
    const Digest& left = ours.digests[i];
    const Digest& right = theirs.digests[i];
    if (left.rows != right.rows || (!question.approximate && left.sum != right.sum)) {
      give_up(question.name + ": KQL gives " + std::to_string(left.rows) + " rows, sum " +
              std::to_string(left.sum) + "; SQL " + std::to_string(right.rows) + " rows, sum " +
              std::to_string(right.sum));
    }
  }
}

}  // namespace

void ask(const Ask& plan) {
  const Fleet fleet(plan.shape);
  const auto questions = read_questions(plan.asking.questions, plan.asking.published);
  const Asker asker(plan, fleet);
  reset_peak();
  const auto ours = ask_in_kql(plan, asker, questions);
  const std::uint64_t peak = peak_resident_bytes();
  const auto theirs = ask_in_sql(plan, asker, questions);
  std::string out;
  base::json::Writer json(out);
  json.begin_object();
  json.field("peak_resident_bytes", peak);
  json.field("end", plan.shape.end);
  json.key("devices");
  json.begin_array();
  for (std::size_t i = 0; i < plan.devices_asked; ++i)
    json.value(fleet.device_id(sample_device(plan.shape, i)));
  json.end_array();
  json.key("questions");
  json.begin_array();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    compare(questions[i], ours[i], theirs[i]);
    json.begin_object();
    json.field("name", questions[i].name);
    json.field("one_device", questions[i].one_device);
    json.field("approximate", questions[i].approximate);
    json.field("compile_p95_ms", compile_milliseconds(questions[i], plan, fleet.device_id(0)));
    write_runs(json, "kql", ours[i]);
    write_runs(json, "duckdb", theirs[i]);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  std::puts(out.c_str());
}

}  // namespace bench
