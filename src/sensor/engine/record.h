#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "dissect/evidence.h"
#include "dissect/sink.h"
#include "dissect/transaction.h"
#include "sensor/flow/flow.h"

namespace sensor::engine {

// Something was said, or asked and answered.
struct TransactionRecord {
  dissect::Transaction transaction;
  std::uint64_t repeats = 0;  // of the same since it was last told, which were not
};

// Something is known of a device.
struct EvidenceRecord {
  base::WallTime time;
  std::uint64_t packet = 0;
  std::string_view protocol;
  dissect::End about;  // may lack any of its parts
  dissect::End from;   // who told
  std::uint16_t vlan = 0;
  dissect::Fact fact = dissect::Fact::Name;
  dissect::Confidence confidence = dissect::Confidence::Guess;
  std::string value;
  std::optional<std::uint16_t> rack;
  std::optional<std::uint16_t> slot;
};

// Something was wrong.
struct IssueRecord {
  base::WallTime time;
  std::uint64_t packet = 0;
  std::string_view protocol;
  dissect::End from;
  dissect::End to;
  std::uint16_t vlan = 0;
  dissect::Issue issue;
};

// Two ends were seen to talk: for the first time, or again after a while.
struct SightingRecord {
  base::WallTime time;
  dissect::End from;
  dissect::End to;
  std::uint16_t vlan = 0;
  std::uint8_t hops = 0;
  dissect::Transport transport = dissect::Transport::Link;
};

// All that was said in a flow that ended; or what was said since it was last told of (see
// WorkerSettings::flows_every).
struct FlowRecord {
  std::uint64_t id = 0;
  std::uint64_t first_packet = 0;  // its number in the capture; 0: live
  dissect::FlowInfo info;
  std::uint16_t vlan = 0;
  base::WallTime first;
  base::WallTime last;
  flow::SideCounts counts[2];
  bool over = true;
  bool told_before = false;
  bool heard[2] = {false, false};  // whether that side ever sent
  std::uint64_t messages = 0;
  std::uint64_t issues = 0;
  std::uint64_t gaps = 0;
  std::uint8_t tcp_flags[2] = {0, 0};
  const dissect::Protocol* protocol = nullptr;
  const dissect::Protocol* expected = nullptr;
};

// A message with all of its fields, as a line of JSON.
struct MessageRecord {
  std::string line;
};

// What workers tell the analyser, and where in the capture it belongs.
struct Record {
  std::uint64_t position = 0;
  std::uint64_t flow = 0;
  std::variant<TransactionRecord, EvidenceRecord, IssueRecord, SightingRecord, FlowRecord,
               MessageRecord>
      content;
};

// Who hears them, in an order that depends on nothing but the packets.
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual void take(const Record& record) = 0;
};

}  // namespace sensor::engine
