#include "agent/baseline/packet_filter.h"

#include <cstring>
#include <optional>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "os/netlink.h"

namespace agent::baseline {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::Result;

namespace {

constexpr std::size_t kGenericHeader = 4;  // nfgenmsg

std::string text_of(ByteView payload) {
  std::string_view text = base::as_text(payload);
  return std::string(text.substr(0, text.find('\0')));
}

std::uint32_t number_of_attribute(ByteView payload) {
  return Cursor(payload).u32be().value_or(0xFFFFFFFFU);
}

// How far a rule has come to "from 127.0.0.0/8: drop".
struct LoopbackGuard {
  bool source_loaded = false;
  std::size_t compared = 0;  // bytes that are loaded
  bool other_compare = false;
  bool matches = false;
  bool drops = false;
};

void payload_expression(ByteView data, LoopbackGuard& guard) {
  std::uint32_t base = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  static_cast<void>(os::read_attributes(data, [&](const os::NetlinkAttribute& a) {
    if (a.type == NFTA_PAYLOAD_BASE) base = number_of_attribute(a.payload);
    if (a.type == NFTA_PAYLOAD_OFFSET) offset = number_of_attribute(a.payload);
    if (a.type == NFTA_PAYLOAD_LEN) length = number_of_attribute(a.payload);
    return true;
  }));
  constexpr std::uint32_t kSourceOffset = 12;  // in the IPv4 header
  guard.source_loaded =
      base == NFT_PAYLOAD_NETWORK_HEADER && offset == kSourceOffset && (length == 1 || length == 4);
  guard.compared = length;
}

void compare_expression(ByteView data, LoopbackGuard& guard) {
  std::uint32_t op = 0;
  ByteView value;
  static_cast<void>(os::read_attributes(data, [&](const os::NetlinkAttribute& a) {
    if (a.type == NFTA_CMP_OP) op = number_of_attribute(a.payload);
    if (a.type == NFTA_CMP_DATA) {
      static_cast<void>(os::read_attributes(a.payload, [&](const os::NetlinkAttribute& d) {
        if (d.type == NFTA_DATA_VALUE) value = d.payload;
        return true;
      }));
    }
    return true;
  }));
  if (!guard.source_loaded) return;
  // One byte 127, or four of which a mask has left the first.
  guard.matches = op == NFT_CMP_EQ && value.size() == guard.compared && value[0] == 127;
  for (std::size_t i = 1; guard.matches && i < value.size(); ++i)
    guard.matches = value[i] == 0;
  guard.source_loaded = false;
}

void verdict_expression(ByteView data, LoopbackGuard& guard) {
  static_cast<void>(os::read_attributes(data, [&](const os::NetlinkAttribute& a) {
    if (a.type != NFTA_IMMEDIATE_DATA) return true;
    static_cast<void>(os::read_attributes(a.payload, [&](const os::NetlinkAttribute& d) {
      if (d.type != NFTA_DATA_VERDICT) return true;
      static_cast<void>(os::read_attributes(d.payload, [&](const os::NetlinkAttribute& v) {
        if (v.type == NFTA_VERDICT_CODE) guard.drops = number_of_attribute(v.payload) == NF_DROP;
        return true;
      }));
      return true;
    }));
    return true;
  }));
}

void expression(ByteView element, LoopbackGuard& guard) {
  std::string name;
  ByteView data;
  static_cast<void>(os::read_attributes(element, [&](const os::NetlinkAttribute& a) {
    if (a.type == NFTA_EXPR_NAME) name = text_of(a.payload);
    if (a.type == NFTA_EXPR_DATA) data = a.payload;
    return true;
  }));
  if (name == "payload") payload_expression(data, guard);
  if (name == "cmp") compare_expression(data, guard);
  if (name == "immediate") verdict_expression(data, guard);
}

template <class T>
Result<T> take(ByteView bytes, std::size_t offset) {
  T value{};
  if (offset > bytes.size() || bytes.size() - offset < sizeof value)
    return base::fail(Code::Truncated, "ip_tables entry", static_cast<std::int64_t>(offset));
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// What the standard target of an entry decides: -1 drops, -2 accepts; nullopt: another target.
// The layout of the IPv6 table differs only in the size of the entry.
Result<std::optional<int>> standard_verdict(ByteView bytes, std::size_t offset,
                                            std::size_t target) {
  // u16 size, char[29] name, u8 revision, int verdict.
  const auto size = TRY(take<std::uint16_t>(bytes, offset + target));
  const auto name = TRY(take<char>(bytes, offset + target + 2));
  if (name != 0 || size < 36) return std::optional<int>{};
  return std::optional<int>{TRY(take<int>(bytes, offset + target + 32))};
}

}  // namespace

Result<NftChain> read_nft_chain(ByteView payload) {
  Cursor cursor(payload);
  NftChain chain;
  chain.family = TRY(cursor.u8());
  TRY(cursor.skip(kGenericHeader - 1));
  TRY(os::read_attributes(cursor.rest(), [&](const os::NetlinkAttribute& attribute) {
    if (attribute.type == NFTA_CHAIN_TABLE) chain.table = text_of(attribute.payload);
    if (attribute.type == NFTA_CHAIN_NAME) chain.name = text_of(attribute.payload);
    if (attribute.type == NFTA_CHAIN_POLICY)
      chain.drops = number_of_attribute(attribute.payload) == NF_DROP;
    if (attribute.type == NFTA_CHAIN_HOOK) {
      chain.base = true;
      static_cast<void>(
          os::read_attributes(attribute.payload, [&](const os::NetlinkAttribute& hook) {
            if (hook.type == NFTA_HOOK_HOOKNUM) chain.hook = number_of_attribute(hook.payload);
            return true;
          }));
    }
    return true;
  }));
  return chain;
}

Result<bool> nft_rule_guards_loopback(ByteView payload) {
  Cursor cursor(payload);
  TRY(cursor.skip(kGenericHeader));
  LoopbackGuard guard;
  bool guarded = false;
  TRY(os::read_attributes(cursor.rest(), [&](const os::NetlinkAttribute& attribute) {
    if (attribute.type != NFTA_RULE_EXPRESSIONS) return true;
    static_cast<void>(
        os::read_attributes(attribute.payload, [&](const os::NetlinkAttribute& element) {
          expression(element.payload, guard);
          guarded = guarded || (guard.matches && guard.drops);
          return true;
        }));
    return true;
  }));
  return guarded;
}

Result<LegacyChain> read_legacy_chain(ByteView entries, std::uint32_t first, std::uint32_t last,
                                      IpFamily family) {
  LegacyChain chain;
  const bool v6 = family == IpFamily::V6;
  const std::size_t header = v6 ? sizeof(ip6t_entry) : sizeof(ipt_entry);
  const std::size_t target_at =
      v6 ? offsetof(ip6t_entry, target_offset) : offsetof(ipt_entry, target_offset);
  const std::size_t next_at =
      v6 ? offsetof(ip6t_entry, next_offset) : offsetof(ipt_entry, next_offset);
  std::size_t at = first;
  while (at <= last) {
    const auto target = TRY(take<std::uint16_t>(entries, at + target_at));
    const auto next = TRY(take<std::uint16_t>(entries, at + next_at));
    if (next < header || target < header || target > next)
      return base::fail(Code::Malformed, "ip_tables entry", static_cast<std::int64_t>(at));
    const auto verdict = TRY(standard_verdict(entries, at, target));
    const bool drops = verdict && *verdict == -NF_DROP - 1;
    if (at == last) chain.drops = drops;
    if (!v6 && drops) {
      const auto ip = TRY(take<ipt_ip>(entries, at));
      const auto source = base::ByteView(entries).subspan(at + offsetof(ipt_ip, src), 4);
      const auto mask = base::ByteView(entries).subspan(at + offsetof(ipt_ip, smsk), 4);
      const bool inverted = (ip.invflags & IPT_INV_SRCIP) != 0;
      chain.loopback_guard =
          chain.loopback_guard || (!inverted && source[0] == 127 && mask[0] == 255 && mask[1] == 0);
    }
    at += next;
  }
  return chain;
}

}  // namespace agent::baseline
