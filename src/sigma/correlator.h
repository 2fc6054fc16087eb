#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sigma/rule.h"
#include "sigma/rule_set.h"

namespace sigma {

// What a caller wants back of the events that a correlation stands on.
class Keepsake {
 public:
  virtual ~Keepsake() = default;
  virtual std::size_t bytes() const = 0;
};

// A rule's hit, as correlations see it.
struct Occurrence {
  base::WallTime time;      // when it happened, by its device's clock
  base::WallTime received;  // when we got it; what is remembered is forgotten by this
  std::int64_t count = 1;   // it stands for so many
  std::shared_ptr<const Keepsake> keepsake = nullptr;
};

// The text of a field of the event, by the name that rules use; nullopt: it does not have it.
using FieldOf = std::function<std::optional<std::string>(std::string_view field)>;

// All of its values, where it can have several; empty: it does not have it.
using ValuesOf = std::function<std::vector<std::string>(std::string_view field)>;
// A field to group by that has several values makes one group of each; of one occurrence at most so
// many groups are kept, the rest counts as evicted entries.
inline constexpr std::size_t kMostGroupsAtOnce = 16;

// A correlation that found what it asks for.
struct Firing {
  const Correlation* correlation = nullptr;  // lives until the next link() or the correlator's end
  base::WallTime first;                      // of the events
  base::WallTime last;
  std::int64_t events = 0;
  double value = 0;                                        // what its condition compared
  std::vector<std::pair<std::string, std::string>> group;  // field and value, in its order
  std::vector<std::shared_ptr<const Keepsake>> keepsakes;  // of the latest events, by time
};

// Why a correlation is not in force.
struct Unlinked {
  std::string id;
  Problem problem;
  std::string missing;  // the rule that there is none of, as it is named
};

struct CorrelatorCounters {
  std::uint64_t groups = 0;  // that are remembered
  std::uint64_t bytes = 0;
  std::uint64_t late = 0;            // occurrences too old to be counted
  std::uint64_t evicted_groups = 0;  // forgotten for want of memory
  std::uint64_t evicted_entries = 0;
  std::uint64_t no_number = 0;  // values that were to be summed and are no numbers
};

// Runs correlations over what rules find: event by event, in event time, without a clock of its
// own.
//
// Conditions that only ask for enough (gt, gte) are judged with every event; a window that
// satisfies one is used up. All others are judged when the window is over. Windows begin with an
// event; no boundaries of hours or days divide what belongs together. An event may be late by as
// much as `lateness`; a time that lies ahead of its receipt by more than that is taken as the
// receipt. Threads: one at a time.
class Correlator {
 public:
  struct Options {
    std::chrono::nanoseconds lateness = std::chrono::minutes{5};
    std::size_t max_bytes = std::size_t{64} << 20U;
    std::size_t max_entries = 10'000;  // of a group's window
  };

  explicit Correlator(Options options);
  ~Correlator();
  Correlator(Correlator&&) noexcept;
  Correlator& operator=(Correlator&&) noexcept;

  // Takes the correlations, of rules in the set and of each other. Those that cannot be are told,
  // with the reason, and left out. What was remembered before is forgotten; see adopt().
  std::vector<Unlinked> link(std::vector<Correlation> correlations, const RuleSet& rules);
  // In the order in which they can be evaluated. They live until the next link().
  std::vector<const Correlation*> correlations() const;
  // Whether any correlation listens to the rule with the id.
  bool listens(std::string_view rule_id) const;

  // Takes over what `former` remembers of the correlations that mean the same here as there, and
  // its counters. `former` is to be thrown away afterwards.
  void adopt(Correlator&& former);

  // A rule with that id has matched. Appends what this completes. Without `values` every field has
  // one at most.
  void observe(std::string_view rule_id, const Occurrence& occurrence, const FieldOf& field,
               std::vector<Firing>& out, const ValuesOf& values = {});
  // Time has come so far: judges and forgets what nothing can be added to any more.
  void advance(base::WallTime received, std::vector<Firing>& out);

  // Appends what of its memory changed since the last call, up to about `max_bytes`: whether there
  // is more. Without a first call, or restore(), nobody keeps track of that.
  struct Changed {
    std::string key;
    std::optional<std::string> value;  // nullopt: it is forgotten
  };
  using WriteKeepsake = std::function<std::string(const Keepsake&)>;
  bool save(const WriteKeepsake& write, std::size_t max_bytes, std::vector<Changed>& changes);
  // Takes back a piece as it was saved, before the first observe(). False: it cannot be read, or no
  // correlation means any more what it was about.
  using ReadKeepsake = std::function<std::shared_ptr<const Keepsake>(std::string_view text)>;
  bool restore(std::string_view key, std::string_view value, const ReadKeepsake& read);

  CorrelatorCounters counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sigma
