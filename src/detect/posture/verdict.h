#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "detect/posture/catalogue.h"

namespace detect::posture {

// One thing that makes a device unhealthy: a port, a rule, a check.
struct Item {
  // The same for the same thing in every picture and on every device: "tcp/8888", a check's id.
  std::string key;
  std::string title;
  Severity severity = Severity::Medium;
  std::vector<std::string> steps;     // what to do, in words
  std::vector<std::string> commands;  // what to run, quoted for a shell
  // What was seen, under the names of its event or of the hub's configuration.
  base::json::Value facts{base::json::Value::Object{}};
};

// What a picture, or the hub's own knowledge, says about one recommendation. No items: healthy.
struct Verdict {
  Kind kind{};
  std::vector<Item> items = {};
  // Keys of things that could not be looked at this time: what they were, they are.
  std::vector<std::string> undecided = {};
  // More could not be looked at than is known by key: nothing that was wrong is over.
  bool partial = false;
  // How much of it is in order, for the score: 1 when healthy; for a baseline, the share of checks.
  double credit = 1;

  bool healthy() const { return items.empty(); }
};

// A word of a POSIX shell that stands for exactly this text, whoever wrote it.
std::string shell_word(std::string_view text);

}  // namespace detect::posture
