#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "detect/alert.h"
#include "detect/finding.h"
#include "detect/scope.h"

namespace detect {

// What its author says. What should never be reported at all is better an exception of the rule.
struct SuppressionDraft {
  std::string name;
  std::string reason;
  std::string owner;  // who answers for it
  Scope scope;
  base::WallTime expires;
  bool enabled = true;
};

struct Suppression {
  std::string id;
  SuppressionDraft draft;
  base::WallTime created;
  std::string created_by;
  base::WallTime updated;
  std::string updated_by;
  std::string etag;

  bool in_force(base::WallTime now) const { return draft.enabled && now < draft.expires; }
};

// What a suppression has hidden.
struct HiddenCounts {
  std::string suppression;
  std::int64_t alerts = 0;
  std::int64_t hits = 0;
  base::WallTime last_seen;
};

// What a scope would have hidden, by the alerts that are kept.
struct SuppressionPreview {
  base::WallTime since;
  std::int64_t alerts = 0;  // all of their evidence is in the scope
  std::int64_t partly = 0;  // some of it
  std::int64_t hits = 0;    // of the first
  std::int64_t open = 0;    // of the first: new or active now
  std::array<std::int64_t, 4> by_severity{};
  std::int64_t true_positives = 0;    // of both: people said that these were real
  std::vector<Alert> sample;          // the newest of the first
  std::vector<std::string> open_ids;  // of the first, up to kMaxBulk
};

inline constexpr std::chrono::days kMaxSuppression{366};  // how long one may be in force
inline constexpr std::chrono::days kPreviewDays{30};
inline constexpr std::size_t kMaxSuppressions = 1'000;
inline constexpr std::size_t kMaxSuppressionName = 128;     // bytes
inline constexpr std::size_t kMaxSuppressionReason = 1024;  // bytes

// Which findings nobody wants to see for a while, why, and who says so. Findings that are hidden
// still become alerts, which are counted and can be listed (AlertFilter::hidden).
// Threads: any.
class Suppressions {
 public:
  // `path` may be shared with other components. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Suppressions>> open(const std::string& path);
  ~Suppressions();
  Suppressions(const Suppressions&) = delete;
  Suppressions& operator=(const Suppressions&) = delete;

  // By name.
  std::vector<Suppression> list() const;
  // Errors: NotFound.
  base::Result<Suppression> get(std::string_view id) const;
  // Errors: Invalid (the detail says what), Full (kMaxSuppressions).
  base::Result<Suppression> create(const SuppressionDraft& draft, std::string_view actor,
                                   base::WallTime now);
  // `etag`: what it must be at present; empty: anything. Errors: those of create(), NotFound,
  // Conflict.
  base::Result<Suppression> replace(std::string_view id, const SuppressionDraft& draft,
                                    std::string_view etag, std::string_view actor,
                                    base::WallTime now);
  // What it has hidden stays hidden. Errors: NotFound, Conflict.
  base::Result<void> remove(std::string_view id, std::string_view etag);

  // The id of the one that hides the finding, by the time of its receipt; empty: none.
  std::string find(const Finding& finding) const;

 private:
  struct State;
  explicit Suppressions(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect
