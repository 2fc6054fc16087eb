#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/snapshot/firewall/rule.h"
#include "base/bytes.h"
#include "base/result.h"

// The tables of iptables-legacy, as getsockopt(IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES) gives them.
// Source: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h.
namespace agent::snapshot::firewall::legacy {

enum class Family : std::uint8_t { V4, V6 };

inline constexpr std::size_t kInfoBytes = 84;
inline constexpr std::size_t kMaxTableBytes = 16U << 20U;
inline constexpr std::size_t kMaxRules = 65536;

struct Info {
  std::uint32_t hooks = 0;                   // bits of those that the table is in
  std::array<std::uint32_t, 5> entry{};      // offsets: the first rule of each hook's chain
  std::array<std::uint32_t, 5> underflow{};  // and its policy
  std::uint32_t count = 0;
  std::uint32_t bytes = 0;
};

struct Rule {
  std::string chain;
  std::optional<std::uint32_t> hook;  // of a built-in chain
  bool policy = false;
  RuleFacts facts;
};

// Errors: Truncated, Malformed, TooLarge. Threads: pure.
base::Result<Info> read_info(base::ByteView bytes);
base::Result<std::vector<Rule>> read_entries(Family family, const Info& info,
                                             base::ByteView entries);
std::string_view chain_name(std::uint32_t hook);  // "PREROUTING", "INPUT", ...

}  // namespace agent::snapshot::firewall::legacy
