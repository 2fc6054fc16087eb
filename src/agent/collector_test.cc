#include "agent/collector.h"

#include <map>

#include <gtest/gtest.h>

namespace agent {
namespace {

using base::Code;
using collect::Tier;
using namespace std::chrono_literals;

class Ignore final : public collect::Sink {
  void on_forked(const collect::Forked&) override {}
  void on_started(collect::Started) override {}
  void on_ended(const collect::Ended&) override {}
};

// What the test decides about each tier, and what the collector did with it.
struct World {
  std::map<Tier, bool> works = {
      {Tier::Ebpf, true}, {Tier::Audit, false}, {Tier::Connector, true}, {Tier::Proc, true}};
  std::map<Tier, int> alive;
  std::map<Tier, int> drained;
  std::function<void(const base::Error&)> fail;  // the latest source
};

class FakeSource final : public collect::Source {
 public:
  FakeSource(World& world, Tier tier) : world_(world), tier_(tier) { ++world_.alive[tier_]; }
  ~FakeSource() override { --world_.alive[tier_]; }
  Tier tier() const override { return tier_; }
  void drain() override { ++world_.drained[tier_]; }
  collect::SourceStats stats() const override {
    return {.received = 10, .kernel_lost = 1, .overruns = 0, .malformed = 0};
  }

 private:
  World& world_;
  Tier tier_;
};

class CollectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
  }

  base::Result<std::unique_ptr<Collector>> open(std::optional<Tier> tier = std::nullopt) {
    Collector::Options options;
    options.tier = tier;
    options.retry = 10ms;
    options.open = [this](Tier wanted, os::Loop&, collect::Sink&,
                          const collect::SourceOptions& source)
        -> base::Result<std::unique_ptr<collect::Source>> {
      if (!world_.works[wanted]) return base::fail(Code::Denied, "not here");
      world_.fail = source.on_failed;
      return std::make_unique<FakeSource>(world_, wanted);
    };
    options.on_tier = [this](Tier now) { tiers_.push_back(now); };
    return Collector::open(*loop_, sink_, std::move(options));
  }

  void turn_for(std::chrono::milliseconds time) {
    loop_->after(time, [this] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
  }

  World world_;
  Ignore sink_;
  std::unique_ptr<os::Loop> loop_;
  std::vector<Tier> tiers_;
};

TEST_F(CollectorTest, TakesTheBest) {
  const auto collector = open();
  ASSERT_TRUE(collector);
  EXPECT_EQ((*collector)->tier(), Tier::Ebpf);
  EXPECT_EQ((*collector)->reason(), "");
}

TEST_F(CollectorTest, SaysWhyNotABetterOne) {
  world_.works[Tier::Ebpf] = false;
  world_.works[Tier::Connector] = false;
  const auto collector = open();
  ASSERT_TRUE(collector);
  EXPECT_EQ((*collector)->tier(), Tier::Proc);
  EXPECT_EQ((*collector)->reason(),
            "ebpf: not here (denied); audit: not here (denied); connector: not here (denied)");
}

TEST_F(CollectorTest, AChosenTierIsNotReplacedByAnother) {
  world_.works[Tier::Ebpf] = false;
  EXPECT_FALSE(open(Tier::Ebpf));
  const auto chosen = open(Tier::Proc);
  ASSERT_TRUE(chosen);
  EXPECT_EQ((*chosen)->tier(), Tier::Proc);
  turn_for(50ms);
  EXPECT_EQ((*chosen)->tier(), Tier::Proc);
}

TEST_F(CollectorTest, AFailedSourceIsReplaced) {
  const auto collector = open();
  ASSERT_TRUE(collector);
  world_.works[Tier::Ebpf] = false;
  loop_->after(0ms, [this] { world_.fail({Code::Io, "gone", -1, {}}); });
  turn_for(5ms);
  EXPECT_EQ((*collector)->tier(), Tier::Connector);
  EXPECT_EQ(world_.alive[Tier::Ebpf], 0);
  EXPECT_EQ(world_.drained[Tier::Ebpf], 1);
  // What the former source saw still counts.
  EXPECT_EQ((*collector)->stats().received, 20U);
  EXPECT_EQ((*collector)->stats().kernel_lost, 2U);
}

TEST_F(CollectorTest, ABetterTierIsTakenWhenItWorksAgain) {
  world_.works[Tier::Ebpf] = false;
  world_.works[Tier::Connector] = false;
  const auto collector = open();
  ASSERT_TRUE(collector);
  loop_->after(5ms, [this] { world_.works[Tier::Ebpf] = true; });
  turn_for(100ms);
  EXPECT_EQ((*collector)->tier(), Tier::Ebpf);
  EXPECT_EQ((*collector)->reason(), "");
  EXPECT_EQ(tiers_, (std::vector{Tier::Proc, Tier::Ebpf}));
  EXPECT_EQ(world_.alive[Tier::Proc], 0);
}

}  // namespace
}  // namespace agent
