#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sigma/correlator.h"

// What tests of correlations share.
namespace sigma::tests {

using std::chrono::seconds;

inline constexpr base::WallTime kStart = base::WallTime(seconds(1'790'000'000));

inline RuleSet rules() {
  RuleSet set;
  for (const char* name : {"a", "b", "c"}) {
    auto parsed = parse(std::string("title: Rule ") + name + "\nname: " + name +
                        "\nlogsource: {category: process_creation}\n"
                        "detection: {s: {Image: x}, condition: s}\n");
    EXPECT_EQ(parsed.rules.size(), 1U);
    EXPECT_TRUE(set.add(std::move(parsed.rules.at(0))));
  }
  set.build();
  return set;
}

inline std::vector<Correlation> parsed(const std::string& yaml) {
  auto parsed = parse(yaml);
  for (const Problem& problem : parsed.problems)
    ADD_FAILURE() << problem.to_string("test") << "\n" << yaml;
  return std::move(parsed.correlations);
}

inline std::string correlation(const std::string& name, const std::string& under) {
  return "---\ntitle: " + name + "\nname: " + name + "\ncorrelation: " + under + "\n";
}

class Memo : public Keepsake {
 public:
  explicit Memo(int number) : number_(number) {}
  std::size_t bytes() const override { return 100; }
  int number() const { return number_; }

 private:
  int number_;
};

// A correlator over the rules a, b and c.
class Course {
 public:
  explicit Course(std::string yaml, Correlator::Options options = {})
      : yaml_(std::move(yaml)), options_(options), rules_(rules()), correlator_(options) {
    unlinked_ = correlator_.link(parsed(yaml_), rules_);
  }

  // Keeps what changed, a little at a time.
  void save() {
    std::vector<Correlator::Changed> changes;
    const auto write = [](const Keepsake& keepsake) {
      return std::to_string(dynamic_cast<const Memo&>(keepsake).number());
    };
    while (correlator_.save(write, 64, changes)) {
    }
    for (Correlator::Changed& change : changes) {
      if (change.value) {
        disk_[change.key] = std::move(*change.value);
      } else {
        disk_.erase(change.key);
      }
    }
  }
  // As if the program ended and began again; how many groups it knows then.
  std::size_t restart() {
    save();
    const std::size_t groups = correlator_.counters().groups;
    correlator_ = Correlator(options_);
    unlinked_ = correlator_.link(parsed(yaml_), rules_);
    for (const auto& [key, value] : disk_)
      EXPECT_TRUE(restore(key, value)) << key;
    EXPECT_EQ(correlator_.counters().groups, groups);
    return groups;
  }
  bool restore(const std::string& key, const std::string& value) {
    return correlator_.restore(key, value, [](std::string_view text) {
      return std::make_shared<const Memo>(std::stoi(std::string(text)));
    });
  }
  const std::map<std::string, std::string>& disk() const { return disk_; }

  using Fields = std::map<std::string, std::string>;

  // What the hit of that rule makes the correlations say.
  std::vector<Firing> hit(const std::string& rule, int at, const Fields& fields,
                          std::optional<int> received = std::nullopt, std::int64_t count = 1) {
    std::vector<Firing> out;
    Occurrence occurrence{kStart + seconds(at), kStart + seconds(received.value_or(at)), count,
                          std::make_shared<const Memo>(at)};
    correlator_.observe(
        rules_.find(rule)->id, occurrence,
        [&](std::string_view name) -> std::optional<std::string> {
          const auto field = fields.find(std::string(name));
          if (field == fields.end()) return std::nullopt;
          return field->second;
        },
        out);
    return out;
  }
  std::vector<Firing> pass(int to) {
    std::vector<Firing> out;
    correlator_.advance(kStart + seconds(to), out);
    return out;
  }

  Correlator& correlator() { return correlator_; }
  const RuleSet& set() const { return rules_; }
  const std::vector<Unlinked>& unlinked() const { return unlinked_; }

 private:
  std::string yaml_;
  Correlator::Options options_;
  RuleSet rules_;
  Correlator correlator_;
  std::vector<Unlinked> unlinked_;
  std::map<std::string, std::string> disk_;
};

}  // namespace sigma::tests
