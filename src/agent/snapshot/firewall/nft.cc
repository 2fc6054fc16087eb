#include "agent/snapshot/firewall/nft.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "os/netlink.h"

namespace agent::snapshot::firewall::nft {

using base::ByteVec;
using base::ByteView;
using base::Code;
using base::Cursor;
using base::Result;
using os::NetlinkAttribute;

namespace {

constexpr std::uint8_t kInet = 1;
constexpr std::uint8_t kIpv4 = 2;
constexpr std::uint8_t kArp = 3;
constexpr std::uint8_t kNetdev = 5;
constexpr std::uint8_t kBridge = 7;
constexpr std::uint8_t kIpv6 = 10;

std::uint32_t number(ByteView bytes) {
  Cursor cursor(bytes);
  return cursor.u32be().value_or(0);
}
std::uint64_t number64(ByteView bytes) {
  Cursor cursor(bytes);
  return cursor.u64be().value_or(0);
}

// Calls `take` with type and payload of each attribute. Errors: of framing, and of `take`.
template <class Take>
Result<void> each(ByteView attributes, const Take& take) {
  Result<void> inner;
  TRY(os::read_attributes(attributes, [&](const NetlinkAttribute& one) {
    inner = take(one.type, one.payload);
    return inner.has_value();
  }));
  return inner;
}

Result<Chain::Hook> read_hook(ByteView attributes) {
  Chain::Hook hook;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) hook.number = number(data);
    if (type == 2) hook.priority = static_cast<std::int32_t>(number(data));
    if (type == 3) hook.devices.push_back(c_text(data));
    if (type == 4) {
      TRY(each(data, [&](std::uint16_t, ByteView name) -> Result<void> {
        if (hook.devices.size() < 256) hook.devices.push_back(c_text(name));
        return {};
      }));
    }
    return {};
  }));
  return hook;
}

// The comment in what nft keeps beside a rule: type, length, text.
std::string read_comment(ByteView data) {
  Cursor cursor(data);
  while (!cursor.done()) {
    const auto type = cursor.u8();
    const auto length = cursor.u8();
    if (!length) return {};
    const auto value = cursor.bytes(*length);
    if (!value) return {};
    if (*type == 0) return c_text(*value);
  }
  return {};
}

Result<Expression> read_expression(ByteView attributes) {
  Expression expression;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) expression.name = c_text(data);
    if (type == 2) expression.data.assign(data.begin(), data.end());
    return {};
  }));
  return expression;
}

Result<Element> read_element(ByteView attributes) {
  Element element;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) element.key = TRY(read_data(data));
    if (type == 2) element.data = TRY(read_data(data));
    if (type == 3) {
      element.interval_end = (number(data) & 1U) != 0;
      element.catch_all = (number(data) & 2U) != 0;
    }
    if (type == 10) element.key_end = TRY(read_data(data)).value;
    return {};
  }));
  return element;
}

}  // namespace

std::string_view family_name(std::uint8_t family) {
  switch (family) {
    case kInet:
      return "inet";
    case kIpv4:
      return "ip";
    case kArp:
      return "arp";
    case kNetdev:
      return "netdev";
    case kBridge:
      return "bridge";
    case kIpv6:
      return "ip6";
    default:
      return "unknown";
  }
}

std::string hook_name(std::uint8_t family, std::uint32_t hook) {
  constexpr std::array<std::string_view, 6> kUsual = {"prerouting", "input",       "forward",
                                                      "output",     "postrouting", "ingress"};
  constexpr std::array<std::string_view, 3> kOfArp = {"input", "output", "forward"};
  constexpr std::array<std::string_view, 2> kOfNetdev = {"ingress", "egress"};
  const auto pick = [&](const auto& names) {
    return hook < names.size() ? std::string(names[hook]) : std::to_string(hook);
  };
  if (family == kArp) return pick(kOfArp);
  if (family == kNetdev) return pick(kOfNetdev);
  return pick(kUsual);
}

Result<Data> read_data(ByteView attributes) {
  Data out;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) out.value.assign(data.begin(), data.end());
    if (type != 2) return {};
    return each(data, [&](std::uint16_t inner, ByteView value) -> Result<void> {
      if (inner == 1) out.verdict = static_cast<std::int32_t>(number(value));
      if (inner == 2) out.chain = c_text(value);
      return {};
    });
  }));
  return out;
}

Result<Table> read_table(std::uint8_t family, ByteView attributes) {
  Table table{.family = family, .name = {}};
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) table.name = c_text(data);
    if (type == 2) table.dormant = (number(data) & 1U) != 0;
    return {};
  }));
  return table;
}

Result<Chain> read_chain(std::uint8_t family, ByteView attributes) {
  Chain chain;
  chain.family = family;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) chain.table = c_text(data);
    if (type == 3) chain.name = c_text(data);
    if (type == 4) chain.hook = TRY(read_hook(data));
    if (type == 5) chain.policy = number(data);
    if (type == 7) chain.type = c_text(data);
    return {};
  }));
  return chain;
}

Result<Set> read_set(std::uint8_t family, ByteView attributes) {
  Set set;
  set.family = family;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) set.table = c_text(data);
    if (type == 2) set.name = c_text(data);
    if (type == 3) set.flags = number(data);
    if (type == 5) set.key_bytes = number(data);
    return {};
  }));
  return set;
}

Result<Rule> read_rule(std::uint8_t family, ByteView attributes) {
  Rule rule;
  rule.family = family;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) rule.table = c_text(data);
    if (type == 2) rule.chain = c_text(data);
    if (type == 3) rule.handle = number64(data);
    if (type == 7) rule.comment = read_comment(data);
    if (type != 4) return {};
    return each(data, [&](std::uint16_t, ByteView one) -> Result<void> {
      if (rule.expressions.size() == kMaxExpressions)
        return base::fail(Code::TooLarge, "nft rule", -1, "expressions");
      rule.expressions.push_back(TRY(read_expression(one)));
      return {};
    });
  }));
  return rule;
}

Result<bool> read_elements(ByteView attributes, std::size_t limit, std::vector<Element>& out) {
  bool all = true;
  TRY(each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type != 3) return {};
    return each(data, [&](std::uint16_t, ByteView one) -> Result<void> {
      if (out.size() >= limit) {
        all = false;
        return {};
      }
      out.push_back(TRY(read_element(one)));
      return {};
    });
  }));
  return all;
}

void Ruleset::add(std::uint16_t type, ByteView payload) {
  constexpr std::size_t kHeader = 4;  // nfgenmsg
  constexpr std::uint16_t kSubsystem = 10;
  if (type >> 8U != kSubsystem) return;
  if (payload.size() < kHeader) {
    ++unread;
    return;
  }
  const std::uint8_t family = payload[0];
  const ByteView attributes = payload.subspan(kHeader);
  const auto keep = [&](auto read, auto& list) {
    if (read) {
      list.push_back(std::move(*read));
    } else {
      ++unread;
    }
  };
  switch (type & 0xFFU) {
    case 0:
      return keep(read_table(family, attributes), tables);
    case 3:
      return keep(read_chain(family, attributes), chains);
    case 6:
      return keep(read_rule(family, attributes), rules);
    case 9: {
      auto set = read_set(family, attributes);
      if (!set) {
        ++unread;
        return;
      }
      const auto key = std::tuple(family, set->table, set->name);
      sets[key].set = std::move(*set);
      return;
    }
    case 12:
      return add_elements(family, attributes);
    default:
      return;
  }
}

void Ruleset::add_elements(std::uint8_t family, ByteView attributes) {
  std::string table;
  std::string name;
  const auto named = each(attributes, [&](std::uint16_t type, ByteView data) -> Result<void> {
    if (type == 1) table = c_text(data);
    if (type == 2) name = c_text(data);
    return {};
  });
  const auto set = sets.find({family, table, name});
  if (!named || set == sets.end()) {
    ++unread;
    return;
  }
  const auto all = read_elements(attributes, kMaxElements, set->second.elements);
  if (!all) ++unread;
  if (all && !*all) set->second.cut = true;
}

}  // namespace agent::snapshot::firewall::nft
