#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "detect/alerts.h"
#include "store/sqlite.h"

// For the sources of this folder.
namespace detect {

AlertChange change_of(ChangeKind kind, const Alert& alert);

struct Alerts::State {
  explicit State(AlertOptions alert_options) : options(std::move(alert_options)) {}

  AlertOptions options;
  std::unique_ptr<Suppressions> suppressions;
  std::mutex mutex;  // guards idle
  std::vector<store::Sqlite> idle;
  std::atomic<std::uint64_t> applied{0};
  AlertMetrics metrics;
  std::function<void(const AlertChange&)> changed;
  std::function<void()> outbox_grew;

  // A connection for one call, given back at its end.
  class Lease {
   public:
    Lease(State& state, store::Sqlite connection)
        : state_(state), connection_(std::move(connection)) {}
    ~Lease() {
      const std::lock_guard lock(state_.mutex);
      state_.idle.push_back(std::move(connection_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    store::Sqlite& operator*() { return connection_; }

   private:
    State& state_;
    store::Sqlite connection_;
  };

  base::Result<store::Sqlite> connect();

  // Tells those who listen.
  void tell(const std::map<std::string, AlertChange>& changes) const;
  base::Result<void> apply_one(store::Sqlite& db, const Finding& finding,
                               std::map<std::string, AlertChange>& changes);
  base::Result<void> raise(store::Sqlite& db, const Finding& finding,
                           std::map<std::string, AlertChange>& changes);
  base::Result<void> resolve(store::Sqlite& db, const Finding& finding,
                             std::map<std::string, AlertChange>& changes);
  base::Result<Alert> create(store::Sqlite& db, const Finding& finding, Alert alert) const;
  base::Result<Alert> repeat(store::Sqlite& db, const Finding& finding, Alert alert) const;

  // Makes the change, with its history and its row; what it did, in `alert`. Whether it was one.
  // Errors: Conflict, Invalid.
  base::Result<bool> change(store::Sqlite& db, Alert& alert, const AlertUpdate& update,
                            std::string_view actor, base::WallTime now) const;
  // A row for the alert as it is now, with its latest evidence.
  base::Result<void> add_row(store::Sqlite& db, const Alert& alert, base::WallTime now) const;
  base::Result<void> close_quiet(store::Sqlite& db, base::WallTime now,
                                 std::vector<AlertChange>& changes);
  base::Result<void> forget_old(store::Sqlite& db, base::WallTime now);
  void tell(const std::vector<AlertChange>& changes) const;
};

}  // namespace detect
