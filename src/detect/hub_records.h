#pragma once

#include <deque>
#include <string>
#include <utility>

#include "detect/alerts.h"
#include "sigma/record.h"
#include "store/events.h"

namespace detect {

// A record of the hub itself as rules look at it, with the columns of the table that it goes to;
// what of Properties is text, a number or a flag is Properties.<path>. Refers to the row, which
// must outlive it. Threads: one at a time.
class HubRecord {
 public:
  // Of Source::hub_operation(). `sequence` is that of its record in the journal, which tells it
  // from all others.
  HubRecord(const store::OperationRow& operation, std::uint64_t sequence);
  // Of Source::hub_audit().
  explicit HubRecord(const store::AuditRow& change);
  HubRecord(const HubRecord&) = delete;
  HubRecord& operator=(const HubRecord&) = delete;

  const sigma::Record& record() const { return record_; }
  // Its columns that hold something.
  Evidence evidence() const;

 private:
  void set_time(base::WallTime time);
  void add_properties(std::string_view json);

  sigma::Record record_;
  base::Guid id_;
  base::WallTime time_;
  std::deque<std::pair<std::string, std::string>> properties_;
};

}  // namespace detect
