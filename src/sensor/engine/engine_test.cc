#include "sensor/engine/engine.h"

#include <deque>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sensor/engine/live.h"
#include "sensor/flow/testing.h"
#include "sensor/packet/testing.h"

namespace sensor::engine {

namespace {

using namespace packet::testing;
using flow::testing::message;

// Packets from memory.
class Given final : public capture::PacketSource {
 public:
  void add(ByteVec bytes, std::int64_t milliseconds) {
    frames_.push_back(std::move(bytes));
    packets_.push_back(raw(frames_.back(), packet::LinkType::Ethernet, milliseconds));
    packets_.back().number = packets_.size();
  }
  // As from an interface: without a number.
  void add_live(ByteVec bytes) {
    add(std::move(bytes), 0);
    packets_.back().number = 0;
  }
  void rewind() { at_ = 0; }
  base::Result<Next> next(packet::RawPacket& packet) override {
    if (at_ == packets_.size()) return Next::End;
    packet = packets_[at_++];
    return Next::Packet;
  }
  std::uint64_t lost() override { return 0; }

 private:
  std::deque<ByteVec> frames_;
  std::vector<packet::RawPacket> packets_;
  std::size_t at_ = 0;
};

// What was heard, as text.
class Heard final : public Consumer {
 public:
  std::vector<std::string> lines;
  void take(const Record& record) override {
    std::string line = std::to_string(record.position) + ' ' + std::to_string(record.flow) + ' ';
    if (const auto* one = std::get_if<TransactionRecord>(&record.content)) {
      line += "transaction " + std::to_string(one->transaction.packet) + '-' +
              std::to_string(one->transaction.answer_packet) + " x" + std::to_string(one->repeats);
    } else if (const auto* fact = std::get_if<EvidenceRecord>(&record.content)) {
      line += "fact " + fact->about.ip.text() + ' ' + fact->value;
    } else if (const auto* issue = std::get_if<IssueRecord>(&record.content)) {
      line += std::string("issue ") + issue->issue.what;
    } else if (const auto* seen = std::get_if<SightingRecord>(&record.content)) {
      line += "seen " + seen->from.ip.text();
    } else if (const auto* flow = std::get_if<FlowRecord>(&record.content)) {
      line += "flow " + flow->info.a.ip.text() + ' ' + std::to_string(flow->counts[0].packets) +
              ' ' + std::to_string(flow->counts[1].packets);
    } else if (const auto* text = std::get_if<MessageRecord>(&record.content)) {
      line += text->line;
    }
    lines.push_back(std::move(line));
  }
};

// Many ends that ask each other, with pauses in which flows end, and nonsense between.
void fill(Given& given) {
  std::mt19937 random(11);  // NOLINT(bugprone-random-generator-seed): the same each time
  std::int64_t time = 0;
  std::uint32_t sequence[64] = {};
  for (int i = 0; i < 6000; ++i) {
    time += i % 1500 == 1499 ? 4'000'000 : static_cast<std::int64_t>(random() % 40);
    const auto from = static_cast<std::uint8_t>(1 + random() % 8);
    const auto to = static_cast<std::uint8_t>(1 + random() % 8);
    const std::string text = std::string(1, static_cast<char>('0' + random() % 4)) +
                             (random() % 50 == 0 ? "??" : "") + (random() % 3 == 0 ? "=n" : "");
    const auto bytes = message(random() % 2 == 0 ? 'Q' : 'R', text);
    if (random() % 3 == 0) {
      std::uint32_t& next = sequence[(from - 1) * 8 + to - 1];
      given.add(ethernet(0x0800, ipv4({.protocol = 6, .from = from, .to = to, .id = 0},
                                      tcp(from < to ? 50000 : 7000, from < to ? 7000 : 50000, next,
                                          0, packet::kAck, bytes))),
                time);
      next += static_cast<std::uint32_t>(bytes.size());
    } else if (random() % 100 == 0) {
      given.add(bytes, time);
    } else {
      given.add(
          ethernet(0x0800, ipv4({.from = from, .to = to},
                                udp(from < to ? 50000 : 7000, from < to ? 7000 : 50000, bytes))),
          time);
    }
  }
}

struct Outcome {
  std::vector<std::string> lines;
  Health health;
};

Outcome run(Given& given, Settings settings) {
  const flow::Registry registry(flow::testing::kProtocols);
  Heard heard;
  Engine engine(registry, heard, settings);
  given.rewind();
  EXPECT_TRUE(engine.run(given));
  return {heard.lines, engine.health()};
}

}  // namespace

TEST(Engine, SaysTheSameWithOneWorkerOrManyAndTwice) {
  Given given;
  fill(given);
  for (const bool all : {false, true}) {
    Settings settings;
    settings.worker.all_transactions = all;
    settings.worker.fields = all;
    const Outcome one = run(given, settings);
    EXPECT_GT(one.lines.size(), 500U);
    for (const unsigned int workers : {1U, 2U, 5U}) {
      settings.workers = workers;
      const Outcome other = run(given, settings);
      EXPECT_EQ(one.lines, other.lines) << workers;
      EXPECT_EQ(one.health, other.health) << workers;
    }
  }
}

TEST(Engine, RepetitionStaysWithTheWorker) {
  Given given;
  for (int i = 0; i < 100; ++i) {
    given.add(ethernet(0x0800, ipv4({}, udp(50000, 7000, message('Q', "1=pump")))), i * 1000);
    given.add(ethernet(0x0800, ipv4({.from = 2, .to = 1}, udp(7000, 50000, message('R', "1")))),
              i * 1000 + 10);
  }
  const Outcome outcome = run(given, {});
  std::vector<std::string> told;
  for (const std::string& line : outcome.lines) {
    if (line.find("transaction") != std::string::npos || line.find("fact") != std::string::npos)
      told.push_back(line);
  }
  // At first, and again after a minute.
  EXPECT_EQ(told, (std::vector<std::string>{"3 1 fact 10.0.0.1 pump", "5 1 transaction 1-2 x0",
                                            "243 1 fact 10.0.0.1 pump",
                                            "245 1 transaction 121-122 x59"}));
}

// Run, stop, run within a minute: what is told last is what is true.
TEST(Engine, AValueThatReturnsIsToldAgainWithOneWorkerOrTwo) {
  Given given;
  const char* const said[] = {"1=run", "1=run", "1=stop", "1=stop", "1=run", "1=run"};
  std::int64_t time = 0;
  for (const char* const text : said) {
    for (std::uint8_t to = 2; to < 10; ++to) {
      given.add(ethernet(0x0800, ipv4({.from = 1, .to = to}, udp(7000, 50000, message('R', text)))),
                time);
      time += 100;
    }
  }
  std::vector<std::string> told;
  for (const unsigned int workers : {1U, 2U}) {
    Settings settings;
    settings.workers = workers;
    const Outcome outcome = run(given, settings);
    std::vector<std::string> facts;
    for (const std::string& line : outcome.lines) {
      if (const std::size_t at = line.find("fact "); at != std::string::npos)
        facts.push_back(line.substr(at));
    }
    ASSERT_EQ(facts.size(), 3U * 8U) << workers;
    EXPECT_TRUE(facts[0].ends_with(" run"));
    EXPECT_TRUE(facts[8].ends_with(" stop"));
    EXPECT_TRUE(facts.back().ends_with(" run"));
    if (workers == 1) told = outcome.lines;
    EXPECT_EQ(told, outcome.lines);
  }
}

TEST(Engine, FlowsThatGoOnAreToldInParts) {
  Given given;
  fill(given);
  const flow::Registry registry(flow::testing::kProtocols);
  struct Sums final : Consumer {
    struct Of {
      std::uint64_t packets = 0;
      std::uint64_t messages = 0;
      int records = 0;
      int over = 0;
      int first_time = 0;
    };
    std::map<std::uint64_t, Of> of;
    void take(const Record& record) override {
      const auto* flow = std::get_if<FlowRecord>(&record.content);
      if (flow == nullptr) return;
      Of& sum = of[flow->id];
      sum.packets += flow->counts[0].packets + flow->counts[1].packets;
      sum.messages += flow->messages;
      ++sum.records;
      sum.over += flow->over ? 1 : 0;
      sum.first_time += flow->told_before ? 0 : 1;
    }
  };
  const auto sums_of = [&](std::chrono::seconds every, unsigned int workers) {
    Settings settings;
    settings.workers = workers;
    settings.worker.flows_every = every;
    Sums sums;
    Engine engine(registry, sums, settings);
    given.rewind();
    EXPECT_TRUE(engine.run(given));
    return sums.of;
  };
  const auto whole = sums_of(std::chrono::seconds(0), 1);
  const auto parts = sums_of(std::chrono::seconds(5), 3);
  ASSERT_EQ(whole.size(), parts.size());
  int further = 0;
  for (const auto& [id, sum] : whole) {
    const Sums::Of& other = parts.at(id);
    EXPECT_EQ(other.packets, sum.packets) << id;
    EXPECT_EQ(other.messages, sum.messages) << id;
    EXPECT_EQ(other.over, 1) << id;
    EXPECT_EQ(other.first_time, 1) << id;
    further += other.records - 1;
  }
  EXPECT_GT(further, 0);
}

TEST(Live, CallsEachFlowOtherwiseInAllWorkersAndRuns) {
  // Ends with 50 flows, of packets that have no numbers, as interfaces give them.
  const auto source = [](std::uint8_t from) {
    auto made = std::make_unique<Given>();
    for (std::uint16_t port = 50000; port < 50050; ++port)
      made->add_live(
          ethernet(0x0800, ipv4({.from = from, .to = 9}, udp(port, 7000, message('Q', "1=pump")))));
    return made;
  };
  struct Names final : Consumer {
    std::set<std::uint64_t> of;
    int flows = 0;
    void take(const Record& record) override {
      const auto* flow = std::get_if<FlowRecord>(&record.content);
      if (flow == nullptr) return;
      EXPECT_EQ(flow->id, record.flow);
      EXPECT_EQ(flow->first_packet, 0U);
      of.insert(flow->id);
      ++flows;
    }
  };
  const flow::Registry registry(flow::testing::kProtocols);
  Names names;
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<std::unique_ptr<capture::PacketSource>> sources;
    for (std::uint8_t from = 1; from <= 3; ++from)
      sources.push_back(source(from));
    const base::MonoTime begun = base::mono_now();
    Live live(registry, names, {}, std::move(sources));
    EXPECT_TRUE(live.run([](const Health&) {}));
    // Flows take longer than a microsecond each wherever they come from; here nothing else does.
    while (base::mono_now() - begun < std::chrono::microseconds(150))
      ;
  }
  EXPECT_EQ(names.flows, 300);
  EXPECT_EQ(names.of.size(), 300U);
  EXPECT_LT(*names.of.rbegin(), std::uint64_t{1} << 53U);
}

TEST(Clock, NeverGoesBack) {
  const auto at = [](std::int64_t seconds) {
    return base::WallTime(std::chrono::seconds(seconds));
  };
  Clock clock;
  EXPECT_EQ(clock.with(at(1000)), at(1000));
  EXPECT_EQ(clock.with(at(1010)), at(1010));
  EXPECT_EQ(clock.with(at(500)), at(1010));  // another capture
  EXPECT_EQ(clock.steps_back(), 1U);
  EXPECT_EQ(clock.with(at(503)), at(1013));
  EXPECT_EQ(clock.with(at(503) - std::chrono::milliseconds(5)), at(1013));
  EXPECT_EQ(clock.with(at(504)), at(1014));
  EXPECT_EQ(clock.with(at(1'000'000'000)), at(1014) + Clock::kLongestPause);
  for (int i = 0; i < 200'000; ++i) {
    clock.with(at(0));
    clock.with(at(8'000'000'000));
  }
  EXPECT_EQ(clock.with(at(0)), Clock::kEnd);
}

}  // namespace sensor::engine
