#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "detect/alerts.h"
#include "detect/scheduled/analytic_rule.h"
#include "detect/scheduled/results.h"
#include "kql/catalogue.h"
#include "store/query.h"

namespace detect::scheduled {

// Analytic rules that the program carries: content/analytics at the time of the build.
struct BuiltinRule {
  const char* file;
  const char* text;
};
std::span<const BuiltinRule> builtin_rules();

struct Options {
  std::string path;  // the SQLite file; that of the alerts
  // Time up to which everything that was received can be queried.
  std::function<base::WallTime()> stored_until = [] { return base::wall_now(); };
  std::chrono::milliseconds timeout{60'000};  // of a query
  std::size_t row_limit = 10'000;             // of its result
  std::chrono::seconds catch_up{std::chrono::hours(24)};
  std::size_t max_rules = 1'000;
};

// The last time that a rule was run.
struct LastRun {
  base::WallTime started;
  base::WallTime from;  // what was looked at
  base::WallTime to;
  std::chrono::nanoseconds took{0};
  std::int64_t rows = 0;
  std::int64_t findings = 0;
  bool truncated = false;  // there were more rows than the limit
  std::string error;       // empty: it went well
  std::string problem;     // of a run that went well: a column that is not there
};

struct RuleStatus {
  AnalyticRule rule;
  std::string yaml;
  std::string file;     // of a rule that comes with the program; else empty
  std::string problem;  // why it cannot be run at all; empty: it can
  bool enabled = true;
  std::string etag;
  base::WallTime updated;
  std::string updated_by;
  std::int64_t runs = 0;
  std::int64_t failures = 0;
  std::int64_t findings = 0;
  std::optional<LastRun> last;
  std::optional<base::WallTime> next;  // when it is due; nullopt: it is not enabled

  bool builtin() const { return !file.empty(); }
};

// Why a text is no rule: at least one thing that is wrong, with its place in that text.
struct Refusal {
  std::vector<kql::Diagnostic> diagnostics;
  // "rule:5:14: ..." of the first.
  std::string to_string() const;
};

// What a rule would have found, without an alert.
struct Trial {
  Window window;
  std::vector<kql::Column> columns;
  std::size_t rows = 0;
  bool triggered = false;
  Judgement judgement;
};

// Analytic rules: which there are, when each was run, and their alerts.
//
// A run's alerts and its record are one transaction: after a crash it is run again, or it was run.
// Threads: any; but run_due(), start() and stop(): one.
class Analytics {
 public:
  // `queries` and `alerts` must outlive it. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Analytics>> open(Options options, store::Queries& queries,
                                                       Alerts& alerts);
  ~Analytics();  // stops
  Analytics(const Analytics&) = delete;
  Analytics& operator=(const Analytics&) = delete;

  // By name.
  base::Result<std::vector<RuleStatus>> list() const;
  // Errors: NotFound.
  base::Result<RuleStatus> get(std::string_view id) const;
  // A new rule, or other text for one of that id. `etag`: what it must be at present; empty:
  // anything. The first run looks back from now on. Errors: Conflict (etag), Denied (it comes with
  // the program), Full.
  base::Result<RuleStatus> put(const AnalyticRule& rule, std::string_view yaml,
                               std::string_view etag, std::string_view who, base::WallTime now);
  // Errors: NotFound, Conflict, Denied.
  base::Result<void> remove(std::string_view id, std::string_view etag);
  // A rule that was off looks back from when it is on again. Errors: NotFound, Conflict.
  base::Result<RuleStatus> enable(std::string_view id, bool enabled, std::string_view etag,
                                  std::string_view who, base::WallTime now);

  // Runs it as soon as can be, whatever its schedule says; the next run is one frequency later.
  // Errors: NotFound, Unsupported (it is off, or cannot be run).
  base::Result<RuleStatus> run_soon(std::string_view id, base::WallTime now);

  // Asks the rule's query over what was received in its period before `to`. Raises nothing.
  std::expected<Trial, store::QueryFailure> try_rule(const AnalyticRule& rule, base::WallTime to,
                                                     store::Cancel* cancel);

  // Runs what is due, one rule after another, each once. The number of runs. A rule that fails is
  // counted, says so in its status and is tried again one frequency later.
  // Errors: those of the stores; what was not run is still due.
  base::Result<std::size_t> run_due(base::WallTime now);
  // The same in a thread of its own, every few seconds, until stop().
  void start();
  // Ends the query that runs.
  void stop();

  struct Counters {
    base::Counter runs;
    base::Counter failures;  // of runs
    base::Counter findings;
    base::Counter skipped;  // runs that were too long ago to be made up for
    base::Counter truncated;
  };
  const Counters& counters() const;

 private:
  struct State;
  explicit Analytics(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The rule of a text, its query compiled against the catalogue. Threads: pure.
std::expected<AnalyticRule, Refusal> check(std::string_view yaml, const kql::Catalogue& catalogue);

}  // namespace detect::scheduled
