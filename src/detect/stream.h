#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/alerts.h"
#include "schema/message.h"

namespace detect {

// Detection rules that the program carries: content/detections at the time of the build.
struct BuiltinRule {
  std::string_view file;  // "crypto_coin_miner.yml"
  std::string_view text;
};
std::vector<BuiltinRule> builtin_rules();

// A rule that is not in force, and why. `file` is a path, or a name within the program.
struct RuleProblem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;
  bool no_events = false;  // nothing is wrong with it: there are no events that it could look at
  std::string to_string() const;
};

// Who sent an event, and when we got it.
struct Origin {
  std::string_view device_id;
  std::string_view module_id;
  base::WallTime received;
  std::uint64_t sequence = 0;  // of the journal record
};

// Streaming detections: Sigma rules over events as they arrive.
// Loaded once; match() then by one thread at a time.
class Stream {
 public:
  // The built-in rules and every *.yml of the folder, in the order of their names; a rule of the
  // folder with the id of a built-in one replaces it. What cannot be used is reported and left out.
  // An absent folder is fine. Errors: Io (a folder that cannot be read).
  static base::Result<std::unique_ptr<Stream>> load(const std::string& folder);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Appends a finding for each rule that the payload item satisfies.
  void match(const schema::Event& event, std::size_t item, const Origin& origin,
             std::vector<Finding>& findings);

  const std::vector<RuleProblem>& problems() const;
  std::vector<RuleInfo> rules() const;

 private:
  struct State;
  explicit Stream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect
