#include "sensor/engine/fact_filter.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sensor::engine {
namespace {

using namespace std::chrono_literals;

base::WallTime at(std::chrono::seconds since) {
  return base::WallTime(std::chrono::hours(480'000)) + since;
}

dissect::Transaction read_of(std::string name, std::uint64_t first = 0) {
  dissect::Transaction one;
  one.protocol = "modbus";
  one.operation = {3, "read holding registers"};
  one.objects.push_back({"tag", std::move(name), first, 1});
  return one;
}

TEST(FactFilter, TellsAgainAfterAWhileWithHowOften) {
  FactFilter filter(100);
  std::uint64_t repeats = 7;
  EXPECT_TRUE(filter.passes(42, at(0s), repeats));
  EXPECT_EQ(repeats, 0U);
  for (int i = 1; i < 60; ++i)
    EXPECT_FALSE(filter.passes(42, at(std::chrono::seconds(i)), repeats));
  EXPECT_TRUE(filter.passes(42, at(60s), repeats));
  EXPECT_EQ(repeats, 59U);
  EXPECT_TRUE(filter.passes(42, at(0s), repeats)) << "time went back by as much";
  EXPECT_EQ(filter.held_back(), 59U);
  EXPECT_TRUE(filter.passes(0, at(0s), repeats)) << "0 is a fact as others are";
  EXPECT_FALSE(filter.passes(0, at(0s), repeats));
}

// The same as two maps would do it.
TEST(FactFilter, ForgetsTheOlderHalfWhenBothAreFull) {
  constexpr std::size_t kHalf = 500;
  FactFilter filter(2 * kHalf);
  std::set<std::uint64_t> young;
  std::set<std::uint64_t> old;
  std::uint64_t forgotten = 0;
  std::mt19937_64 random(5);  // NOLINT(bugprone-random-generator-seed): the same each time
  for (int i = 0; i < 20'000; ++i) {
    // Some return soon, some late, some never.
    const std::uint64_t fact = (random() % 900 + static_cast<std::uint64_t>(i / 20)) * 0x10000 + 1;
    bool known = young.contains(fact);
    if (!known) {
      if (young.size() >= kHalf) {
        forgotten += old.size();
        old = std::exchange(young, {});
      }
      known = old.erase(fact) != 0;
      young.insert(fact);
    }
    std::uint64_t repeats = 0;
    ASSERT_EQ(filter.passes(fact, at(0s), repeats), !known) << i;
    ASSERT_EQ(filter.forgotten(), forgotten) << i;
  }
  EXPECT_GT(forgotten, 0U);
}

TEST(FactFilter, WhatDiffersIsAnotherFact) {
  FactFilter filter(100);
  std::map<std::uint64_t, int> seen;
  const auto note = [&](const dissect::Transaction& one) { ++seen[filter.of(one)]; };
  note(read_of("a"));
  note(read_of("b"));
  note(read_of("12345678"));
  note(read_of(std::string("12345678\0", 9)));
  note(read_of("a", 1));
  dissect::Transaction one = read_of("a");
  one.unit = 0;
  note(one);
  one.unit = UINT32_MAX;
  note(one);
  one.answered = at(0s);
  note(one);
  one.status.outcome = dissect::Outcome::Failed;
  note(one);
  one.client.mac.bytes[5] = 1;
  note(one);
  one.server.port = 502;
  note(one);
  one.vlan = 502;
  note(one);
  one.objects.push_back({"tag", "a", 0, 1});
  note(one);
  // What one says in its name, the other says in its space.
  one.objects = {{"ta", "ga", 0, 1}};
  note(one);
  one.objects = {{"tag", "a", 0, 1}};
  one.operation.name = "read holding registersx";
  note(one);
  EXPECT_EQ(seen.size(), 15U);
  one.time = at(5s);
  one.packet = 9;
  one.request_bytes = 9;
  note(one);
  EXPECT_EQ(seen.size(), 15U) << "when and how much makes no difference";
}

TEST(FactFilter, EvidenceIsOfWhomItIsAbout) {
  FactFilter filter(100);
  dissect::End a;
  dissect::End b;
  b.mac.bytes[0] = 2;
  dissect::Evidence evidence;
  evidence.value = "PLC";
  std::set<std::uint64_t> seen;
  seen.insert(filter.of(evidence, a, b, 0));
  seen.insert(filter.of(evidence, b, a, 0));
  seen.insert(filter.of(evidence, a, b, 1));
  evidence.slot = 0;
  seen.insert(filter.of(evidence, a, b, 0));
  evidence.rack = 0;
  seen.insert(filter.of(evidence, a, b, 0));
  evidence.value = "PLC2";
  seen.insert(filter.of(evidence, a, b, 0));
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(seen.count(filter.of(evidence, a, b, 0)), 1U);
}

}  // namespace
}  // namespace sensor::engine
