#include "agent/snapshot/firewall/rule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace agent::snapshot::firewall {

using base::ByteView;
using base::Cursor;
using base::Result;

namespace {

constexpr std::size_t kMaxShown = 64;  // bytes of what has no decoder

struct Named {
  std::uint8_t number;
  std::string_view name;
};
constexpr std::array<Named, 15> kProtocols = {{{1, "icmp"},
                                               {2, "igmp"},
                                               {4, "ipip"},
                                               {6, "tcp"},
                                               {17, "udp"},
                                               {33, "dccp"},
                                               {41, "ipv6"},
                                               {47, "gre"},
                                               {50, "esp"},
                                               {51, "ah"},
                                               {58, "ipv6-icmp"},
                                               {89, "ospf"},
                                               {112, "vrrp"},
                                               {132, "sctp"},
                                               {136, "udplite"}}};

constexpr std::array<std::pair<std::uint32_t, std::string_view>, 5> kStates = {
    {{1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}}};

std::string range_text(std::uint16_t from, std::uint16_t to) {
  return from == to ? std::to_string(from) : fmt::format("{}-{}", from, to);
}

void set_port(std::string& port, std::string_view name, bool inverted, std::string value,
              RuleFacts& rule) {
  rule.say(fmt::format("{} {}{}", name, inverted ? "!= " : "", value));
  port = (inverted ? "!=" : "") + std::move(value);
}

// xt_tcp and xt_udp begin alike: source from and to, destination from and to, in host order.
Result<void> ports(std::string_view name, ByteView data, RuleFacts& rule) {
  Cursor cursor(data);
  const std::uint16_t source_from = TRY(cursor.u16le());
  const std::uint16_t source_to = TRY(cursor.u16le());
  const std::uint16_t to_from = TRY(cursor.u16le());
  const std::uint16_t to_to = TRY(cursor.u16le());
  std::uint8_t mask = 0;
  std::uint8_t flags = 0;
  if (name == "tcp") {
    TRY(cursor.skip(1));  // option
    mask = TRY(cursor.u8());
    flags = TRY(cursor.u8());
  }
  const std::uint8_t inverted = TRY(cursor.u8());
  if (source_from != 0 || source_to != 0xFFFF) {
    set_port(rule.source_port, fmt::format("{} sport", name), (inverted & 1) != 0,
             range_text(source_from, source_to), rule);
  }
  if (to_from != 0 || to_to != 0xFFFF) {
    set_port(rule.destination_port, fmt::format("{} dport", name), (inverted & 2) != 0,
             range_text(to_from, to_to), rule);
  }
  if (mask != 0) {
    rule.say(fmt::format("tcp flags & {:#04x} {} {:#04x}", mask,
                         (inverted & 4) != 0 ? "!=" : "==", flags));
  }
  return {};
}

Result<void> multiport(std::uint8_t revision, ByteView data, RuleFacts& rule) {
  constexpr std::size_t kMaxPorts = 15;
  Cursor cursor(data);
  const std::uint8_t kind = TRY(cursor.u8());
  const std::size_t count = std::min<std::size_t>(TRY(cursor.u8()), kMaxPorts);
  std::array<std::uint16_t, kMaxPorts> numbers{};
  for (std::uint16_t& number : numbers)
    number = TRY(cursor.u16le());
  std::array<std::uint8_t, kMaxPorts> range{};
  bool inverted = false;
  if (revision >= 1) {
    for (std::uint8_t& flag : range)
      flag = TRY(cursor.u8());
    inverted = TRY(cursor.u8()) != 0;
  }
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    if (!list.empty()) list += ',';
    const bool spans = range[i] != 0 && i + 1 < count;
    list += spans ? range_text(numbers[i], numbers[i + 1]) : std::to_string(numbers[i]);
    if (spans) ++i;
  }
  constexpr std::uint8_t kSource = 0;
  constexpr std::uint8_t kDestination = 1;
  const std::string_view name = kind == kSource        ? "multiport sport"
                                : kind == kDestination ? "multiport dport"
                                                       : "multiport port";
  if (kind != kDestination) set_port(rule.source_port, name, inverted, list, rule);
  if (kind == kDestination) set_port(rule.destination_port, name, inverted, list, rule);
  if (kind > kDestination) rule.destination_port = rule.source_port;
  return {};
}

void say_state(std::uint32_t bits, bool inverted, RuleFacts& rule) {
  rule.state = (inverted ? "!=" : "") + state_text(bits);
  rule.say(fmt::format("ct state {}{}", inverted ? "!= " : "", state_text(bits)));
}

Result<void> conntrack(std::uint8_t revision, ByteView data, RuleFacts& rule) {
  constexpr std::size_t kAddresses = 8 * 16;
  constexpr std::uint16_t kState = 1;
  constexpr std::uint16_t kAlias = 1U << 13U;  // it was written as "-m state"
  Cursor cursor(data);
  TRY(cursor.skip(kAddresses + 4 + 4 + 2 + 8));  // addresses, expiry, protocol, ports
  const auto asked = static_cast<std::uint16_t>(TRY(cursor.u16le()) & ~kAlias);
  const std::uint16_t inverted = TRY(cursor.u16le());
  const std::uint32_t states = revision >= 2 ? TRY(cursor.u16le()) : TRY(cursor.u8());
  if ((asked & kState) != 0) say_state(states, (inverted & kState) != 0, rule);
  if ((asked & ~kState) != 0) {
    rule.say(fmt::format("conntrack match {:#x} of {}", asked & ~kState,
                         base::hex_encode(data.first(std::min(data.size(), kMaxShown)))));
  }
  return {};
}

void say_bytes(std::string_view kind, std::string_view name, std::uint8_t revision, ByteView data,
               RuleFacts& rule) {
  rule.say(fmt::format("xt {} {} revision {} {}{}", kind, name, revision,
                       base::hex_encode(data.first(std::min(data.size(), kMaxShown))),
                       data.size() > kMaxShown ? "..." : ""));
}

Result<void> known_match(std::string_view name, std::uint8_t revision, ByteView data,
                         RuleFacts& rule) {
  if (name == "tcp" || name == "udp" || name == "udplite") return ports(name, data, rule);
  if (name == "multiport") return multiport(revision, data, rule);
  if (name == "conntrack" && revision >= 1) return conntrack(revision, data, rule);
  if (name == "state") {
    Cursor cursor(data);
    say_state(TRY(cursor.u32le()), false, rule);
    return {};
  }
  if (name == "comment") {
    rule.comment = c_text(data);
    return {};
  }
  if (name == "icmp" || name == "icmp6") {
    Cursor cursor(data);
    const std::uint8_t type = TRY(cursor.u8());
    const std::uint8_t low = TRY(cursor.u8());
    const std::uint8_t high = TRY(cursor.u8());
    const bool inverted = (TRY(cursor.u8()) & 1) != 0;
    rule.say(fmt::format("{} type {}{} code {}-{}", name == "icmp" ? "icmp" : "icmpv6",
                         inverted ? "!= " : "", type, low, high));
    return {};
  }
  return base::fail(base::Code::Unsupported, "match");
}

}  // namespace

void RuleFacts::say(std::string_view part) {
  if (part.empty()) return;
  if (!text.empty()) text += ' ';
  text += part;
}

void RuleFacts::decide(std::string_view word) {
  verdict = word;
  if (word == "accept") action = Action::Allow;
  if (word == "drop" || word.starts_with("reject")) action = Action::Deny;
  say(word);
}

std::string address_text(ByteView bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != 4 && bytes.size() != 16) return "0x" + base::hex_encode(bytes);
  ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(),
              static_cast<socklen_t>(text.size()));
  return text.data();
}

std::string protocol_text(std::uint8_t number) {
  for (const Named& protocol : kProtocols) {
    if (protocol.number == number) return std::string(protocol.name);
  }
  return std::to_string(number);
}

std::string state_text(std::uint32_t bits) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : kStates) {
    if ((bits & bit) != 0) names.emplace_back(name);
    bits &= ~bit;
  }
  if (bits != 0) names.push_back(fmt::format("{:#x}", bits));
  return fmt::format("{}", fmt::join(names, ","));
}

std::string c_text(ByteView bytes) {
  const auto end = std::ranges::find(bytes, std::uint8_t{0});
  return base::to_utf8(base::as_text(bytes.first(static_cast<std::size_t>(end - bytes.begin()))));
}

std::optional<std::size_t> prefix_of(ByteView mask) {
  std::size_t bits = 0;
  bool ended = false;
  for (const std::uint8_t byte : mask) {
    const auto ones = static_cast<std::size_t>(std::countl_one(byte));
    if (ended && byte != 0) return std::nullopt;
    if (static_cast<std::size_t>(std::popcount(byte)) != ones) return std::nullopt;
    bits += ones;
    ended = ended || ones < 8;
  }
  return bits;
}

void describe_match(std::string_view name, std::uint8_t revision, ByteView data, RuleFacts& rule) {
  if (!known_match(name, revision, data, rule)) say_bytes("match", name, revision, data, rule);
}

void describe_target(std::string_view name, std::uint8_t revision, ByteView data, RuleFacts& rule) {
  if (name == "REJECT") return rule.decide("reject");
  if (name == "DROP") return rule.decide("drop");
  if (name == "ACCEPT") return rule.decide("accept");
  // What these do is not letting through or not: LOG, MARK, DNAT, MASQUERADE, TCPMSS.
  say_bytes("target", name, revision, data, rule);
  const bool goes_on = name == "LOG" || name == "NFLOG" || name == "MARK" || name == "CONNMARK" ||
                       name == "TCPMSS" || name == "ULOG" || name == "CT" || name == "TOS" ||
                       name == "DSCP" || name == "TTL" || name == "HL" || name == "TRACE";
  rule.verdict = goes_on ? "continue (" + base::to_lower(name) + ")" : base::to_lower(name);
}

}  // namespace agent::snapshot::firewall
