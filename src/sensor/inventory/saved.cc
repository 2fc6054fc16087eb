// An inventory as bytes, and back. Numbers are little-endian; lists and texts have their lengths
// before them; times are nanoseconds since 1970.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

using base::ByteWriter;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;
using base::WallTime;
using dissect::Confidence;
using dissect::Fact;
using dissect::IpAddress;
using dissect::MacAddress;

namespace {

// Bits of a node, of a link.
constexpr std::uint8_t kServesIndustry = 1;
constexpr std::uint8_t kUsesIndustry = 2;
constexpr std::uint8_t kPrograms = 4;
constexpr std::uint8_t kConfirmed = 1;
constexpr std::uint8_t kDirect = 2;
constexpr int kNowhere = 0xffff;  // no rack, no slot
constexpr std::size_t kMaxProtocols = 4096;
constexpr std::size_t kMaxVlans = 4096;

std::uint8_t bit(bool set, std::uint8_t mask) {
  return set ? mask : 0;
}

}  // namespace

class Writing {
 public:
  explicit Writing(ByteWriter& out) : out_(out) {}

  void inventory(const Inventory& from) {
    count(from.macs_.size());
    for (const auto& [mac, one] : from.macs_) {
      out_.bytes(mac.bytes);
      node(one);
    }
    count(from.ips_.size());
    for (const auto& [key, one] : from.ips_) {
      ip(key);
      node(one);
    }
    count(from.links_.size());
    for (const auto& [mac, links] : from.links_) {
      out_.bytes(mac.bytes);
      count(links.size());
      for (const auto& [key, one] : links) {
        ip(key);
        times(one.first, one.last);
        out_.u8(
            static_cast<std::uint8_t>(bit(one.confirmed, kConfirmed) | bit(one.direct, kDirect)));
      }
    }
    count(from.vlans_.size());
    for (const auto& [mac, vlans] : from.vlans_) {
      out_.bytes(mac.bytes);
      count(vlans.size());
      for (const std::uint16_t vlan : vlans)
        out_.u16le(vlan);
    }
  }

 private:
  void count(std::size_t number) { out_.u32le(static_cast<std::uint32_t>(number)); }
  void text(std::string_view content) {
    count(content.size());
    out_.text(content);
  }
  void times(WallTime first, WallTime last) {
    for (const WallTime one : {first, last})
      out_.u64le(static_cast<std::uint64_t>(one.time_since_epoch().count()));
  }
  void ip(const Inventory::IpKey& key) {
    out_.u16le(key.first);
    out_.bytes(key.second.bytes);
  }
  void place(int number) { out_.u16le(static_cast<std::uint16_t>(number < 0 ? kNowhere : number)); }

  void node(const Inventory::Node& one) {
    times(one.first, one.last);
    count(one.fields.size());
    for (const auto& [key, values] : one.fields) {
      out_.u8(static_cast<std::uint8_t>(std::get<0>(key)));
      place(std::get<1>(key));
      place(std::get<2>(key));
      count(values.size());
      for (const Value& value : values) {
        text(value.text);
        text(value.source);
        out_.u8(static_cast<std::uint8_t>(value.confidence));
        times(value.first, value.last);
      }
    }
    for (const auto* protocols : {&one.serves, &one.uses}) {
      count(protocols->size());
      for (const std::string& protocol : *protocols)
        text(protocol);
    }
    count(one.unanswered.size());
    for (const IpAddress& peer : one.unanswered)
      out_.bytes(peer.bytes);
    out_.u8(static_cast<std::uint8_t>(bit(one.serves_industry, kServesIndustry) |
                                      bit(one.uses_industry, kUsesIndustry) |
                                      bit(one.programs, kPrograms)));
  }

  ByteWriter& out_;
};

class Reading {
 public:
  explicit Reading(Cursor& in) : in_(in) {}

  Result<void> inventory(Inventory& into) {
    const std::size_t macs = TRY(count(Inventory::kMaxNodes));
    for (std::size_t i = 0; i < macs; ++i) {
      const MacAddress key = TRY(mac());
      if (!into.macs_.emplace(key, TRY(node())).second) return twice();
    }
    const std::size_t ips = TRY(count(Inventory::kMaxNodes - macs));
    for (std::size_t i = 0; i < ips; ++i) {
      const Inventory::IpKey key = TRY(ip());
      if (!into.ips_.emplace(key, TRY(node())).second) return twice();
    }
    TRY(links(into));
    return vlans(into);
  }

 private:
  std::unexpected<base::Error> wrong(std::string detail) const {
    return fail(Code::Malformed, "inventory", static_cast<std::int64_t>(in_.offset()),
                std::move(detail));
  }
  std::unexpected<base::Error> twice() const { return wrong("the same address twice"); }

  Result<std::size_t> count(std::size_t most) {
    const std::size_t number = TRY(in_.u32le());
    if (number > most) return wrong("a list of " + std::to_string(number));
    return number;
  }
  Result<std::string> text() {
    const std::size_t size = TRY(in_.u32le());
    return std::string(base::as_text(TRY(in_.bytes(size))));
  }
  Result<WallTime> time() {
    const auto nanoseconds = static_cast<std::int64_t>(TRY(in_.u64le()));
    if (nanoseconds < 0) return wrong("a time before 1970");
    return WallTime(std::chrono::nanoseconds(nanoseconds));
  }
  template <class Timed>
  Result<void> times(Timed& one) {
    one.first = TRY(time());
    one.last = TRY(time());
    if (one.last < one.first) return wrong("a first time after the last");
    return {};
  }
  Result<MacAddress> mac() {
    const MacAddress one = MacAddress::of(TRY(in_.bytes(6)));
    if (one.none() || one.group()) return wrong("a hardware address that is nobody's");
    return one;
  }
  Result<Inventory::IpKey> ip() {
    Inventory::IpKey key;
    key.first = TRY(in_.u16le());
    key.second = IpAddress::of(TRY(in_.bytes(16)));
    if (key.second.none() || key.second.group()) return wrong("a network address that is nobody's");
    return key;
  }
  Result<int> place() {
    const int number = TRY(in_.u16le());
    return number == kNowhere ? -1 : number;
  }

  Result<Value> value() {
    Value one;
    one.text = TRY(text());
    one.source = TRY(text());
    if (!base::is_utf8(one.text) || !base::is_utf8(one.source)) return wrong("no UTF-8");
    const std::uint8_t confidence = TRY(in_.u8());
    if (confidence > static_cast<std::uint8_t>(Confidence::Protocol)) return wrong("a confidence");
    one.confidence = static_cast<Confidence>(confidence);
    TRY(times(one));
    return one;
  }

  Result<void> fields(Inventory::Node& one) {
    const std::size_t fields = TRY(count(Inventory::kMaxFields));
    for (std::size_t i = 0; i < fields; ++i) {
      const std::uint8_t fact = TRY(in_.u8());
      if (fact > static_cast<std::uint8_t>(Fact::Gateway)) return wrong("a fact");
      const int rack = TRY(place());
      const int slot = TRY(place());
      std::vector<Value>& values = one.fields[{static_cast<Fact>(fact), rack, slot}];
      const std::size_t size = TRY(count(Inventory::kMaxValues));
      if (size == 0 || !values.empty()) return wrong("a field without a value, or twice");
      for (std::size_t k = 0; k < size; ++k)
        values.push_back(TRY(value()));
    }
    return {};
  }

  Result<Inventory::Node> node() {
    Inventory::Node one;
    TRY(times(one));
    TRY(fields(one));
    for (auto* protocols : {&one.serves, &one.uses}) {
      const std::size_t size = TRY(count(kMaxProtocols));
      for (std::size_t i = 0; i < size; ++i) {
        std::string protocol = TRY(text());
        if (!base::is_utf8(protocol)) return wrong("no UTF-8");
        protocols->insert(std::move(protocol));
      }
    }
    const std::size_t peers = TRY(count(Inventory::kMaxPeers));
    for (std::size_t i = 0; i < peers; ++i)
      one.unanswered.insert(IpAddress::of(TRY(in_.bytes(16))));
    const std::uint8_t bits = TRY(in_.u8());
    one.serves_industry = (bits & kServesIndustry) != 0;
    one.uses_industry = (bits & kUsesIndustry) != 0;
    one.programs = (bits & kPrograms) != 0;
    return one;
  }

  Result<void> links(Inventory& into) {
    const std::size_t macs = TRY(count(into.macs_.size()));
    for (std::size_t i = 0; i < macs; ++i) {
      const MacAddress key = TRY(mac());
      if (!into.macs_.contains(key)) return wrong("a link of an unknown address");
      auto& links = into.links_[key];
      if (!links.empty()) return twice();
      const std::size_t size = TRY(count(into.ips_.size()));
      for (std::size_t k = 0; k < size; ++k) {
        const Inventory::IpKey address = TRY(ip());
        if (!into.ips_.contains(address)) return wrong("a link to an unknown address");
        Inventory::Link& one = links[address];
        TRY(times(one));
        const std::uint8_t bits = TRY(in_.u8());
        one.confirmed = (bits & kConfirmed) != 0;
        one.direct = (bits & kDirect) != 0;
      }
    }
    return {};
  }

  Result<void> vlans(Inventory& into) {
    const std::size_t macs = TRY(count(into.macs_.size()));
    for (std::size_t i = 0; i < macs; ++i) {
      const MacAddress key = TRY(mac());
      if (!into.macs_.contains(key)) return wrong("a VLAN of an unknown address");
      const std::size_t size = TRY(count(kMaxVlans));
      for (std::size_t k = 0; k < size; ++k)
        into.vlans_[key].insert(TRY(in_.u16le()));
    }
    return {};
  }

  Cursor& in_;
};

void Inventory::save(ByteWriter& out) const {
  Writing(out).inventory(*this);
}

Result<Inventory> Inventory::load(Cursor& in) {
  Inventory made;
  TRY(Reading(in).inventory(made));
  return made;
}

std::size_t Inventory::make_room(WallTime unseen_since) {
  if (nodes() + kFewNodes < kMaxNodes) return 0;
  const std::size_t before = nodes();
  std::erase_if(macs_, [&](const auto& one) { return one.second.last < unseen_since; });
  std::erase_if(ips_, [&](const auto& one) { return one.second.last < unseen_since; });
  std::erase_if(vlans_, [&](const auto& one) { return !macs_.contains(one.first); });
  std::erase_if(links_, [&](const auto& one) { return !macs_.contains(one.first); });
  for (auto& [mac, links] : links_)
    std::erase_if(links, [&](const auto& one) { return !ips_.contains(one.first); });
  std::erase_if(links_, [](const auto& one) { return one.second.empty(); });
  return before - nodes();
}

}  // namespace sensor::inventory
