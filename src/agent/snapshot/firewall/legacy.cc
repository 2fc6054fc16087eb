#include "agent/snapshot/firewall/legacy.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace agent::snapshot::firewall::legacy {

using base::ByteVec;
using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kNameBytes = 32;
constexpr std::size_t kInterfaceBytes = 16;
constexpr std::size_t kExtensionName = 29;
constexpr std::size_t kExtensionHeader = 32;
// Bits of invflags, alike in both families.
constexpr std::uint8_t kNotIn = 1;
constexpr std::uint8_t kNotOut = 2;
constexpr std::uint8_t kNotSource = 8;
constexpr std::uint8_t kNotDestination = 0x10;
constexpr std::uint8_t kFragment = 0x20;  // IPv4 only
constexpr std::uint8_t kNotProtocol = 0x40;
constexpr std::uint8_t kGoto4 = 2;
constexpr std::uint8_t kGoto6 = 4;

struct Extension {
  std::string name;
  std::uint8_t revision = 0;
  ByteView data;
};

// One entry before its target's jump is known by name.
struct Entry {
  std::uint32_t offset = 0;
  RuleFacts facts;
  Extension target;
  bool is_goto = false;
};

Result<Extension> read_extension(Cursor& cursor) {
  Extension extension;
  const std::uint16_t size = TRY(cursor.u16le());
  const ByteView name = TRY(cursor.bytes(kExtensionName));
  extension.name = c_text(name);
  extension.revision = TRY(cursor.u8());
  if (size < kExtensionHeader) return fail(Code::Malformed, "iptables extension");
  extension.data = TRY(cursor.bytes(size - kExtensionHeader));
  return extension;
}

// Address and mask as "10.0.0.0/8"; empty when every address matches.
std::string network(ByteView address, ByteView mask, bool inverted) {
  const auto prefix = prefix_of(mask);
  if (prefix && *prefix == 0 && !inverted) return {};
  std::string text = inverted ? "!=" : "";
  text += address_text(address);
  if (!prefix) return text + "/" + address_text(mask);
  return *prefix == mask.size() * 8 ? text : fmt::format("{}/{}", text, *prefix);
}

std::string interface_text(ByteView name, ByteView mask, bool inverted) {
  const std::string text = c_text(name);
  const auto length = static_cast<std::size_t>(
      std::ranges::count_if(mask, [](std::uint8_t byte) { return byte != 0; }));
  if (length == 0) return {};
  // The mask covers the end of a whole name, too.
  const std::string shown = length <= text.size() ? text.substr(0, length) + "*" : text;
  return (inverted ? "!=" : "") + shown;
}

void say(RuleFacts& facts, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  const bool inverted = value.starts_with("!=");
  facts.say(fmt::format("{} {}{}", name, inverted ? "!= " : "", value.substr(inverted ? 2 : 0)));
}

Result<void> read_packet(Family family, Cursor& cursor, Entry& entry) {
  const std::size_t size = family == Family::V4 ? 4 : 16;
  const ByteView source = TRY(cursor.bytes(size));
  const ByteView destination = TRY(cursor.bytes(size));
  const ByteView source_mask = TRY(cursor.bytes(size));
  const ByteView destination_mask = TRY(cursor.bytes(size));
  const ByteView in = TRY(cursor.bytes(kInterfaceBytes));
  const ByteView out = TRY(cursor.bytes(kInterfaceBytes));
  const ByteView in_mask = TRY(cursor.bytes(kInterfaceBytes));
  const ByteView out_mask = TRY(cursor.bytes(kInterfaceBytes));
  const std::uint16_t protocol = TRY(cursor.u16le());
  if (family == Family::V6) TRY(cursor.skip(1));  // traffic class
  const std::uint8_t flags = TRY(cursor.u8());
  const std::uint8_t inverted = TRY(cursor.u8());
  if (family == Family::V6) TRY(cursor.skip(3));
  RuleFacts& facts = entry.facts;
  entry.is_goto = (flags & (family == Family::V4 ? kGoto4 : kGoto6)) != 0;
  facts.in_interface = interface_text(in, in_mask, (inverted & kNotIn) != 0);
  facts.out_interface = interface_text(out, out_mask, (inverted & kNotOut) != 0);
  facts.source = network(source, source_mask, (inverted & kNotSource) != 0);
  facts.destination = network(destination, destination_mask, (inverted & kNotDestination) != 0);
  if (protocol != 0) {
    facts.protocol = ((inverted & kNotProtocol) != 0 ? "!=" : "") +
                     protocol_text(static_cast<std::uint8_t>(protocol));
  }
  const std::string_view ip = family == Family::V4 ? "ip" : "ip6";
  say(facts, "iifname", facts.in_interface);
  say(facts, "oifname", facts.out_interface);
  say(facts, fmt::format("{} saddr", ip), facts.source);
  say(facts, fmt::format("{} daddr", ip), facts.destination);
  say(facts, "meta l4proto", facts.protocol);
  if (family == Family::V4 && (flags & 1U) != 0)
    facts.say((inverted & kFragment) != 0 ? "not fragment" : "fragment");
  return {};
}

Result<Entry> read_entry(Family family, Cursor& entries) {
  Entry entry;
  entry.offset = static_cast<std::uint32_t>(entries.offset());
  // The sizes stand after the addresses, so they are looked at first.
  const std::size_t packet = family == Family::V4 ? 84 : 136;
  Cursor ahead(entries.rest());
  TRY(ahead.skip(packet + 4));  // and the cache
  const std::uint16_t target_at = TRY(ahead.u16le());
  const std::uint16_t next = TRY(ahead.u16le());
  const std::size_t head = packet + 4 + 4 + 4 + (family == Family::V4 ? 0U : 4U) + 16;
  if (target_at < head || next <= target_at) return fail(Code::Malformed, "iptables entry");
  Cursor cursor = TRY(entries.sub(next));
  TRY(read_packet(family, cursor, entry));
  TRY(cursor.skip(4 + 2 + 2 + 4 + (family == Family::V4 ? 0U : 4U)));
  entry.facts.packets = TRY(cursor.u64le());
  entry.facts.bytes = TRY(cursor.u64le());
  while (cursor.offset() < target_at) {
    const Extension match = TRY(read_extension(cursor));
    describe_match(match.name, match.revision, match.data, entry.facts);
  }
  if (cursor.offset() != target_at) return fail(Code::Malformed, "iptables matches");
  entry.target = TRY(read_extension(cursor));
  return entry;
}

// A number below zero is a verdict, another the offset of a chain's first rule.
void apply_standard(Entry& entry, const std::map<std::uint32_t, std::string>& chains) {
  Cursor cursor(entry.target.data);
  const auto verdict = static_cast<std::int32_t>(cursor.u32le().value_or(0));
  if (verdict == -1) return entry.facts.decide("drop");
  if (verdict == -2) return entry.facts.decide("accept");
  if (verdict == -4) return entry.facts.decide("queue");
  if (verdict == -5) return entry.facts.decide("return");
  const auto chain = chains.find(static_cast<std::uint32_t>(verdict));
  if (verdict >= 0 && chain != chains.end())
    return entry.facts.decide((entry.is_goto ? "goto " : "jump ") + chain->second);
  // A rule without a target falls through to the next one.
  entry.facts.verdict = "continue";
}

}  // namespace

std::string_view chain_name(std::uint32_t hook) {
  constexpr std::array<std::string_view, 5> kNames = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                      "POSTROUTING"};
  return hook < kNames.size() ? kNames[hook] : "unknown";
}

Result<Info> read_info(ByteView bytes) {
  Cursor cursor(bytes);
  Info info;
  TRY(cursor.skip(kNameBytes));
  info.hooks = TRY(cursor.u32le());
  for (std::uint32_t& offset : info.entry)
    offset = TRY(cursor.u32le());
  for (std::uint32_t& offset : info.underflow)
    offset = TRY(cursor.u32le());
  info.count = TRY(cursor.u32le());
  info.bytes = TRY(cursor.u32le());
  if (info.bytes > kMaxTableBytes || info.count > kMaxRules)
    return fail(Code::TooLarge, "iptables table", info.bytes);
  return info;
}

Result<std::vector<Rule>> read_entries(Family family, const Info& info, ByteView bytes) {
  std::vector<Entry> entries;
  std::map<std::uint32_t, std::string> chains;  // by the offset of their first rule
  Cursor cursor(bytes);
  while (!cursor.done()) {
    if (entries.size() == kMaxRules) return fail(Code::TooLarge, "iptables table");
    entries.push_back(TRY(read_entry(family, cursor)));
    // A chain of the user's begins with an entry that holds its name.
    const Extension& target = entries.back().target;
    if (target.name == "ERROR" && !cursor.done())
      chains[static_cast<std::uint32_t>(cursor.offset())] = c_text(target.data);
  }
  std::vector<Rule> rules;
  std::string chain;
  std::optional<std::uint32_t> hook;
  for (Entry& entry : entries) {
    if (const auto found = chains.find(entry.offset); found != chains.end()) {
      chain = found->second;
      hook.reset();
    }
    bool policy = false;
    for (std::uint32_t i = 0; i < info.entry.size(); ++i) {
      if ((info.hooks & (1U << i)) == 0) continue;
      if (info.entry[i] == entry.offset) {
        hook = i;
        chain = chain_name(i);
      }
      if (info.underflow[i] == entry.offset) policy = true;
    }
    if (entry.target.name == "ERROR") continue;
    if (entry.target.name.empty()) {
      apply_standard(entry, chains);
    } else {
      describe_target(entry.target.name, entry.target.revision, entry.target.data, entry.facts);
    }
    // What ends a chain of the user's is not a rule of anybody's.
    const bool last_return = !hook && entry.facts.text == "return" &&
                             (&entry == &entries.back() || (&entry + 1)->target.name == "ERROR");
    if (!last_return) rules.push_back({chain, hook, policy, std::move(entry.facts)});
  }
  return rules;
}

}  // namespace agent::snapshot::firewall::legacy
