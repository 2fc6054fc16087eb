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

// Which of those values are told, one a second.
std::string told_of(FactFilter& filter, dissect::Fact fact, std::string_view values) {
  dissect::End plc;
  plc.mac.bytes[0] = 2;
  std::string told;
  for (std::size_t i = 0; i < values.size(); ++i) {
    dissect::Evidence evidence;
    evidence.fact = fact;
    evidence.value = values.substr(i, 1);
    std::uint64_t repeats = 0;
    if (filter.passes(evidence, plc, {}, 0, "s7comm", at(std::chrono::seconds(i)), repeats))
      told += values[i];
  }
  return told;
}

TEST(FactFilter, WhatIsToldLastIsTrue) {
  FactFilter filter(100);
  EXPECT_EQ(told_of(filter, dissect::Fact::Mode, "rrrssr"), "rsr");
  EXPECT_EQ(told_of(filter, dissect::Fact::Mode, "rrr"), "") << "it was told last";
  EXPECT_EQ(told_of(filter, dissect::Fact::Mode, "srsrsrsrsrssss"), "srsrsrsrsrs");
  EXPECT_EQ(told_of(filter, dissect::Fact::Name, "aabba"), "aba");
}

TEST(FactFilter, SeveralValuesAtOnceAreNoEndlessChange) {
  FactFilter filter(100);
  std::string values;
  for (int i = 0; i < 30; ++i)
    values += "ab";
  EXPECT_EQ(told_of(filter, dissect::Fact::Software, values), "ababa")
      << "the first, and four changes";
}

TEST(FactFilter, TellsApartWhatHasItsOwnLatestValue) {
  FactFilter filter(100);
  const dissect::End end;
  dissect::Evidence evidence;
  evidence.fact = dissect::Fact::Mode;
  std::uint64_t repeats = 0;
  const auto passes = [&](std::string_view value, std::uint16_t slot, std::string_view protocol) {
    evidence.value = value;
    evidence.slot = slot;
    return filter.passes(evidence, end, end, 0, protocol, at(0s), repeats);
  };
  EXPECT_TRUE(passes("run", 1, "s7comm"));
  EXPECT_TRUE(passes("stop", 2, "s7comm"));
  EXPECT_TRUE(passes("ready", 1, "enip"));
  EXPECT_FALSE(passes("run", 1, "s7comm"));
  EXPECT_FALSE(passes("stop", 2, "s7comm"));
  EXPECT_FALSE(passes("ready", 1, "enip"));
  EXPECT_TRUE(passes("stop", 1, "s7comm"));
  EXPECT_TRUE(passes("run", 1, "s7comm"));
  EXPECT_EQ(repeats, 1U);
}

// Two are remembered, 32 facts are: the mode of a third goes first, and is told again.
TEST(FactFilter, LatestValuesAreBoundedAndForgottenOnesAreToldAgain) {
  FactFilter filter(32);
  const dissect::End end;
  dissect::Evidence evidence;
  evidence.fact = dissect::Fact::Mode;
  evidence.value = "run";
  std::uint64_t repeats = 0;
  const auto passes = [&](std::uint16_t slot) {
    evidence.slot = slot;
    return filter.passes(evidence, end, end, 0, "s7comm", at(0s), repeats);
  };
  for (std::uint16_t slot = 0; slot < 8; ++slot)
    EXPECT_TRUE(passes(slot));
  EXPECT_FALSE(passes(7));
  EXPECT_GT(filter.forgotten(), 0U);
  EXPECT_TRUE(passes(0)) << "nobody knows whether it changed meanwhile";
}

}  // namespace
}  // namespace sensor::engine
