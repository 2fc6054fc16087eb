#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "detect/custom/detector.h"

namespace detect::custom {

// Custom alerts without a hub: definitions, events, and what a hub would have counted, one after
// the other. Every device is in the group that a definition is for.
//
// A device is connected from when it is heard of first to the end, and over a protocol for as long
// as a count of its messages says. Threads: one at a time.
class Rehearsal {
 public:
  Rehearsal();
  ~Rehearsal();

  // A definition, as read_definition() takes it, comes into force. Errors: Invalid.
  base::Result<void> add_rule(const base::json::Value& definition, base::WallTime now);
  // {"metric":"C2D","protocol":"AMQP","count":6}: so many in the window that begins now. With
  // "window" it is that long and they are spread over it. "type" may stand for the first two.
  // Errors: Invalid.
  base::Result<void> add_metric(const base::json::Value& metric, const Origin& origin,
                                std::vector<Finding>& findings);
  // The device is there.
  void meet(const Origin& origin, std::vector<Finding>& findings);
  void add_event(const schema::Event& event, const Origin& origin, std::vector<Finding>& findings);
  // Time never goes back.
  void advance(base::WallTime now, std::vector<Finding>& findings);
  // All devices leave, and what is left is judged.
  void finish(std::vector<Finding>& findings);

 private:
  class Everywhere;
  struct Coming {
    store::OperationRow row;  // but for its device
    std::string device_id;
    std::string module_id;
  };
  void come(base::WallTime time, store::OperationRow row, const Origin& origin);
  void play(base::WallTime time, const Coming& coming, std::vector<Finding>& findings);
  void pass(base::WallTime now, std::vector<Finding>& findings);

  std::unique_ptr<Everywhere> fleet_;
  CustomDetector detector_;
  std::vector<std::shared_ptr<const Rule>> rules_;
  std::multimap<base::WallTime, Coming> coming_;
  std::set<std::string> met_;
  base::WallTime now_;
  bool begun_ = false;
};

}  // namespace detect::custom
