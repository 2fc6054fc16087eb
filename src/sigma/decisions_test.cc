#include "sigma/decisions.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace sigma {
namespace {

// Answers by number, and remembers what it was asked.
struct Answers {
  std::set<std::uint32_t> holding;
  std::vector<std::uint32_t> asked = {};
  bool operator()(std::uint32_t what) {
    asked.push_back(what);
    return holding.contains(what);
  }
};

bool holds(const Decisions& decisions, Decisions::Id id, Answers& answers) {
  Known known;
  known.reset(decisions.size());
  return decisions.holds(id, known, answers);
}

TEST(Decisions, WhatIsTheSameIsThereOnce) {
  Decisions graph;
  const auto a = graph.test(1, 1);
  const auto b = graph.test(2, 1);
  EXPECT_EQ(graph.test(1, 1), a);
  EXPECT_EQ(graph.all_of({a, b}), graph.all_of({b, a, b}));
  EXPECT_EQ(graph.negation(graph.negation(a)), a);
  EXPECT_EQ(graph.any_of({a}), a);
  EXPECT_EQ(graph.all_of({a, a}), a);
  EXPECT_NE(graph.any_of({a, b}), graph.all_of({a, b}));
  EXPECT_EQ(graph.at_least(1, {a, b}), graph.any_of({a, b}));
}

TEST(Decisions, AsksWhatCostsLessFirstAndNoMoreThanNeeded) {
  Decisions graph;
  const auto dear = graph.test(1, 200);
  const auto cheap = graph.test(2, 1);
  const auto both = graph.all_of({dear, cheap});
  const auto any = graph.any_of({dear, cheap});
  graph.finish();
  Answers none{{}};
  EXPECT_FALSE(holds(graph, both, none));
  EXPECT_EQ(none.asked, (std::vector<std::uint32_t>{2}));
  Answers one{{2}};
  EXPECT_TRUE(holds(graph, any, one));
  EXPECT_EQ(one.asked, (std::vector<std::uint32_t>{2}));
}

TEST(Decisions, AsksNothingTwice) {
  Decisions graph;
  const auto a = graph.test(1, 1);
  const auto b = graph.test(2, 1);
  const auto first = graph.all_of({a, b});
  const auto second = graph.any_of({graph.negation(a), b});
  Answers answers{{1}};
  Known known;
  known.reset(graph.size());
  EXPECT_FALSE(graph.holds(first, known, answers));
  EXPECT_FALSE(graph.holds(second, known, answers));
  EXPECT_EQ(answers.asked.size(), 2U);
  known.clear();
  EXPECT_FALSE(graph.holds(first, known, answers));
  EXPECT_EQ(answers.asked.size(), 4U);
}

TEST(Decisions, OfNothing) {
  Decisions graph;
  Answers answers{{}};
  const auto all = graph.all_of({});
  const auto any = graph.any_of({});
  const auto two = graph.at_least(2, {graph.test(1, 1)});
  EXPECT_TRUE(holds(graph, all, answers));
  EXPECT_FALSE(holds(graph, any, answers));
  EXPECT_FALSE(holds(graph, two, answers));
}

TEST(Decisions, SoManyOfThem) {
  std::minstd_rand random(5);
  for (int round = 0; round < 500; ++round) {
    Decisions graph;
    std::vector<Decisions::Id> tests;
    Answers answers{{}};
    const std::size_t count = 1 + random() % 6;
    std::size_t holding = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      tests.push_back(graph.test(i, static_cast<std::uint32_t>(random() % 5)));
      if (random() % 2 == 0) continue;
      answers.holding.insert(i);
      ++holding;
    }
    const std::size_t least = 1 + random() % count;
    EXPECT_EQ(holds(graph, graph.at_least(least, tests), answers), holding >= least);
  }
}

}  // namespace
}  // namespace sigma
