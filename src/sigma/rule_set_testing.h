#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sigma/rule_set.h"

// What tests of rules share.
namespace sigma::tests {

template <class Item>
schema::Event event_with(Item item) {
  schema::Event event;
  event.payload = schema::payload_of(std::move(item));
  return event;
}

inline schema::Event process(std::string executable, std::string command_line,
                             schema::ExtraDetails extra = {}) {
  schema::ProcessCreate item;
  item.executable = std::move(executable);
  item.command_line = std::move(command_line);
  item.process_id = 4242;
  item.parent_process_id = 1;
  item.user_id = "0";
  item.user_name = "root";
  item.extra_details = std::move(extra);
  schema::Event event;
  event.payload = schema::payload_of(std::move(item));
  return event;
}

inline RuleSet rules_of(
    const std::string& detection,
    const std::string& source = "product: linux\n  category: process_creation") {
  RuleSet set;
  auto parsed = parse("title: Test\nlogsource:\n  " + source + "\ndetection:\n" + detection);
  EXPECT_EQ(parsed.problems.size(), 0U) << parsed.problems.front().to_string("test");
  for (Rule& rule : parsed.rules) {
    const auto added = set.add(std::move(rule));
    EXPECT_TRUE(added) << added.error().problem.to_string("test");
  }
  set.build();
  return set;
}

inline std::vector<Hit> hits(const RuleSet& set, const schema::Event& event) {
  RuleSet::Scratch scratch;
  std::vector<Hit> found;
  set.match(event, 0, scratch, found);
  return found;
}

}  // namespace sigma::tests
