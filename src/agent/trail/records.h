#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "agent/watch/watch.h"
#include "audit/event.h"
#include "base/time.h"
#include "schema/events.h"

namespace agent::trail {

// AuditRecord: the audit records of the types that the setting auditRecordTypes names, as others'
// rules, daemons and programs cause them; no rules of our own, and auditing is not switched on for
// this. What the agent itself causes is left out. At most kRecordsPerSecond, more in a burst.
std::unique_ptr<Watch> open_records(const WatchContext& context);

inline constexpr std::uint64_t kRecordsPerSecond = 100;
inline constexpr std::uint64_t kRecordsInBurst = 1000;

// Lets so many pass each second. Threads: one; time is a parameter.
class Allowance {
 public:
  bool take(base::MonoTime now);

 private:
  std::optional<base::MonoTime> filled_;
  double left_ = static_cast<double>(kRecordsInBurst);
};

// Threads: pure.
schema::AuditRecord read_record(const audit::Event& event, const audit::Record& record);

}  // namespace agent::trail
