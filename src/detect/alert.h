#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/finding.h"

// Alerts as people see them, and what they ask of them.
namespace detect {

// New and Active are open: the same thing again adds to the alert. Closed is not: it makes a new
// one. Active: somebody is at it.
enum class Status : std::uint8_t { New, Active, Closed };
std::string_view to_string(Status status);  // "new"
std::optional<Status> parse_status(std::string_view text);

// What a closed alert turned out to be. Resolved: what it told ended by itself; only detectors say
// that. None: it is open.
enum class Verdict : std::uint8_t {
  None,
  TruePositive,
  Benign,  // it happened, and was meant to
  FalsePositive,
  Undetermined,
  Resolved
};
inline constexpr std::size_t kVerdicts = 6;
std::string_view to_string(Verdict verdict);  // "truePositive"; None: ""
std::optional<Verdict> parse_verdict(std::string_view text);

struct HistoryEntry {
  base::WallTime time;
  std::string actor;
  // "created", "closed", "reopened", "activated", "marked new", "verdict", "severity", "assigned",
  // "unassigned", "commented", "restored"
  std::string action;
  std::string comment;
  std::string detail = {};  // of the action: the verdict, the new severity, the new assignee
};

struct Alert {
  std::string id;
  RuleInfo rule;
  std::string title;
  Severity severity = Severity::Medium;  // the rule's, unless somebody changed it
  Status status = Status::New;
  std::string device_id;
  std::string module_id;
  std::string entity;
  base::WallTime first_seen;
  base::WallTime last_seen;
  std::int64_t hit_count = 1;
  std::string why_flagged;
  Verdict verdict = Verdict::None;
  std::string assignee;                  // empty: nobody
  std::string suppression;               // the id of what hides it; empty: it is shown
  std::optional<base::WallTime> closed;  // since when
  std::int64_t version = 1;  // rises with each change that a person makes, not with hits
  std::string query;         // KQL that shows the events
  // In the order in which they happened; the first ones and the latest. Only get() fills these.
  std::vector<Evidence> evidence;
  std::vector<HistoryEntry> history;
};

// Whether alerts that a suppression hides are among those asked for.
enum class Hidden : std::uint8_t { No, Only, Too };

struct AlertFilter {
  std::optional<Status> status = {};
  bool open_only = false;  // New and Active
  std::optional<Severity> severity = {};
  std::string device_id = {};  // empty: all
  std::string search = {};     // case-insensitive, in title, device, rule, entity and reason
  std::size_t limit = 50;
  std::string cursor = {};                   // of the page before; empty: the first page
  std::string rule_id = {};                  // empty: all, as in all that follow
  std::string entity = {};                   // exactly
  std::string technique = {};                // T1059; its sub-techniques too
  std::string tactic = {};                   // Impact
  std::optional<std::string> assignee = {};  // empty text: nobody's
  std::optional<Verdict> verdict = {};
  std::optional<base::WallTime> from = {};   // last seen then or later
  std::optional<base::WallTime> until = {};  // last seen before
  Hidden hidden = Hidden::No;
  std::string suppression = {};  // hidden by this one; `hidden` does not matter then
  std::vector<std::string> ids = {};
};
// The filter in words: 'status is open, severity is Low, device is "press-7"'; "every alert".
std::string describe(const AlertFilter& filter);

struct AlertPage {
  std::vector<Alert> items;  // newest last_seen first
  std::string next_cursor;   // empty: no more
  std::int64_t total = 0;    // of all pages
};

struct AlertCounts {
  std::int64_t open = 0;
  std::array<std::int64_t, 3> by_status{};         // index: Status
  std::array<std::int64_t, 4> open_by_severity{};  // index: Severity
};

enum class GroupBy : std::uint8_t {
  Severity,
  Status,
  Verdict,
  Rule,
  Device,
  Entity,
  Assignee,
  Tactic,
  Technique,
  Day  // of last_seen, UTC
};
std::optional<GroupBy> parse_group_by(std::string_view text);  // "severity"

// Alerts that have something in common. An alert with two techniques counts in both groups.
struct AlertGroup {
  std::string key;
  std::string title;  // for people: a rule's title; the key where there is nothing better
  std::int64_t alerts = 0;
  std::int64_t open = 0;
  std::int64_t hits = 0;
  Severity severity = Severity::Informational;  // the highest
  base::WallTime last_seen;
};

// What a person changes; what is absent stays.
struct AlertUpdate {
  std::optional<Status> status = {};
  std::optional<Verdict> verdict = {};       // of a closed alert, or of one that this closes
  std::optional<std::string> assignee = {};  // empty: nobody
  std::optional<Severity> severity = {};
  std::string comment = {};
};
std::string describe(const AlertUpdate& update);  // 'close as benign, assign to "ann"'

// Why two alerts belong together, the strongest first.
enum class Relation : std::uint8_t {
  SameEvent,
  SameProcess,
  Parent,   // the other one's process started this one's
  Child,    // and the other way round
  Sibling,  // one process started both
  Tree,     // further away in the same tree, through another alert
  SameAddress,
  SameCommand,
  SameCause,  // the same rule about the same thing, on another device
  SameDevice  // at about the same time
};
std::string_view to_string(Relation relation);  // "sameEvent"

struct RelatedAlert {
  Alert alert;
  struct Reason {
    Relation relation;
    std::string text;  // for people
  };
  std::vector<Reason> reasons;  // the strongest first
};

// What a bulk change is going to touch: these alerts, neither more nor others.
struct BulkPlan {
  std::string token;
  base::WallTime expires;
  std::string predicate;  // the filter in words
  std::string effect;     // the change in words
  std::int64_t alerts = 0;
  std::int64_t matched = 0;  // with those that are as they should be already
  std::array<std::int64_t, 3> by_status{};
  std::array<std::int64_t, 4> by_severity{};
  std::vector<Alert> sample;  // the newest of them
};

struct BulkResult {
  std::string predicate;  // as the plan said
  std::string effect;
  std::int64_t changed = 0;
  struct Skipped {
    std::string id;
    std::string why;
  };
  std::int64_t skipped = 0;
  std::vector<Skipped> skipped_alerts;  // the first of them
};

}  // namespace detect
