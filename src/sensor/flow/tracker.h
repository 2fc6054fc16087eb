#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "dissect/sink.h"
#include "sensor/flow/listener.h"
#include "sensor/flow/registry.h"
#include "sensor/flow/table.h"
#include "sensor/packet/packet.h"

namespace sensor::flow {

struct TrackerSettings {
  std::uint32_t flows = 200'000;
  std::size_t reassembly = 64U << 20U;  // bytes, of all streams
  // What flows are called whose first packet has no number: the first, and from one to the next.
  std::uint64_t first_id = 1;
  std::uint64_t next_id = 1;
};

// Takes packets to the parsers of what they carry: finds their flow, puts TCP streams in order,
// finds out by content which protocol it is, cuts messages, and puts answers to their requests.
//
// Nothing needs to be seen from its beginning, and one direction is enough. All memory is bounded;
// what a bound costs is counted. Time is that of the packets, and passes only when pass_time() says
// so: what it says is the same however the packets of other flows are spread over trackers.
// Threads: one.
class Tracker final : dissect::Sink, Messages {
 public:
  // `registry` and `listener` outlive it. `details` hears single fields; null: nobody does.
  Tracker(const Registry& registry, Listener& listener, dissect::Details* details = nullptr,
          TrackerSettings settings = {});
  ~Tracker() override;

  void take(const packet::Packet& packet, base::WallTime now);
  void pass_time(base::WallTime now);
  // Ends all flows.
  void finish();
  // Flows that had packets since then, by the clock of pass_time().
  void each_active(base::WallTime since, const std::function<void(Flow&)>& visit);

  const FlowCounts& counts() const { return counts_; }
  std::uint32_t flows() const { return table_.size(); }
  std::size_t held_bytes() const { return budget_.used; }

 private:
  // How long what is missing of a stream may still come.
  static constexpr base::WallTime::duration kLate = std::chrono::seconds(2);
  // What is kept of memory for flows whose protocol is not known yet.
  static constexpr std::size_t kSpare = 64;
  // Bytes of one direction, as they get into order.
  class StreamDelivery final : public Delivery {
   public:
    StreamDelivery(Tracker& tracker, Flow& flow, dissect::Side side)
        : tracker_(tracker), flow_(flow), side_(side) {}
    void bytes(base::ByteView bytes) override { tracker_.stream_bytes(flow_, side_, bytes); }
    void gap(std::size_t bytes) override { tracker_.stream_gap(flow_, side_, bytes); }
    void conflict() override { tracker_.stream_conflict(flow_); }

   private:
    Tracker& tracker_;
    Flow& flow_;
    dissect::Side side_;
  };
  struct Watched {
    std::uint32_t index = 0;
    std::uint64_t id = 0;
    base::WallTime since;
  };
  // What is being worked on: whose packet it is, and which.
  struct At {
    Flow* flow = nullptr;
    dissect::Side side = dissect::Side::A;
    base::WallTime time;
    std::uint64_t packet = 0;
    dissect::End from;
    dissect::End to;
  };

  std::uint32_t flow_of(const packet::Packet& packet);
  std::uint32_t add(const packet::Packet& packet, const Key& key, std::uint64_t hash, int protocol);
  void count(Flow& flow, dissect::Side side, const packet::Packet& packet, base::WallTime now);
  Class class_of(const Flow& flow) const;
  void end(std::uint32_t index);
  void watch(std::uint32_t index);

  void take_tcp(Flow& flow, dissect::Side side, const packet::Packet& packet, base::WallTime now);
  void handshake(Flow& flow, dissect::Side side, const packet::Packet& packet) const;
  bool begins_anew(const Flow& flow, dissect::Side side, const packet::Packet& packet) const;
  TcpState& tcp_of(Flow& flow);
  void stream_bytes(Flow& flow, dissect::Side side, base::ByteView bytes);
  void stream_gap(Flow& flow, dissect::Side side, std::size_t bytes);
  void stream_conflict(Flow& flow);

  void begin_unknown(Flow& flow);
  void give_back(std::unique_ptr<Unknown> used);
  void learn(Flow& flow, dissect::Side side, base::ByteView bytes, std::size_t size);
  void try_again(Flow& flow);
  void settle(Flow& flow, const dissect::Protocol& protocol);
  void replay(Flow& flow, Unknown& unknown);
  void answered_otherwise(Flow& flow, dissect::Side side, base::ByteView bytes);
  void forget(Flow& flow);
  void expect(Flow& flow) const;
  void give(Flow& flow, dissect::Side side, base::ByteView bytes, std::size_t size);

  void message(const dissect::Message& message) override;
  void evidence(const dissect::Evidence& evidence) override;
  void issue(const dissect::Issue& issue) override;
  void message(dissect::Side side, base::ByteView bytes, std::size_t size) override;

  const Registry& registry_;
  Listener& listener_;
  FlowCounts counts_;
  Budget budget_;
  Table table_;
  std::deque<Watched> watched_;
  dissect::TransactionPool transactions_;
  std::vector<std::unique_ptr<Unknown>> spare_;  // to use again
  std::uint64_t id_;                             // of the next flow without a number
  std::uint64_t id_step_;
  At at_;
  dissect::Pdu pdu_;
  dissect::Matcher::Tell tell_;
};

}  // namespace sensor::flow
