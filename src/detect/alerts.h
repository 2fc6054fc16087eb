#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "store/events.h"

namespace detect {

enum class Severity : std::uint8_t { Informational, Low, Medium, High };
std::string_view to_string(Severity severity);  // "High"
std::optional<Severity> parse_severity(std::string_view text);

// New and Active are open: the same thing again adds to the alert. Closed is not: it makes a new
// one.
enum class Status : std::uint8_t { New, Active, Closed };
std::string_view to_string(Status status);  // "new"
std::optional<Status> parse_status(std::string_view text);

// What of an event satisfied a rule.
struct Match {
  std::string field;    // our name of it: "CommandLine"
  std::string value;    // the event's
  std::string pattern;  // the rule's, as "contains 'xmrig'"
  std::string found;    // what of the value that was: "XMRig"; empty where no part stands out
};

// An event that an alert stands on.
struct Evidence {
  base::Guid event_id;
  std::uint32_t item = 0;
  base::WallTime time;  // the device's clock
  std::string event_name;
  std::string details_json;  // the payload item
  std::vector<Match> matched;
};

// What a rule says about itself, for people.
struct RuleInfo {
  std::string id;
  std::string title;
  std::string description;
  std::string author;
  std::string license;
  std::string url;  // of the rule's first reference; may be empty
  Severity severity = Severity::Medium;
  std::vector<std::string> remediation;
  std::vector<std::string> tactics;     // "Impact"
  std::vector<std::string> techniques;  // "T1496"
  std::vector<std::string> aliases;     // names of the same detection elsewhere
  std::vector<std::string> false_positives;
};

// A rule that matched an event: what the pipeline hands over.
struct Finding {
  RuleInfo rule;
  std::string device_id;
  std::string module_id;
  std::string
      entity;       // what the alert is about on that device; same rule, device, entity: same thing
  std::string why;  // one sentence
  base::WallTime received;
  Evidence evidence;
  std::int64_t hits = 1;       // how often it happened: aggregated events stand for several
  std::uint64_t sequence = 0;  // of the journal record
};

struct HistoryEntry {
  base::WallTime time;
  std::string actor;
  std::string action;  // "created", "closed", "reopened", "activated"
  std::string comment;
};

struct Alert {
  std::string id;
  RuleInfo rule;
  std::string title;
  Severity severity = Severity::Medium;
  Status status = Status::New;
  std::string device_id;
  std::string module_id;
  std::string entity;
  base::WallTime first_seen;
  base::WallTime last_seen;
  std::int64_t hit_count = 1;
  std::string why_flagged;
  std::string query;  // KQL that shows the events
  // In the order in which they happened; the first ones and the latest. Only get() fills these.
  std::vector<Evidence> evidence;
  std::vector<HistoryEntry> history;
};

struct AlertFilter {
  std::optional<Status> status = {};
  bool open_only = false;  // New and Active
  std::optional<Severity> severity = {};
  std::string device_id = {};  // empty: all
  std::string search = {};     // case-insensitive, in title, device, rule, entity and reason
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before; empty: the first page
};

struct AlertPage {
  std::vector<Alert> items;  // newest last_seen first
  std::string next_cursor;   // empty: no more
  std::int64_t total = 0;    // of all pages
};

struct AlertCounts {
  std::int64_t open = 0;
  std::int64_t by_status[3] = {};         // index: Status
  std::int64_t open_by_severity[4] = {};  // index: Severity
};

enum class ChangeKind : std::uint8_t { Created, Repeated, StatusChanged };
struct AlertChange {
  ChangeKind kind;
  std::string id;
  std::string title;
  Severity severity;
  Status status;
  std::string device_id;
  std::int64_t hit_count;
};

struct AlertOptions {
  std::string path;       // the SQLite file; may be shared with other components
  std::string link_base;  // "https://hub:8443": AlertLink is <link_base>/alerts/<id>
};

// Alerts: their state, who changed it and why, and the rows that go to SecurityAlert.
// Threads: any.
class Alerts {
 public:
  static base::Result<std::unique_ptr<Alerts>> open(AlertOptions options);
  ~Alerts();
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  // The highest journal sequence of a finding that was applied.
  std::uint64_t applied_sequence() const;

  // Makes or updates alerts, in one transaction. Findings of journal sequences that were applied
  // before change nothing, so that the journal can be replayed. Durable after return.
  base::Result<void> apply(std::span<const Finding> findings);

  // Rows for SecurityAlert that are not known to be stored, oldest first, after `after`.
  base::Result<std::vector<store::AlertRow>> outbox(std::uint64_t after, std::size_t limit) const;
  // The rows up to there are stored.
  base::Result<void> trim_outbox(std::uint64_t up_to);
  // Rows made from now on have positions above `after`: for an event store that has seen more rows
  // than this file remembers.
  base::Result<void> continue_outbox(std::uint64_t after);

  // Errors: Invalid (cursor).
  base::Result<AlertPage> list(const AlertFilter& filter) const;
  // Errors: NotFound.
  base::Result<Alert> get(std::string_view id) const;
  base::Result<AlertCounts> counts() const;
  // Open alerts of a device.
  base::Result<std::int64_t> open_count(std::string_view device_id) const;

  // `actor` is who asked. Setting the status that it has already adds the comment to the history.
  // Reopening is refused (Conflict) while another open alert is about the same thing.
  // Errors: NotFound, Conflict.
  base::Result<Alert> set_status(std::string_view id, Status status, std::string_view actor,
                                 std::string_view comment, base::WallTime now);

  // Called after each change is durable, on the thread that made it, without a lock held. Set it
  // before the pipeline starts; must be cheap.
  void on_change(std::function<void(const AlertChange&)> callback);
  // Called when there are new outbox rows, other than from apply().
  void on_outbox(std::function<void()> callback);

 private:
  struct State;
  explicit Alerts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect
