#include "agent/snapshot/firewall/operand.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace agent::snapshot::firewall::nft {

using base::ByteVec;
using base::ByteView;

namespace {

struct Known {
  std::string_view name;
  Kind kind = Kind::Host;
  Field field = Field::None;
  std::size_t bytes = 4;
};

constexpr std::array<Known, 28> kMeta = {{{"meta length"},
                                          {"meta protocol", Kind::EtherType, Field::None, 2},
                                          {"meta priority"},
                                          {"meta mark"},
                                          {"iif", Kind::Host, Field::In},
                                          {"oif", Kind::Host, Field::Out},
                                          {"iifname", Kind::Name, Field::In, 16},
                                          {"oifname", Kind::Name, Field::Out, 16},
                                          {"meta iiftype", Kind::Host, Field::None, 2},
                                          {"meta oiftype", Kind::Host, Field::None, 2},
                                          {"meta skuid"},
                                          {"meta skgid"},
                                          {"meta nftrace", Kind::Host, Field::None, 1},
                                          {"meta rtclassid"},
                                          {"meta secmark"},
                                          {"meta nfproto", Kind::Host, Field::None, 1},
                                          {"meta l4proto", Kind::Protocol, Field::Protocol, 1},
                                          {"meta ibrname", Kind::Name, Field::In, 16},
                                          {"meta obrname", Kind::Name, Field::Out, 16},
                                          {"meta pkttype", Kind::Host, Field::None, 1},
                                          {"meta cpu"},
                                          {"meta iifgroup"},
                                          {"meta oifgroup"},
                                          {"meta cgroup"},
                                          {"meta random"},
                                          {"meta secpath", Kind::Host, Field::None, 1},
                                          {"meta iifkind", Kind::Name, Field::None, 16},
                                          {"meta oifkind", Kind::Name, Field::None, 16}}};

constexpr std::array<Known, 23> kCt = {{{"state", Kind::State, Field::State},
                                        {"direction", Kind::Host, Field::None, 1},
                                        {"status"},
                                        {"mark"},
                                        {"secmark"},
                                        {"expiration"},
                                        {"helper", Kind::Name, Field::None, 16},
                                        {"l3proto", Kind::Host, Field::None, 1},
                                        {"saddr", Kind::Address, Field::None, 16},
                                        {"daddr", Kind::Address, Field::None, 16},
                                        {"protocol", Kind::Protocol, Field::None, 1},
                                        {"proto-src", Kind::Port, Field::None, 2},
                                        {"proto-dst", Kind::Port, Field::None, 2},
                                        {"label", Kind::Big, Field::None, 16},
                                        {"packets", Kind::Host, Field::None, 8},
                                        {"bytes", Kind::Host, Field::None, 8},
                                        {"avgpkt", Kind::Host, Field::None, 8},
                                        {"zone", Kind::Host, Field::None, 2},
                                        {"event"},
                                        {"ip saddr", Kind::Address, Field::None, 4},
                                        {"ip daddr", Kind::Address, Field::None, 4},
                                        {"ip6 saddr", Kind::Address, Field::None, 16},
                                        {"ip6 daddr", Kind::Address, Field::None, 16}}};

struct Layout {
  std::uint32_t base;
  int protocol;  // 0: any
  std::uint32_t offset;
  Known known;
};
constexpr std::array<Layout, 15> kLayouts = {{
    {0, 0, 0, {"ether daddr", Kind::Ether, Field::None, 6}},
    {0, 0, 6, {"ether saddr", Kind::Ether, Field::None, 6}},
    {0, 0, 12, {"ether type", Kind::EtherType, Field::None, 2}},
    {1, 4, 1, {"ip dscp", Kind::Big, Field::None, 1}},
    {1, 4, 2, {"ip length", Kind::Big, Field::None, 2}},
    {1, 4, 6, {"ip frag-off", Kind::Big, Field::None, 2}},
    {1, 4, 8, {"ip ttl", Kind::Big, Field::None, 1}},
    {1, 4, 9, {"ip protocol", Kind::Protocol, Field::Protocol, 1}},
    {1, 4, 12, {"ip saddr", Kind::Address, Field::Source, 4}},
    {1, 4, 16, {"ip daddr", Kind::Address, Field::Destination, 4}},
    {1, 6, 4, {"ip6 length", Kind::Big, Field::None, 2}},
    {1, 6, 6, {"ip6 nexthdr", Kind::Protocol, Field::Protocol, 1}},
    {1, 6, 7, {"ip6 hoplimit", Kind::Big, Field::None, 1}},
    {1, 6, 8, {"ip6 saddr", Kind::Address, Field::Source, 16}},
    {1, 6, 24, {"ip6 daddr", Kind::Address, Field::Destination, 16}},
}};

Operand operand_of(const Known& known) {
  return {std::string(known.name), known.kind, known.field, known.bytes, {}, {}};
}

Operand raw_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  constexpr std::array<std::string_view, 4> kBases = {"ll", "nh", "th", "ih"};
  Operand operand;
  operand.name = fmt::format("@{},{},{}", base < kBases.size() ? kBases[base] : "?", offset * 8UL,
                             length * 8UL);
  operand.bytes = length;
  return operand;
}

std::optional<Operand> transport_operand(std::uint32_t offset, std::uint32_t length,
                                         std::string_view transport) {
  const bool icmp = transport.find("icmp") != std::string_view::npos;
  const std::string name(transport.empty()             ? "th"
                         : icmp && transport != "icmp" ? "icmpv6"
                                                       : transport);
  if (icmp && offset == 0 && length == 1) return Operand{name + " type", Kind::Big, {}, 1, {}, {}};
  if (icmp && offset == 1 && length == 1) return Operand{name + " code", Kind::Big, {}, 1, {}, {}};
  if (icmp) return std::nullopt;
  if (offset == 0 && length == 2)
    return Operand{name + " sport", Kind::Port, Field::SourcePort, 2, {}, {}};
  if (offset == 2 && length == 2)
    return Operand{name + " dport", Kind::Port, Field::DestinationPort, 2, {}, {}};
  if (transport == "tcp" && offset == 13 && length == 1)
    return Operand{"tcp flags", Kind::Big, {}, 1, {}, {}};
  return std::nullopt;
}

// Whole numbers of any size, in the order that their bytes are in.
std::string number_text(ByteView bytes, Kind kind) {
  if (bytes.size() > 8 || bytes.empty()) return "0x" + base::hex_encode(bytes);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t at = kind == Kind::Host ? bytes.size() - 1 - i : i;
    value = value << 8U | bytes[at];
  }
  return std::to_string(value);
}

std::string ether_type_text(ByteView bytes) {
  const std::string number = base::hex_encode(bytes);
  if (number == "0800") return "ip";
  if (number == "86dd") return "ip6";
  if (number == "0806") return "arp";
  if (number == "8100") return "vlan";
  return "0x" + number;
}

std::string address_or_prefix(const Operand& operand, ByteView value) {
  ByteVec whole(value.begin(), value.end());
  whole.resize(std::max(operand.bytes, value.size()));
  // Either only the beginning was loaded, or all of it and then masked.
  std::optional<std::size_t> bits;
  if (value.size() < operand.bytes) bits = value.size() * 8;
  if (!operand.mask.empty()) {
    const auto prefix = prefix_of(operand.mask);
    if (!prefix) return address_text(whole) + " & " + address_text(operand.mask);
    bits = prefix;
  }
  std::string text = address_text(whole);
  if (bits && *bits < operand.bytes * 8) text += fmt::format("/{}", *bits);
  return text;
}

std::string key_text(const std::vector<Operand>& key, ByteView bytes, ByteView end) {
  std::string text;
  std::size_t at = 0;
  for (const Operand& part : key) {
    const std::size_t size = std::min(part.bytes, bytes.size() - std::min(at, bytes.size()));
    if (size == 0) break;
    if (!text.empty()) text += " . ";
    text += value_text(part, bytes.subspan(at, size));
    if (end.size() >= at + size &&
        !std::ranges::equal(end.subspan(at, size), bytes.subspan(at, size)))
      text += "-" + value_text(part, end.subspan(at, size));
    at += (size + 3) / 4 * 4;
  }
  return text.empty() ? "0x" + base::hex_encode(bytes) : text;
}

// The value before, as intervals end before their end.
ByteVec before(ByteVec value) {
  for (std::size_t i = value.size(); i-- > 0;) {
    if (value[i]-- != 0) break;
  }
  return value;
}

std::string data_text(const Data& data) {
  if (data.verdict) return " : " + verdict_text(*data.verdict, data.chain);
  if (data.value.empty()) return {};
  if (data.value.size() == 4 || data.value.size() == 16) return " : " + address_text(data.value);
  return " : " + number_text(data.value, Kind::Big);
}

// An interval from `key` to `end`, as a prefix where it is one.
std::string interval_text(const Operand& operand, const ByteVec& key, const ByteVec& end) {
  if (key == end) return value_text(operand, key);
  ByteVec differing(key.size());
  for (std::size_t i = 0; i < key.size() && i < end.size(); ++i)
    differing[i] = static_cast<std::uint8_t>(~(key[i] ^ end[i]));
  const auto prefix = prefix_of(differing);
  bool aligned = prefix.has_value();
  for (std::size_t i = 0; i < key.size(); ++i)
    aligned = aligned && (key[i] & static_cast<std::uint8_t>(~differing[i])) == 0;
  if (aligned && operand.kind == Kind::Address)
    return fmt::format("{}/{}", value_text(operand, key), *prefix);
  return value_text(operand, key) + "-" + value_text(operand, end);
}

// Start and end of intervals are elements of their own, in no order.
std::vector<std::string> intervals(std::vector<Element> elements, const Operand& operand) {
  std::ranges::sort(elements, [](const Element& a, const Element& b) {
    return a.key.value != b.key.value ? a.key.value < b.key.value : a.interval_end > b.interval_end;
  });
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].interval_end) continue;
    const bool has_end = i + 1 < elements.size() && elements[i + 1].interval_end;
    const ByteVec end =
        has_end ? before(elements[i + 1].key.value) : ByteVec(elements[i].key.value.size(), 0xFF);
    texts.push_back(interval_text(operand, elements[i].key.value, end) +
                    data_text(elements[i].data));
  }
  return texts;
}

}  // namespace

Operand meta_operand(std::uint32_t key) {
  if (key < kMeta.size()) return operand_of(kMeta[key]);
  return {fmt::format("meta {}", key), Kind::Host, Field::None, 4, {}, {}};
}

Operand ct_operand(std::uint32_t key, std::optional<std::uint8_t> direction) {
  Operand operand{std::to_string(key), Kind::Host, Field::None, 4, {}, {}};
  if (key < kCt.size()) operand = operand_of(kCt[key]);
  const std::string_view way = !direction ? "" : *direction == 0 ? "original " : "reply ";
  operand.name = fmt::format("ct {}{}", way, operand.name);
  return operand;
}

Operand payload_operand(std::uint32_t base, std::uint32_t offset, std::uint32_t length,
                        int protocol, std::string_view transport) {
  if (base == 2) {
    auto operand = transport_operand(offset, length, transport);
    return operand ? std::move(*operand) : raw_payload(base, offset, length);
  }
  if (base == 1 && protocol == 0) {
    // Only one of the two has an address of that size there.
    if (length == 16) protocol = 6;
    if (length == 4 && (offset == 12 || offset == 16)) protocol = 4;
  }
  for (const Layout& layout : kLayouts) {
    const bool fits = layout.base == base && layout.offset == offset &&
                      (layout.protocol == 0 || layout.protocol == protocol);
    const bool part = layout.known.kind == Kind::Address && length < layout.known.bytes;
    if (fits && (length == layout.known.bytes || part)) return operand_of(layout.known);
  }
  return raw_payload(base, offset, length);
}

std::string value_text(const Operand& operand, ByteView value) {
  switch (operand.kind) {
    case Kind::Address:
      return address_or_prefix(operand, value);
    case Kind::Protocol:
      return value.size() == 1 ? protocol_text(value[0]) : number_text(value, Kind::Big);
    case Kind::EtherType:
      return ether_type_text(value);
    case Kind::Name: {
      const bool open_ended =
          value.size() < operand.bytes && std::ranges::find(value, std::uint8_t{0}) == value.end();
      return "\"" + c_text(value) + (open_ended ? "*\"" : "\"");
    }
    case Kind::State: {
      base::Cursor cursor(value);
      return state_text(cursor.u32le().value_or(0));
    }
    case Kind::Ether: {
      std::vector<std::string> parts;
      for (const std::uint8_t byte : value)
        parts.push_back(fmt::format("{:02x}", byte));
      return fmt::format("{}", fmt::join(parts, ":"));
    }
    case Kind::Port:
    case Kind::Host:
    case Kind::Big:
      return number_text(value, operand.kind);
  }
  return {};
}

std::string elements_text(const FilledSet& set, const std::vector<Operand>& key,
                          std::size_t limit) {
  std::vector<std::string> texts;
  if (set.set.interval() && key.size() == 1 &&
      std::ranges::all_of(set.elements, [](const Element& one) { return one.key_end.empty(); })) {
    texts = intervals(set.elements, key.front());
  } else {
    for (const Element& element : set.elements) {
      if (element.interval_end) continue;
      texts.push_back(element.catch_all ? "*" + data_text(element.data)
                                        : key_text(key, element.key.value, element.key_end) +
                                              data_text(element.data));
    }
    std::ranges::sort(texts);
  }
  const std::size_t all = texts.size();
  if (all > limit) texts.resize(limit);
  std::string text = fmt::format("{}", fmt::join(texts, ", "));
  if (all > limit || set.cut) text += fmt::format(", ... ({}{} in all)", all, set.cut ? "+" : "");
  return text;
}

std::string verdict_text(std::int32_t code, std::string_view chain) {
  switch (code) {
    case 0:
      return "drop";
    case 1:
      return "accept";
    case 2:
      return "stolen";
    case 3:
      return "queue";
    case -1:
      return "continue";
    case -2:
      return "break";
    case -3:
      return fmt::format("jump {}", chain);
    case -4:
      return fmt::format("goto {}", chain);
    case -5:
      return "return";
    default:
      return fmt::format("verdict {}", code);
  }
}

}  // namespace agent::snapshot::firewall::nft
