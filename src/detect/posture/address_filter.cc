// The hub's rules about addresses, and which would do.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "detect/posture/hub_checks.h"

namespace detect::posture {
namespace {

using base::json::Value;

constexpr unsigned kNetworkV4 = 24;
constexpr unsigned kNetworkV6 = 64;
constexpr unsigned kShortestV4 = 16;
constexpr unsigned kShortestV6 = 48;
// A filter that lets in so many times what was seen is not much of one.
constexpr double kTooMuch = 256;

struct Range {
  const FilterRule* rule = nullptr;
  Prefix prefix;
};

// The ranges of a family that are asked, up to one that holds every address; `all` is that one.
struct Asked {
  std::vector<Range> ranges;
  const FilterRule* all = nullptr;
};

Asked asked_of(const AddressFilter& filter, bool v6) {
  Asked asked;
  for (const FilterRule& rule : filter.rules) {
    const auto prefix = parse_prefix(rule.range);
    if (!prefix || prefix->v6 != v6) continue;
    asked.ranges.push_back({&rule, *prefix});
    if (prefix->bits == 0) {
      asked.all = &rule;
      break;
    }
  }
  return asked;
}

// Whether an address that no narrower rule is about may connect.
bool lets_others_in(const AddressFilter& filter, bool v6) {
  if (const FilterRule* all = asked_of(filter, v6).all) return all->allow;
  return filter.default_allow.value_or(true);
}

Item filter_item(std::string key, std::string title) {
  Item item;
  item.key = std::move(key);
  item.title = std::move(title);
  item.severity = Severity::Medium;
  return item;
}

std::string name_of(const FilterRule& rule) {
  return rule.name.empty() ? rule.range : rule.name;
}

// How much the filter lets in, in addresses (IPv4) or /64 networks (IPv6).
double size_of(const Prefix& prefix) {
  return std::exp2(prefix.v6 ? std::max(0, 64 - static_cast<int>(prefix.bits))
                             : 32 - static_cast<int>(prefix.bits));
}

bool is_much_wider(const AddressFilter& filter, const SourceAddresses& seen, bool v6) {
  if (lets_others_in(filter, v6)) return true;
  double allowed = 0;
  for (const Range& range : asked_of(filter, v6).ranges) {
    if (range.rule->allow) allowed += size_of(range.prefix);
  }
  double needed = 0;
  for (const Prefix& network : seen.networks) {
    if (network.v6 == v6) needed += size_of(network);
  }
  return allowed > kTooMuch * std::max(needed, v6 ? 1.0 : 256.0);
}

// Joins neighbours that are a whole together, down to the shortest that is recommended.
void join(std::set<Prefix>& networks) {
  for (bool joined = true; joined;) {
    joined = false;
    for (const Prefix& network : networks) {
      if (network.bits <= (network.v6 ? kShortestV6 : kShortestV4)) continue;
      const Prefix whole = network.shortened(network.bits - 1);
      Prefix other = whole;
      other.bits = network.bits;
      if (network == other) {
        const unsigned bit = network.bits - 1;
        other.bytes[bit / 8] =
            static_cast<std::uint8_t>(other.bytes[bit / 8] | (0x80U >> (bit % 8)));
      }
      if (!networks.contains(other)) continue;
      const Prefix own = network;
      networks.erase(own);
      networks.erase(other);
      networks.insert(whole);
      joined = true;
      break;
    }
  }
}

}  // namespace

Verdict judge_filter_default(const AddressFilter& filter) {
  Verdict verdict{.kind = Kind::IpFilterDenyAll};
  // Azure's filter is about IPv4 only.
  const bool v4 = lets_others_in(filter, false);
  const bool v6 = filter.default_allow && lets_others_in(filter, true);
  if (!v4 && !v6) return verdict;
  verdict.credit = 0;
  Item item = filter_item("default", v4 ? "All addresses that no rule is about may connect"
                                        : "All IPv6 addresses that no rule is about may connect");
  item.steps = {"Allow the addresses of your devices and services, and your own.",
                "Then deny all others."};
  item.commands = {"vedette ip-filter show", "vedette ip-filter add NAME allow ADDRESS_OR_PREFIX",
                   "vedette ip-filter default deny"};
  Value::Object facts;
  facts.push_back({"rules", Value(static_cast<std::int64_t>(filter.rules.size()))});
  item.facts = Value(std::move(facts));
  verdict.items.push_back(std::move(item));
  return verdict;
}

Verdict judge_filter_ranges(const AddressFilter& filter) {
  Verdict verdict{.kind = Kind::IpFilterLargeRange};
  for (const bool v6 : {false, true}) {
    for (const Range& range : asked_of(filter, v6).ranges) {
      if (!range.rule->allow || !is_wide(range.prefix)) continue;
      const std::string name = name_of(*range.rule);
      Item item = filter_item(range.rule->range,
                              fmt::format("{} lets {} in", name, range.prefix.to_string()));
      item.steps = {"Add rules for the ranges that are needed, then remove this one."};
      if (!range.rule->name.empty())
        item.commands = {"vedette ip-filter remove " + shell_word(range.rule->name)};
      Value::Object facts;
      facts.push_back({"name", Value(range.rule->name)});
      facts.push_back({"range", Value(range.rule->range)});
      item.facts = Value(std::move(facts));
      if (std::ranges::find(verdict.items, item.key, &Item::key) == verdict.items.end())
        verdict.items.push_back(std::move(item));
    }
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

SourceAddresses networks_of(std::span<const std::string> addresses) {
  std::set<Prefix> single;
  std::set<Prefix> networks;
  for (const std::string& text : addresses) {
    const auto address = parse_prefix(text);
    if (!address || is_loopback(*address)) continue;
    if (!single.insert(*address).second) continue;
    networks.insert(address->shortened(address->v6 ? kNetworkV6 : kNetworkV4));
  }
  SourceAddresses seen;
  seen.addresses = single.size();
  // More than can be recommended need not be joined: that takes time for each pair.
  if (networks.size() <= kMostNetworks * 256) join(networks);
  seen.networks.assign(networks.begin(), networks.end());
  return seen;
}

Verdict judge_filter_fit(const AddressFilter& filter, const SourceAddresses& seen) {
  Verdict verdict{.kind = Kind::IpFilterTighter};
  if (seen.addresses < kLeastAddresses || seen.networks.size() > kMostNetworks) return verdict;
  if (!is_much_wider(filter, seen, false) && !is_much_wider(filter, seen, true)) return verdict;
  verdict.credit = 0;
  std::size_t number = 0;
  for (const Prefix& network : seen.networks) {
    const std::string range = network.to_string();
    Item item = filter_item(range, "Devices come from " + range);
    item.steps = {"Check that all of the range is yours, and that no device is missing."};
    item.commands = {fmt::format("vedette ip-filter add devices-{} allow {}", ++number, range)};
    if (number == seen.networks.size())
      item.commands.emplace_back("vedette ip-filter default deny");
    Value::Object facts;
    facts.push_back({"range", Value(range)});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  }
  return verdict;
}

}  // namespace detect::posture
