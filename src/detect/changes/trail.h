#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/alerts.h"
#include "detect/changes/address.h"

// Failed logins that belong together, and what they amount to; for the sources of this folder.
namespace detect::changes {

inline constexpr std::chrono::minutes kWindow{10};
// From a window's last failure to a login that it led to; and from its end to giving up.
inline constexpr std::chrono::minutes kPatience{10};
inline constexpr std::int64_t kMany = 10;
inline constexpr std::int64_t kManyOfOne = 5;      // of one account, before it logs in
inline constexpr std::size_t kFewestNetworks = 3;  // of an account that is tried from all over

// Failures of one account from one address at about one time.
struct Attempt {
  base::WallTime time;
  Source source;
  std::string account;
  std::int64_t count = 1;
};

// What a window amounts to.
struct Tally {
  std::int64_t failures = 0;
  base::WallTime first;
  base::WallTime last;
  std::set<std::string, std::less<>> accounts;
  std::set<std::string, std::less<>> addresses;
  std::set<std::string, std::less<>> networks;
};

// Of one network, or of one account from everywhere.
struct Trail {
  enum class Kind : std::uint8_t { Network, Account };
  Kind kind = Kind::Network;
  std::string device_id;
  std::string module_id;
  std::string name;              // of the network or account
  std::deque<Attempt> attempts;  // by time
  std::vector<Evidence> samples;
  base::WallTime received{};  // when it was heard of last, by our clock

  // It has failed unless somebody logs in until then, by our clock.
  std::optional<base::WallTime> due;
  std::optional<base::WallTime> told;  // when that was said last

  // Adds the attempt, forgets what is too old for any window, and puts together what is more than
  // `most`.
  void add(Attempt attempt, Evidence evidence, std::size_t most);
  // The window with the most failures, if it is an attempt at guessing.
  std::optional<Tally> guessing() const;
  // The window with the most failures that a login at that time as that account may have come of.
  std::optional<Tally> led_to(base::WallTime time, const std::string& account) const;
  bool tried_from(const std::string& address) const;
  void clear();

 private:
  struct Window {
    std::deque<Attempt>::const_iterator begin;
    std::deque<Attempt>::const_iterator end;
    std::int64_t failures = 0;
  };
  template <class Counts>
  std::optional<Tally> strongest(Counts counts) const;
};

std::string text_of(const Trail& trail);
// nullopt: that was no trail.
std::optional<Trail> trail_of(std::string_view text);

}  // namespace detect::changes
