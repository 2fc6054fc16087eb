#pragma once

#include <string>

#include "agent/watch/watch.h"
#include "base/result.h"
#include "schema/events.h"

namespace agent {

// A picture of some part of the device, taken at the start and then every snapshotFrequency.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual schema::EventName event() const = 0;
  // Looks now. An empty payload says that there is nothing (no listening port); what could not be
  // found out is an error or is marked in ExtraDetails, never left out silently.
  // Errors: of reading; they become a Diagnostic event and a SourceReport with tier "none".
  // Threads: the agent's worker; one call at a time.
  virtual base::Result<schema::Payload> take() = 0;
  // Nobody waits for the picture any more: a take() that is under way, or begins later, may end
  // early with the error Closed. Threads: any.
  virtual void abandon() {}
  // Where the last picture came from. Threads: as take().
  virtual SourceReport source() const = 0;
};

}  // namespace agent
