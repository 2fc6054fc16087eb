#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "detect/alert.h"
#include "detect/finding.h"
#include "detect/memory.h"
#include "detect/suppressions.h"
#include "store/events.h"

namespace detect {

enum class ChangeKind : std::uint8_t { Created, Repeated, StatusChanged };
// StatusChanged: anything that a person may change.
struct AlertChange {
  ChangeKind kind;
  std::string id;
  std::string title;
  Severity severity;
  Status status;
  std::string device_id;
  std::int64_t hit_count;
};

// All that was decided up to a record of the journal; kept as a whole or not at all.
struct Decided {
  std::span<const Finding> findings;
  std::span<const OwnedChange> memory;  // of who decided
  std::uint64_t sequence = 0;
};

struct AlertOptions {
  std::string path;       // the SQLite file; may be shared with other components
  std::string link_base;  // "https://hub:8443": AlertLink is <link_base>/alerts/<id>
  // Open alerts that were silent for so long are closed.
  std::chrono::hours quiet = std::chrono::days(90);
  // Closed alerts are forgotten so long after they were closed.
  std::chrono::hours keep_closed = std::chrono::days(400);
};

// So many alerts of one rule on one device within kStormWindow are each their own; what comes after
// them is one alert together.
inline constexpr std::int64_t kStormAlerts = 25;
inline constexpr std::chrono::hours kStormWindow{1};
inline constexpr std::string_view kStormEntity = "(several)";

// What one bulk change may touch.
inline constexpr std::size_t kMaxBulk = 10'000;
inline constexpr std::chrono::minutes kPlanLife{15};

// Since start.
struct AlertMetrics {
  base::Counter raised;      // alerts made, hidden ones too
  base::Counter repeated;    // findings that were added to an alert
  base::Counter suppressed;  // findings that a suppression hid
  base::Counter stormed;     // findings that were added to the alert for what was too much
  base::Counter resolved;    // alerts that ended by themselves
  base::Counter quiet;       // alerts closed for silence
  base::Counter forgotten;   // closed alerts deleted for their age
};

// Alerts: their state, who changed it and why, and the rows that go to SecurityAlert.
// Threads: any.
class Alerts {
 public:
  static base::Result<std::unique_ptr<Alerts>> open(AlertOptions options);
  ~Alerts();
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  // The highest journal sequence that was decided, or of which a finding was applied.
  std::uint64_t applied_sequence() const;

  // Makes, updates or resolves alerts, in one transaction. Findings of journal sequences that were
  // applied before change nothing, so that the journal can be replayed. Durable after return.
  base::Result<void> apply(std::span<const Finding> findings);
  // The same for all findings, whatever their sequence, together with what was remembered and that
  // it was decided so far: who decides goes on behind applied_sequence() after a restart, and finds
  // its memory as it was there.
  base::Result<void> apply(const Decided& decided);
  // The same for findings that do not come from the journal, with what `also` writes in the same
  // transaction. Threads: any, also beside the other two.
  using Also = std::function<base::Result<void>(store::Sqlite&)>;
  base::Result<void> apply_with(std::span<const Finding> findings, const Also& also);
  // Hands out what was remembered; how many pieces were of no use. Before the first apply().
  base::Result<std::size_t> recall(std::string_view owner, const MemoryReader& reader) const;

  // Rows for SecurityAlert that are not known to be stored, oldest first, after `after`.
  base::Result<std::vector<store::AlertRow>> outbox(std::uint64_t after, std::size_t limit) const;
  // The rows up to there are stored.
  base::Result<void> trim_outbox(std::uint64_t up_to);
  // Rows made from now on have positions above `after`: for an event store that has seen more rows
  // than this file remembers.
  base::Result<void> continue_outbox(std::uint64_t after);

  // Errors: Invalid (cursor).
  base::Result<AlertPage> list(const AlertFilter& filter) const;
  // One after another, newest first, up to the filter's limit, all as they were at one moment.
  base::Result<void> each(const AlertFilter& filter,
                          const std::function<void(const Alert&)>& take) const;
  // Errors: NotFound.
  base::Result<Alert> get(std::string_view id) const;
  // Of those that are shown.
  base::Result<AlertCounts> counts() const;
  // The largest groups first, up to `limit`; the filter's own limit and cursor do not matter.
  base::Result<std::vector<AlertGroup>> groups(const AlertFilter& filter, GroupBy by,
                                               std::size_t limit) const;
  // Open alerts of a device that are shown.
  base::Result<std::int64_t> open_count(std::string_view device_id) const;
  // Alerts that belong to it, the most strongly related first. Errors: NotFound.
  base::Result<std::vector<RelatedAlert>> related(std::string_view id, std::size_t limit) const;

  // `actor` is who asked; `version`: what the alert's must be, 0: any. Closing without a verdict is
  // Undetermined. What is so already changes nothing; the comment is kept nonetheless. Reopening is
  // refused (Conflict) while another open alert is about the same thing.
  // Errors: NotFound, Conflict, Invalid (a verdict for an alert that is and stays open).
  base::Result<Alert> update(std::string_view id, const AlertUpdate& update, std::int64_t version,
                             std::string_view actor, base::WallTime now);

  // What the change would touch, if it is carried out by the same actor within kPlanLife.
  // Errors: Invalid (nothing to change), TooLarge (more than kMaxBulk).
  base::Result<BulkPlan> plan(const AlertFilter& filter, const AlertUpdate& update,
                              std::string_view actor, base::WallTime now);
  // Carries a plan out, once. Alerts that somebody has changed since the plan was made are skipped.
  // Errors: NotFound (no such plan of this actor, or it has expired); others leave a part undone,
  // for which the plan is still good.
  base::Result<BulkResult> carry_out(std::string_view token, std::string_view actor,
                                     base::WallTime now);

  Suppressions& suppressions();
  // Of all suppressions, those that were removed too.
  base::Result<std::vector<HiddenCounts>> hidden() const;
  base::Result<SuppressionPreview> preview(const Scope& scope, base::WallTime now) const;
  // Shows what a suppression has hidden, but for what another open alert is about. How many.
  base::Result<std::int64_t> restore(std::string_view suppression, std::string_view actor,
                                     base::WallTime now);

  // Closes what has been silent and forgets what is old, a part at a time; plans that expired, too.
  base::Result<void> tidy(base::WallTime now);

  const AlertMetrics& metrics() const;

  // Called after each change is durable, on the thread that made it, without a lock held; not for
  // hidden alerts. Set it before the pipeline starts; must be cheap.
  void on_change(std::function<void(const AlertChange&)> callback);
  // Called when there are new outbox rows, other than from apply().
  void on_outbox(std::function<void()> callback);

 private:
  struct State;
  explicit Alerts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect
