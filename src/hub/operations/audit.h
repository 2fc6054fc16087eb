#pragma once

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
#include "store/events.h"

namespace hub::operations {

// A change of how the hub is set up, made or refused.
struct AuditRecord {
  std::int64_t id = 0;  // given by the log; rises
  base::WallTime time;
  std::string actor;       // user, token:NAME, policy:NAME; system: the hub itself
  std::string method;      // how the actor proved who it is: session, token, ...; none
  std::string action;      // certificate.put, policy.delete, ...
  std::string target;      // what of its kind: a name, an id
  std::string result;      // "ok", or why not
  std::string remote;      // address of the actor
  std::string detail;      // for people; no secrets
  int status_code = 0;     // HTTP-like
  std::string request_id;  // as in the answer's X-Request-Id
  std::string properties;  // a JSON object, or empty
};

// The audit log: in SQLite, in the order in which things happened, durable before anybody is told
// of it. The event store follows it (outbox()), so that IoTHubAudit has exactly what is here.
//
// What several threads add at once is written in one transaction, by a thread of its own.
// Threads: any.
class AuditLog {
 public:
  static constexpr std::size_t kMaxWaiting = 10'000;
  static constexpr std::chrono::days kLife{400};

  // `path` may be shared with other components. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<AuditLog>> open(const std::string& path);
  ~AuditLog();  // writes what waits
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Durable after return. Errors: those of store::Sqlite, Full (kMaxWaiting).
  base::Result<void> record(AuditRecord record);
  // The same without waiting; a loss is logged and counted.
  void record_later(AuditRecord record);
  std::uint64_t lost() const { return lost_.value(); }

  // Newest first, those with an id below `before` (0: all).
  base::Result<std::vector<AuditRecord>> list(std::size_t limit, std::int64_t before) const;
  // The latest of an action that succeeded and its target; nullopt: none.
  base::Result<std::optional<AuditRecord>> latest(std::string_view action,
                                                  std::string_view target) const;

  // Rows for IoTHubAudit after the id `after`, oldest first.
  base::Result<std::vector<store::AuditRow>> outbox(std::uint64_t after, std::size_t limit) const;
  // Ids given from now on are above `after`: for an event store that has seen more than this file
  // remembers.
  base::Result<void> continue_after(std::uint64_t after);
  // Called when there is more for outbox(), on the log's thread. An empty one removes it; after
  // that it is not called any more.
  void on_grown(std::function<void()> callback);

  // Forgets what is older than kLife.
  base::Result<void> purge(base::WallTime now);

 private:
  struct State;
  explicit AuditLog(std::unique_ptr<State> state);
  base::Counter lost_;
  std::unique_ptr<State> state_;
};

}  // namespace hub::operations
