#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/snapshot/firewall/rule.h"
#include "base/bytes.h"
#include "base/result.h"

// What nf_tables tells of itself over netlink. All readers: pure. They take the payload of one
// message, after the four bytes of nfgenmsg. Errors: Truncated, Malformed.
// Source: linux/netfilter/nf_tables.h.
namespace agent::snapshot::firewall::nft {

// "ip", "ip6", "inet", "arp", "bridge", "netdev".
std::string_view family_name(std::uint8_t family);
// "input", "prerouting", ...; the numbers mean different hooks in different families.
std::string hook_name(std::uint8_t family, std::uint32_t hook);

struct Table {
  std::uint8_t family = 0;
  std::string name;
  bool dormant = false;
};

struct Chain {
  std::uint8_t family = 0;
  std::string table;
  std::string name;
  struct Hook {
    std::uint32_t number = 0;
    std::int32_t priority = 0;
    std::vector<std::string> devices;
  };
  std::optional<Hook> hook;  // nullopt: only reached by a jump
  std::optional<std::uint32_t> policy;
  std::string type;
};

struct Set {
  std::uint8_t family = 0;
  std::string table;
  std::string name;
  std::uint32_t flags = 0;
  std::uint32_t key_bytes = 0;
  bool anonymous() const { return (flags & 1U) != 0; }
  bool interval() const { return (flags & 4U) != 0; }
};

// A verdict, or plain bytes.
struct Data {
  base::ByteVec value;
  std::optional<std::int32_t> verdict;
  std::string chain;
};

struct Element {
  Data key;
  base::ByteVec key_end;
  Data data;
  bool interval_end = false;
  bool catch_all = false;
};

struct Expression {
  std::string name;
  base::ByteVec data;  // attributes
};

struct Rule {
  std::uint8_t family = 0;
  std::string table;
  std::string chain;
  std::uint64_t handle = 0;
  std::string comment;
  std::vector<Expression> expressions;
};

inline constexpr std::size_t kMaxExpressions = 256;  // of one rule; the kernel allows 128

base::Result<Table> read_table(std::uint8_t family, base::ByteView attributes);
base::Result<Chain> read_chain(std::uint8_t family, base::ByteView attributes);
base::Result<Set> read_set(std::uint8_t family, base::ByteView attributes);
base::Result<Rule> read_rule(std::uint8_t family, base::ByteView attributes);
// Appends the elements of one message to `out`, up to `limit`; false: there were more.
base::Result<bool> read_elements(base::ByteView attributes, std::size_t limit,
                                 std::vector<Element>& out);
base::Result<Data> read_data(base::ByteView attributes);

// A set with what is in it.
struct FilledSet {
  Set set;
  std::vector<Element> elements;
  bool cut = false;
};
// By family, table and name.
using Sets = std::map<std::tuple<std::uint8_t, std::string, std::string>, FilledSet>;

// All that was told so far.
struct Ruleset {
  std::vector<Table> tables;
  std::vector<Chain> chains;
  std::vector<Rule> rules;
  Sets sets;
  std::size_t unread = 0;  // messages that could not be decoded

  // Takes one message of a dump: `type` as in its header, `payload` with nfgenmsg. A set must come
  // before its elements. Messages of other subsystems are passed over.
  void add(std::uint16_t type, base::ByteView payload);

 private:
  void add_elements(std::uint8_t family, base::ByteView attributes);
};
inline constexpr std::size_t kMaxElements = 65536;  // of one set

// Follows the expressions of a rule from register to register and says what they ask for and do.
// What it cannot decode is in `text` by its name and bytes. Named sets that are used come into
// `named_sets`: name and elements, at most 64. Threads: pure.
struct DecodedRule {
  RuleFacts facts;
  std::vector<std::pair<std::string, std::string>> named_sets;
};
DecodedRule decode(const Rule& rule, const Sets& sets);

}  // namespace agent::snapshot::firewall::nft
