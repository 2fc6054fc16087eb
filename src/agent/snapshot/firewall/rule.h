#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace agent::snapshot::firewall {

enum class Action : std::uint8_t { Allow, Deny, Other };

// What one rule says, whichever firewall it is of. Texts are as `nft` writes them; "!=" in front
// turns a match around; empty: the rule does not ask for it.
struct RuleFacts {
  std::string source;
  std::string destination;
  std::string source_port;
  std::string destination_port;
  std::string protocol;
  std::string in_interface;
  std::string out_interface;
  std::string state;  // of the connection: "established,related"
  std::string
      verdict;  // "accept", "drop", "reject", "jump NAME", ...; "continue" when there is none
  Action action = Action::Other;
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> bytes;
  std::string comment;
  std::string text;  // all of the rule, in order

  // Appends to `text`.
  void say(std::string_view part);
  // The verdict and the action that goes with it.
  void decide(std::string_view word);
};

// Addresses and the like, for people. Bytes in network order; of another size they are given in
// hexadecimal. Threads: pure.
std::string address_text(base::ByteView bytes);
std::string protocol_text(std::uint8_t number);  // "tcp"; "47" where it has no usual name
std::string state_text(std::uint32_t bits);      // of nf_conntrack: "established,related"
// The text up to the first NUL, valid UTF-8.
std::string c_text(base::ByteView bytes);
// Bits of a mask, if these are its first ones and no others.
std::optional<std::size_t> prefix_of(base::ByteView mask);

// A match or target of iptables, of either family and either firewall: the names it has, and for
// the usual ones what is in it; of others the bytes, at most 64. Threads: pure.
// Source: linux/netfilter/x_tables.h and the headers beside it.
void describe_match(std::string_view name, std::uint8_t revision, base::ByteView data,
                    RuleFacts& rule);
void describe_target(std::string_view name, std::uint8_t revision, base::ByteView data,
                     RuleFacts& rule);

}  // namespace agent::snapshot::firewall
