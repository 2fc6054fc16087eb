#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dissect/transaction.h"
#include "uplink/spool.h"

namespace sensor::delivery {

// Kinds of access by a bit each.
using AccessSet = std::uint32_t;
constexpr AccessSet bit(dissect::Access access) {
  return AccessSet{1} << static_cast<unsigned>(access);
}
inline constexpr std::size_t kAccesses = static_cast<std::size_t>(dissect::Access::Session) + 1;
// What changes a device or takes something from it, and who logs in.
inline constexpr AccessSet kInteresting =
    bit(dissect::Access::Write) | bit(dissect::Access::ProgramUpload) |
    bit(dissect::Access::ProgramDownload) | bit(dissect::Access::Start) |
    bit(dissect::Access::Stop) | bit(dissect::Access::Reset) | bit(dissect::Access::ModeChange) |
    bit(dissect::Access::Firmware) | bit(dissect::Access::ConfigWrite) |
    bit(dissect::Access::Authentication) | bit(dissect::Access::File) | bit(dissect::Access::Alarm);

// By its name in records. Errors: Invalid; the detail says which there are.
base::Result<dissect::Access> parse_access(std::string_view name);
std::vector<std::string> names_of(AccessSet accesses);

// Which transactions are worth telling the hub. Threads: one.
class Interest {
 public:
  // Of `industrial` protocols (by name) also what fails is told, whatever it was.
  Interest(AccessSet accesses, std::set<std::string, std::less<>> industrial,
           std::uint64_t most_in_a_minute)
      : accesses_(accesses),
        industrial_(std::move(industrial)),
        most_in_a_minute_(most_in_a_minute) {}

  // Whether to tell it; at most so many in a minute of their own time, the rest is counted.
  bool wants(const dissect::Transaction& transaction);
  // What may stop a plant goes first.
  static uplink::Priority priority(dissect::Access access);

  void set_accesses(AccessSet accesses) { accesses_ = accesses; }
  void set_most_in_a_minute(std::uint64_t most) { most_in_a_minute_ = most; }
  std::uint64_t held_back() const { return held_back_; }

 private:
  AccessSet accesses_;
  std::set<std::string, std::less<>> industrial_;
  std::uint64_t most_in_a_minute_;
  std::chrono::sys_time<std::chrono::minutes> minute_{};
  std::uint64_t in_this_minute_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace sensor::delivery
