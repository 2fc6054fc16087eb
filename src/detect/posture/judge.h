#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/json.h"
#include "detect/memory.h"
#include "detect/posture/day_count.h"
#include "detect/posture/verdict.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "store/events.h"

namespace detect::posture {

// What a record says about a device, or about the hub where the device is empty.
struct Judgement {
  std::string device_id;
  // When it was so: of a picture, by the device's clock, but never after it was received.
  base::WallTime observed;
  Verdict verdict;
};

// From records to verdicts. Remembers what takes more than one record: the messages of a day, and
// which devices say so when they have no firewall. Bounded: kMaxDevices, beyond which a device has
// neither.
// Threads: one at a time.
class Judge {
 public:
  static constexpr std::size_t kMaxDevices = 200'000;

  void on_event(const schema::Event& event, const Origin& origin, std::vector<Judgement>& out);
  // An operation of the hub: connections say how they are secured, and messages how large they are.
  void on_operation(const store::OperationRow& operation, const Origin& origin,
                    std::vector<Judgement>& out);

  // Appends what changed of the days' messages since the last call; gives it back after a restart.
  // False: it is of no use.
  void save(std::vector<MemoryChange>& changes);
  bool restore(std::string_view key, std::string_view value);
  // Forgets devices that sent nothing for a day.
  void tidy(base::WallTime now);
  void forget(const std::string& device_id);
  const base::Counter& dropped() const { return dropped_; }  // records of devices beyond the most

 private:
  struct Messages {
    DayCount counted;   // by the hub
    DayCount reported;  // by the agent; counts where the hub has nothing
  };
  Messages* messages_of(std::string_view device_id);
  static Verdict verdict_of(const Messages& messages, base::WallTime now);
  void judge_firewall_event(const schema::Event& event, const Origin& origin,
                            std::vector<Verdict>& verdicts);
  void judge_statistics(const schema::Event& event, const Origin& origin,
                        std::vector<Verdict>& verdicts);

  std::map<std::string, Messages, std::less<>> messages_;
  std::set<std::string, std::less<>> ours_;     // "device/module" of agents that are Vedette's
  std::set<std::string, std::less<>> changed_;  // devices whose messages were not saved since
  base::Counter dropped_;
};

// Facts that no event or operation carries, as JSON, for whoever tries rules without a hub: what
// they say. `name`: HubConfig {ipFilter, diagnostics}, HubIdentity {keyHash, devices, sessions},
// HubTls {version, suite}, EdgeModule {createOptions, daemonDefault, registry, username}, EdgeHub
// {heads, clients7d}, GroupSettings {group, hashes}. Members that are missing say nothing. Other
// names: no verdicts. Threads: pure.
std::vector<Verdict> judge_facts(std::string_view name, const base::json::Value& facts);

}  // namespace detect::posture
