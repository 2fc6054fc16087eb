#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/sqlite.h"

namespace hub::identity {

enum class Access : std::uint8_t { Allow, Deny };
std::string_view to_string(Access access);  // allow, deny
std::optional<Access> parse_access(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32", or one address.
struct AddressRule {
  std::string name;
  Access access = Access::Allow;
  std::string range;
};

// Rules about where clients may come from: the first whose range holds the address decides, and
// where none does, the default. Never changes. Threads: any.
class IpFilter {
 public:
  static constexpr std::size_t kMaxRules = 100;
  static constexpr std::size_t kMaxName = 128;
  static constexpr std::string_view kDefaultName = "default";

  // Errors: Invalid (a name that is empty, too long, "default" or given twice; a range that is
  // none, or with bits beyond its prefix; the detail names the rule), TooLarge (kMaxRules).
  static base::Result<IpFilter> create(std::vector<AddressRule> rules, Access otherwise);
  IpFilter() = default;  // all may come

  struct Decision {
    Access access = Access::Allow;
    std::string_view rule;  // lives as long as the filter; "default" where no rule decided
  };
  // What is no address, is let in only where everybody is: by the default, when there are no rules.
  // An IPv4 address in IPv6's clothes counts as what it is.
  Decision decide(std::string_view address) const;

  const std::vector<AddressRule>& rules() const { return rules_; }
  Access otherwise() const { return otherwise_; }

 private:
  struct Range {
    std::array<std::uint8_t, 16> bytes{};
    std::size_t bits = 0;
    bool v6 = false;
  };
  static std::optional<Range> parse_address(std::string_view text);
  static base::Result<Range> parse_range(std::string_view text);
  static bool holds(const Range& range, const Range& address);

  std::vector<AddressRule> rules_;
  std::vector<Range> ranges_;  // of the rules, in their order
  Access otherwise_ = Access::Allow;
};

// The filter in use, in SQLite. Every change is durable when the call returns. Threads: any.
class IpFilterStore {
 public:
  struct State {
    std::shared_ptr<const IpFilter> filter;
    std::string etag;
    std::optional<base::WallTime> updated;  // none: never set
  };

  // Makes its tables where they are missing. Errors: those of store::Sqlite; Corrupt.
  static base::Result<std::unique_ptr<IpFilterStore>> open(const std::string& path,
                                                           std::function<base::WallTime()> now);
  State current() const;
  // All rules at once. `if_match`: an etag; empty or "*": whatever there is. Errors: Conflict,
  // those of IpFilter::create().
  base::Result<State> set(std::vector<AddressRule> rules, Access otherwise,
                          std::string_view if_match);
  struct Verdict {
    Access access = Access::Allow;
    std::string rule;  // that decided; empty where there is no filter at all
  };
  Verdict decide(std::string_view address) const;

 private:
  IpFilterStore(store::Sqlite database, std::function<base::WallTime()> now)
      : database_(std::move(database)), now_(std::move(now)) {}
  base::Result<State> load();

  std::mutex writer_mutex_;
  store::Sqlite database_;  // guarded by writer_mutex_
  std::function<base::WallTime()> now_;
  mutable std::mutex mutex_;
  State state_;  // guarded by mutex_
};

}  // namespace hub::identity
