// What a packet costs on its way to a transaction: controllers that are polled, over TCP.
#include <array>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "dissect/all/list.h"
#include "dissect/transaction.h"
#include "sensor/engine/worker.h"
#include "sensor/flow/registry.h"
#include "sensor/packet/decode.h"

namespace {

using sensor::packet::Packet;
using sensor::packet::RawPacket;

constexpr std::size_t kSequence = 14 + 20 + 4;  // of a TCP header in a frame
constexpr std::uint32_t kAsked = 12;            // bytes of a read of one register
constexpr std::uint32_t kAnswered = 11;

// One frame from `from` to `to`, both with the high byte of a port behind their number.
base::ByteVec frame(std::uint32_t from, std::uint32_t to, bool answer, std::uint16_t port) {
  base::ByteWriter out;
  const auto hardware = [&](std::uint32_t device) {
    out.u16be(0x001D);
    out.u32be(0x9C000000U | device);
  };
  hardware(to);
  hardware(from);
  out.u16be(0x0800);
  const std::uint32_t size = answer ? kAnswered : kAsked;
  out.u32be(0x45000000U | (40 + size));
  out.u32be(0x4000);
  out.u32be(0x40060000);
  out.u32be(0x0A000000U | from);
  out.u32be(0x0A000000U | to);
  out.u16be(answer ? 502 : port);
  out.u16be(answer ? port : 502);
  out.u32be(1);
  out.u32be(1);
  out.u32be(0x50182000);
  out.u32be(0);
  out.u32be(7U << 16U);  // transaction, protocol
  out.u16be(static_cast<std::uint16_t>(size - 6));
  out.u16be(0x0103);
  if (answer) {
    out.u8(2);
    out.u16be(42);
  } else {
    out.u16be(100);
    out.u16be(1);
  }
  return std::move(out).take();
}

// So many clients, each of which polls a controller: a request and its response of each.
class Polling {
 public:
  explicit Polling(std::uint32_t flows) {
    for (std::uint32_t i = 0; i < flows; ++i) {
      const std::uint32_t client = 0x10000 + i % 1000;
      const auto port = static_cast<std::uint16_t>(20000 + i / 1000);
      frames_.push_back(frame(client, i % 100 + 1, false, port));
      frames_.push_back(frame(i % 100 + 1, client, true, port));
    }
  }
  // The same again, later.
  void go_on() {
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const std::uint32_t next = 1 + turn_ * (i % 2 == 0 ? kAsked : kAnswered);
      for (std::size_t byte = 0; byte < 4; ++byte)
        frames_[i][kSequence + byte] = static_cast<std::uint8_t>(next >> (24 - 8 * byte));
    }
    ++turn_;
  }
  std::size_t size() const { return frames_.size(); }
  RawPacket at(std::size_t index) const {
    RawPacket raw;
    raw.time = base::WallTime(std::chrono::seconds(1'700'000'000) +
                              std::chrono::milliseconds(turn_ * 100));
    raw.number = std::uint64_t{turn_} * size() + index + 1;
    raw.bytes = frames_[index];
    raw.size = raw.bytes.size();
    return raw;
  }

 private:
  std::vector<base::ByteVec> frames_;
  std::uint32_t turn_ = 0;
};

void decode(benchmark::State& state) {
  Polling polling(100);
  sensor::packet::Decoder decoder;
  Packet packet;
  std::int64_t packets = 0;
  for (auto _ : state) {
    polling.go_on();
    for (std::size_t i = 0; i < polling.size(); ++i)
      benchmark::DoNotOptimize(decoder.decode(polling.at(i), packet));
    packets += static_cast<std::int64_t>(polling.size());
  }
  state.SetItemsProcessed(packets);
}
BENCHMARK(decode);

// Decoded, found their flow, put in order, read to field level, matched, compared with what was
// told.
void modbus(benchmark::State& state) {
  Polling polling(static_cast<std::uint32_t>(state.range(0)));
  const sensor::flow::Registry registry(dissect::all::protocols());
  sensor::engine::Worker worker(registry, {});
  sensor::packet::Decoder decoder;
  Packet packet;
  std::uint64_t position = 0;
  for (auto _ : state) {
    polling.go_on();
    for (std::size_t i = 0; i < polling.size(); ++i) {
      const RawPacket raw = polling.at(i);
      if (decoder.decode(raw, packet)) worker.take(packet, raw.time, ++position);
    }
    worker.records().clear();
  }
  if (worker.counts().of(sensor::flow::FlowCount::Messages) != position)
    state.SkipWithError("not every packet was a message");
  state.SetItemsProcessed(static_cast<std::int64_t>(position));
}
BENCHMARK(modbus)->Arg(100)->Arg(100'000);

void matching(benchmark::State& state) {
  dissect::TransactionPool pool;
  dissect::Matcher matcher("modbus", pool);
  const std::array<dissect::Object, 1> objects = {{{"holding registers", {}, 100, 2}}};
  dissect::Message asked;
  asked.kind = dissect::Kind::Request;
  asked.key = 1;
  asked.objects = objects;
  dissect::Message answered;
  answered.kind = dissect::Kind::Response;
  answered.key = 1;
  dissect::Pdu pdu;
  std::int64_t told = 0;
  const dissect::Matcher::Tell tell = [&](const dissect::Transaction&) { ++told; };
  for (auto _ : state) {
    pdu.side = dissect::Side::A;
    matcher.take(asked, pdu, tell);
    pdu.side = dissect::Side::B;
    matcher.take(answered, pdu, tell);
  }
  if (told != static_cast<std::int64_t>(state.iterations()))
    state.SkipWithError("not every request was answered");
  state.SetItemsProcessed(told);
}
BENCHMARK(matching);

}  // namespace
