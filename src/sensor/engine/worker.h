#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dissect/sink.h"
#include "sensor/engine/fact_filter.h"
#include "sensor/engine/record.h"
#include "sensor/flow/tracker.h"

namespace sensor::engine {

struct WorkerSettings {
  flow::TrackerSettings tracker;
  bool all_transactions = false;  // also those that say what was said before
  bool fields = false;            // MessageRecords
  bool facts = true;              // evidence and sightings
  std::size_t fact_capacity = 1'000'000;
  // FlowRecords also of flows that go on, as often as that by the clock; each then has what was
  // not told before. Zero: only of those that end.
  base::WallTime::duration flows_every{0};
};

// Single fields of a message as members of a JSON array: [["unit",1],...].
class FieldLines final : public dissect::Details {
 public:
  void clear() { text_.clear(); }
  const std::string& text() const { return text_; }

  void number(std::string_view name, std::uint64_t value) override;
  void real(std::string_view name, double value) override;
  void text(std::string_view name, std::string_view value) override;
  void bytes(std::string_view name, base::ByteView value) override;

 private:
  void begin(std::string_view name);
  std::string text_;
};

// Flows of some pairs of ends, and what is new in them. Shares nothing. Threads: one.
class Worker final : flow::Listener {
 public:
  // `registry` outlives it.
  Worker(const flow::Registry& registry, const WorkerSettings& settings);

  // `position` orders what is told among workers.
  void take(const packet::Packet& packet, base::WallTime now, std::uint64_t position);
  void pass_time(base::WallTime now, std::uint64_t position);
  void finish(std::uint64_t position);

  // What was told since it was last asked.
  std::vector<Record>& records() { return records_; }

  const flow::FlowCounts& counts() const { return tracker_.counts(); }
  std::uint64_t facts_forgotten() const { return facts_.forgotten(); }
  std::uint64_t facts_held_back() const { return facts_.held_back(); }
  std::uint32_t flows() const { return tracker_.flows(); }

 private:
  template <class Content>
  void tell(std::uint64_t flow, Content content);
  void tell_flow(const flow::Flow& flow, bool over);
  void tell_active(base::WallTime now);
  static std::uint64_t sighting(flow::Flow& flow, dissect::Side side, const packet::Packet& packet);

  void message_begins(const flow::Flow& flow, const dissect::Pdu& pdu) override;
  void message_ends(const flow::Flow& flow, const dissect::Pdu& pdu) override;
  void transaction(const flow::Flow& flow, const dissect::Transaction& transaction) override;
  void evidence(const flow::Flow& flow, const dissect::Pdu& pdu,
                const dissect::Evidence& evidence) override;
  void issue(const flow::Flow& flow, const dissect::Pdu& pdu, const dissect::Issue& issue) override;
  void seen(flow::Flow& flow, dissect::Side side, const packet::Packet& packet) override;
  void ended(const flow::Flow& flow) override;

  WorkerSettings settings_;
  FieldLines fields_;
  std::string issues_;  // of the message at hand, as members of a JSON array
  FactFilter facts_;
  std::vector<Record> records_;
  std::uint64_t position_ = 0;
  base::WallTime told_active_;  // when those that go on were last told; 0: never
  flow::Tracker tracker_;
};

}  // namespace sensor::engine
