#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "detect/alerts.h"
#include "detect/memory.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "store/events.h"

namespace detect {

// What decides over the devices' events and over the hub's own records, beside the rules of Stream:
// whatever has to remember more than a rule can say. Pure but for its memory; time is a parameter.
// Threads: one at a time.
class Detector {
 public:
  Detector() = default;
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;
  virtual ~Detector() = default;

  // What it may find, for lists of what is watched for: each has an id, which its findings carry.
  virtual std::vector<RuleInfo> rules() const { return {}; }

  // A security message came, also one that says nothing new or did not validate; before its events.
  virtual void on_message(const Origin& origin, std::vector<Finding>& findings) {
    static_cast<void>(origin), static_cast<void>(findings);
  }
  // An event that was not seen before, with all its items: of a snapshot they are the whole
  // picture, and none at all is a picture too.
  virtual void on_event(const schema::Event& event, const Origin& origin,
                        std::vector<Finding>& findings) {
    static_cast<void>(event), static_cast<void>(origin), static_cast<void>(findings);
  }
  // An operation of the hub. `origin` names its device, if it has one, and the time of it.
  virtual void on_operation(const store::OperationRow& operation, const Origin& origin,
                            std::vector<Finding>& findings) {
    static_cast<void>(operation), static_cast<void>(origin), static_cast<void>(findings);
  }
  // A change of how the hub is set up, made or refused.
  virtual void on_audit(const store::AuditRow& change, const Origin& origin,
                        std::vector<Finding>& findings) {
    static_cast<void>(change), static_cast<void>(origin), static_cast<void>(findings);
  }
  // A twin after a change.
  virtual void on_twin(const store::TwinRow& twin, const Origin& origin,
                       std::vector<Finding>& findings) {
    static_cast<void>(twin), static_cast<void>(origin), static_cast<void>(findings);
  }
  // Nothing that was received before `now` is likely to come any more: windows that ended are
  // judged. Called every second or so, and when the hub was away, once it has caught up.
  virtual void on_time(base::WallTime now, std::vector<Finding>& findings) {
    static_cast<void>(now), static_cast<void>(findings);
  }
  // Of a trial, which ends: nothing more will be told. Windows that are open are judged as if their
  // time was over.
  virtual void on_end(base::WallTime now, std::vector<Finding>& findings) {
    on_time(now + std::chrono::hours{25}, findings);
  }

  // Makes durable what it keeps elsewhere, before what it was told of counts as decided; what it is
  // told of again after a crash must then change nothing. Errors: call it again.
  virtual base::Result<void> settle() { return {}; }

  // Pieces of memory that it forgot for want of room, ever. Threads: any.
  virtual std::uint64_t evicted() const { return 0; }

  // Under this name what it remembers survives restarts: kept in one transaction with what was
  // found, so that nothing is found twice or missed. Empty: it remembers nothing. It must not
  // change.
  virtual std::string_view name() const { return {}; }
  // Appends what of its memory changed since the last call.
  virtual void save(std::vector<MemoryChange>& changes) { static_cast<void>(changes); }
  // Gives back a piece of memory, as it was saved, perhaps by another version; before all else.
  // False: it is of no use, and to be forgotten.
  virtual bool restore(std::string_view key, std::string_view value) {
    static_cast<void>(key), static_cast<void>(value);
    return false;
  }
};

}  // namespace detect
