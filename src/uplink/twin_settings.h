#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "uplink/twin.h"

namespace uplink {

// One setting that a twin may hold as {"value": ...}.
struct TwinKey {
  std::string name;
  // Puts a value into effect. Errors: Invalid; the detail says what was expected, and nothing
  // changes.
  std::function<base::Result<void>(const base::json::Value&)> set;
  // The value in effect, as the twin writes it.
  std::function<base::json::Value()> get;
};

// Settings that one member of a twin's desired properties holds, over those that are in effect when
// this is made.
//
// Each key stands for itself: one that cannot be used keeps its last good value and takes no other
// along. A key that is not mentioned, or null, has the value of the beginning. Threads: one.
class TwinSettings {
 public:
  TwinSettings(std::string object, std::vector<TwinKey> keys);

  // Errors: Malformed (no JSON object), TooLarge; nothing changes then.
  base::Result<void> take(const Desired& desired);

  // What is wrong, by key; unknown keys too.
  const std::map<std::string, std::string>& problems() const { return problems_; }
  std::int64_t version() const { return version_; }

  // For the reported properties: under the same name each key with its value in effect, where that
  // comes from ("desired", "default", "lastGood") and what is wrong.
  std::string reported(std::string_view program_version) const;

  // For the disk, so that a start without a hub has the same. Errors of restore(): Malformed,
  // TooLarge; nothing changes then.
  std::string saved() const;
  base::Result<void> restore(std::string_view saved);

 private:
  void judge();

  static constexpr std::size_t kMaxDocument = 1U << 20U;
  static constexpr std::size_t kMaxProblems = 64;

  std::string object_;
  std::vector<TwinKey> keys_;
  std::vector<base::json::Value> defaults_;  // of each key
  base::json::Value desired_;                // our member, as merged
  std::map<std::string, base::json::Value> accepted_;
  std::map<std::string, std::string> problems_;
  std::int64_t version_ = 0;
};

// The usual kinds of keys. `place` outlives them.
TwinKey duration_key(std::string name, std::chrono::nanoseconds min, std::chrono::nanoseconds max,
                     std::chrono::nanoseconds& place);
TwinKey number_key(std::string name, std::uint64_t min, std::uint64_t max, std::uint64_t& place);

}  // namespace uplink
