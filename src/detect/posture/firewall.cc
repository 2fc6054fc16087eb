#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/device_checks.h"
#include "detect/posture/ranges.h"

namespace detect::posture {
namespace {

using base::json::Value;
using schema::Direction;
using schema::FirewallAction;
using Rule = schema::FirewallConfiguration;

// More ports at once are more than a service needs.
constexpr std::uint32_t kMostPorts = 1024;
constexpr std::size_t kMaxDepth = 16;  // of jumps; iptables and nftables allow no more

std::string_view extra(const Rule& rule, std::string_view key) {
  const std::string* text = schema::find(rule.extra_details, key);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::string_view text_of(const std::optional<std::string>& field) {
  return field ? std::string_view(*field) : std::string_view();
}

// Whatever was asked of a named set is asked of what is in it.
std::string_view resolved(const Rule& rule, const std::optional<std::string>& field) {
  const std::string_view text = base::trim(text_of(field));
  if (!text.starts_with('@')) return text;
  const std::string_view content = extra(rule, "Set." + std::string(text.substr(1)));
  return content.empty() ? text : content;
}

enum class Hook : std::uint8_t { Input, Output, Other };

Hook hook_named(std::string_view name) {
  if (base::equal_ignore_case(name, "input")) return Hook::Input;
  if (base::equal_ignore_case(name, "output")) return Hook::Output;
  return Hook::Other;
}

// A chain that packets enter by itself has a hook, or the name that iptables gives it, or at least
// a direction.
Hook hook_of(const Rule& rule) {
  if (const std::string_view hook = extra(rule, "Hook"); !hook.empty()) return hook_named(hook);
  const std::string_view name = text_of(rule.chain_name);
  constexpr std::array<std::string_view, 3> kElsewhere = {"forward", "prerouting", "postrouting"};
  for (const std::string_view other : kElsewhere) {
    if (base::equal_ignore_case(name, other)) return Hook::Other;
  }
  if (const Hook named = hook_named(name); named != Hook::Other) return named;
  if (!rule.direction) return Hook::Other;
  return *rule.direction == Direction::In ? Hook::Input : Hook::Output;
}

// Tables that do not decide what is let through.
bool is_filter(const Rule& rule) {
  const std::string_view type = extra(rule, "ChainType");
  if (!type.empty() && type != "filter") return false;
  constexpr std::array<std::string_view, 4> kOthers = {"nat", "mangle", "raw", "security"};
  return std::ranges::find(kOthers, extra(rule, "Table")) == kOthers.end();
}

struct ChainKey {
  std::string_view source;
  std::string_view family;
  std::string_view table;
  std::string_view name;
  auto operator<=>(const ChainKey&) const = default;
};

struct Chain {
  ChainKey key;
  Hook hook = Hook::Other;
  bool filter = true;
  std::vector<const Rule*> rules;  // in the order in which they are asked
  const Rule* policy = nullptr;
};

bool is_matchless(const Rule& rule) {
  for (const auto* field : {&rule.source_address, &rule.source_port, &rule.destination_address,
                            &rule.destination_port, &rule.protocol, &rule.application}) {
    if (!base::trim(text_of(*field)).empty()) return false;
  }
  return extra(rule, "State").empty() && extra(rule, "InInterface").empty() &&
         extra(rule, "OutInterface").empty();
}

using Chains = std::map<ChainKey, Chain>;

Chains chains_of(std::span<const Rule> rules) {
  const bool marked =
      std::ranges::any_of(rules, [](const Rule& rule) { return !extra(rule, "Policy").empty(); });
  Chains chains;
  for (const Rule& rule : rules) {
    if (!rule.enabled || !extra(rule, "Unknown").empty()) continue;
    const ChainKey key{extra(rule, "Source"), extra(rule, "Family"), extra(rule, "Table"),
                       text_of(rule.chain_name)};
    // Agents that name no chain tell them apart by direction only.
    ChainKey own = key;
    if (own.name.empty() && rule.direction)
      own.name = *rule.direction == Direction::In ? "input" : "output";
    Chain& chain = chains[own];
    chain.key = own;
    if (chain.hook == Hook::Other) chain.hook = hook_of(rule);
    chain.filter = is_filter(rule);
    if (extra(rule, "Policy") == "true") {
      chain.policy = &rule;
    } else {
      chain.rules.push_back(&rule);
    }
  }
  for (auto& [key, chain] : chains) {
    std::ranges::stable_sort(chain.rules, {}, [](const Rule* rule) {
      return rule->priority.value_or(std::numeric_limits<std::int64_t>::max());
    });
    // Where policies are not marked, it is the last, and asks for nothing.
    if (!marked && chain.hook != Hook::Other && !chain.rules.empty() &&
        is_matchless(*chain.rules.back())) {
      chain.policy = chain.rules.back();
      chain.rules.pop_back();
    }
  }
  return chains;
}

// The words of the rule's text without what is quoted, and without how it refuses.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    if (text.front() == '"') {
      const auto end = text.find('"', 1);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      continue;
    }
    const auto end = std::min(text.find_first_of(" \""), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(end < text.size() && text[end] == ' ' ? end + 1 : end);
    if (!words.empty() && words.back() == "reject") break;
  }
  return words;
}

// What the rule asks beyond the fields of the event.
bool asks_more(const Rule& rule) {
  constexpr std::array<std::string_view, 24> kMatches = {
      "limit",  "mark",      "quota", "fib",  "socket", "skuid",    "skgid",     "cgroup",
      "ipsec",  "rt",        "flags", "icmp", "icmpv6", "pkttype",  "recent",    "addrtype",
      "string", "hashlimit", "hour",  "day",  "ether",  "rpfilter", "connlimit", "xt"};
  const auto words = words_of(extra(rule, "Rule"));
  for (std::size_t i = 0; i < words.size(); ++i) {
    // What has no decoder stands in brackets.
    if (words[i].starts_with('[')) return true;
    if (words[i] == "ct" && i + 1 < words.size() && words[i + 1] != "state") return true;
    if (std::ranges::find(kMatches, words[i]) != kMatches.end()) return true;
  }
  return false;
}

bool only_established(const Rule& rule) {
  for (const auto& [key, value] : rule.extra_details) {
    if (key == "Rule" || key == "Comment") continue;
    const std::string text = base::to_lower(value);
    const bool known =
        text.find("established") != std::string::npos || text.find("related") != std::string::npos;
    if (known && text.find("new") == std::string::npos) return true;
  }
  return false;
}

bool is_loopback_interface(std::string_view name) {
  return name == "lo" || name == "lo0" || base::equal_ignore_case(name, "loopback");
}

bool on_loopback(const Rule& rule) {
  for (const auto& [key, value] : rule.extra_details) {
    if (key.ends_with("Interface") && is_loopback_interface(value)) return true;
  }
  return is_loopback_address(text_of(rule.source_address)) ||
         is_loopback_address(text_of(rule.destination_address));
}

// Whether its protocol is one with ports, or any.
bool has_ports(const Rule& rule) {
  const std::string name = base::to_lower(base::trim(text_of(rule.protocol)));
  constexpr std::array<std::string_view, 12> kWithPorts = {
      "", "*", "any", "all", "ip", "0", "tcp", "udp", "udplite", "sctp", "dccp", "6"};
  if (name == "17" || name.starts_with("tcp") || name.starts_with("udp")) return true;
  return std::ranges::find(kWithPorts, name) != kWithPorts.end();
}

// Whether so many packets satisfy the rule that what it does is permissive.
bool takes_many(const Rule& rule, Hook hook) {
  if (only_established(rule) || on_loopback(rule) || !has_ports(rule) || asks_more(rule))
    return false;
  const auto& other_end = hook == Hook::Input ? rule.source_address : rule.destination_address;
  if (!is_wide_address(resolved(rule, other_end))) return false;
  if (hook == Hook::Input && is_multicast_address(text_of(rule.destination_address))) return false;
  const auto ports = count_ports(resolved(rule, rule.destination_port));
  return ports && *ports > kMostPorts;
}

bool is_any(std::string_view address) {
  return address.empty() || address == "any" || address == "*" || address.ends_with("/0");
}

// Whether every packet satisfies it, so that nothing behind it is asked.
bool takes_all(const Rule& rule) {
  const std::string_view protocol = base::trim(text_of(rule.protocol));
  const bool any_protocol = protocol.empty() || protocol == "*" ||
                            base::equal_ignore_case(protocol, "any") ||
                            base::equal_ignore_case(protocol, "all");
  return any_protocol && is_any(base::trim(text_of(rule.source_address))) &&
         is_any(base::trim(text_of(rule.destination_address))) &&
         count_ports(text_of(rule.source_port)).value_or(0) > 65'535 &&
         count_ports(text_of(rule.destination_port)).value_or(0) > 65'535 &&
         text_of(rule.application).empty() && extra(rule, "State").empty() &&
         extra(rule, "InInterface").empty() && extra(rule, "OutInterface").empty() &&
         !asks_more(rule) && !only_established(rule);
}

std::string_view jump_target(const Rule& rule) {
  const std::string_view verdict = extra(rule, "Verdict");
  for (const std::string_view word : {"jump ", "goto "}) {
    if (verdict.starts_with(word)) return base::trim(verdict.substr(word.size()));
  }
  return {};
}

enum class Ending : std::uint8_t { FallsThrough, Denies, Allows };

// Follows packets of many kinds through a chain and those that it jumps to.
class Walk {
 public:
  Walk(const Chains& chains, Hook hook) : chains_(chains), hook_(hook) {}

  // Collects rules that let much through; says what happens to a packet that no rule is about.
  Ending through(const Chain& chain, std::size_t depth = 0) {
    for (const Rule* rule : chain.rules) {
      if (rule->action == FirewallAction::Deny && takes_all(*rule)) return Ending::Denies;
      if (rule->action == FirewallAction::Allow) {
        if (takes_many(*rule, hook_)) found_.emplace(rule, &chain);
        if (takes_all(*rule)) return Ending::Allows;
        continue;
      }
      const Ending ending = through_jump(chain, *rule, depth);
      if (ending != Ending::FallsThrough) return ending;
    }
    return Ending::FallsThrough;
  }

  const std::map<const Rule*, const Chain*>& found() const { return found_; }

 private:
  Ending through_jump(const Chain& chain, const Rule& rule, std::size_t depth) {
    const std::string_view target = jump_target(rule);
    if (target.empty() || depth >= kMaxDepth) return Ending::FallsThrough;
    const bool all = takes_all(rule);
    if (!all && !takes_many(rule, hook_)) return Ending::FallsThrough;
    ChainKey key = chain.key;
    key.name = target;
    const auto next = chains_.find(key);
    // Each is followed once: what it lets through is found then.
    if (next == chains_.end() || !seen_.insert(key).second) return Ending::FallsThrough;
    const Ending ending = through(next->second, depth + 1);
    return all ? ending : Ending::FallsThrough;
  }

  const Chains& chains_;
  Hook hook_;
  std::set<ChainKey> seen_;
  std::map<const Rule*, const Chain*> found_;  // by place in the picture
};

std::string_view or_any(std::string_view text) {
  return text.empty() ? std::string_view("any") : text;
}

std::string place_of(const Chain& chain) {
  const std::string name(chain.key.name);
  if (chain.key.table.empty()) return name;
  return fmt::format("{} of table {} {}", name, chain.key.family, chain.key.table);
}

// The command for its kind of table: iptables and its kin, or nft.
std::string_view legacy_program(const Chain& chain) {
  if (chain.key.source == "iptables-legacy") return "iptables-legacy";
  if (chain.key.source == "ip6tables-legacy") return "ip6tables-legacy";
  if (chain.key.source.empty()) return "iptables";
  return {};
}

Value facts_of(const Rule& rule, const Chain& chain) {
  Value::Object facts;
  const auto add = [&facts](const char* key, std::string_view text) {
    facts.push_back({key, Value(std::string(text))});
  };
  add("SourceAddress", text_of(rule.source_address));
  add("SourcePort", text_of(rule.source_port));
  add("DestinationAddress", text_of(rule.destination_address));
  add("DestinationPort", text_of(rule.destination_port));
  add("Protocol", text_of(rule.protocol));
  add("ChainName", text_of(rule.chain_name));
  for (const auto& [key, text] :
       {std::pair("Family", chain.key.family), std::pair("Table", chain.key.table),
        std::pair("Rule", extra(rule, "Rule"))}) {
    if (!text.empty()) add(key, text);
  }
  return Value(std::move(facts));
}

std::string nft_chain(const Chain& chain) {
  return fmt::format("{} {} {}", shell_word(chain.key.family), shell_word(chain.key.table),
                     shell_word(chain.key.name));
}

Item rule_item(const Rule& rule, const Chain& chain, Hook hook) {
  Item item;
  item.key =
      fmt::format("{}/{}/{} {} {}:{} -> {}:{}", chain.key.family, chain.key.table, chain.key.name,
                  or_any(text_of(rule.protocol)), or_any(text_of(rule.source_address)),
                  or_any(text_of(rule.source_port)), or_any(text_of(rule.destination_address)),
                  or_any(text_of(rule.destination_port)));
  item.title = fmt::format(
      "{} allows {} {} {}, ports {}", place_of(chain), or_any(text_of(rule.protocol)),
      hook == Hook::Input ? "from" : "to",
      or_any(text_of(hook == Hook::Input ? rule.source_address : rule.destination_address)),
      or_any(text_of(rule.destination_port)));
  item.severity = Severity::Medium;
  item.steps = {
      "Write down which addresses and ports are needed, and allow these by rules of their own.",
      "Then delete this rule."};
  if (const auto program = legacy_program(chain); !program.empty()) {
    item.commands.push_back(
        fmt::format("sudo {} -L {} -n -v --line-numbers", program, shell_word(chain.key.name)));
    item.commands.push_back(
        fmt::format("sudo {} -D {} NUMBER", program, shell_word(chain.key.name)));
  } else {
    item.commands.push_back("sudo nft -a list chain " + nft_chain(chain));
    if (const auto handle = base::parse_int(extra(rule, "Handle"))) {
      item.commands.push_back(
          fmt::format("sudo nft delete rule {} handle {}", nft_chain(chain), *handle));
    }
  }
  item.facts = facts_of(rule, chain);
  return item;
}

Item policy_item(const Chain& chain) {
  Item item;
  item.key = fmt::format("{}/{}/{}", chain.key.family, chain.key.table, chain.key.name);
  item.title = place_of(chain) + " lets through what no rule decides";
  item.severity = Severity::Medium;
  item.steps = {"Allow what the device needs, your own way in first.",
                "Then let the policy drop the rest."};
  const bool input = chain.hook == Hook::Input;
  if (const auto program = legacy_program(chain); !program.empty()) {
    const std::string name = shell_word(chain.key.name);
    item.commands = {
        fmt::format("sudo {} -I {} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", program,
                    name),
        fmt::format("sudo {} -I {} {} lo -j ACCEPT", program, name, input ? "-i" : "-o"),
        fmt::format("sudo {} -A {} -p tcp --dport {} -j ACCEPT", program, name,
                    input ? "22" : "8883"),
        fmt::format("sudo {} -P {} DROP", program, name)};
  } else {
    const std::string name = nft_chain(chain);
    item.commands = {
        fmt::format("sudo nft insert rule {} ct state established,related accept", name),
        fmt::format("sudo nft insert rule {} {} lo accept", name, input ? "iif" : "oif"),
        fmt::format("sudo nft add rule {} tcp dport {} accept", name, input ? "22" : "8883"),
        fmt::format("sudo nft chain {} '{{ policy drop ; }}'", name)};
  }
  item.facts = facts_of(*chain.policy, chain);
  return item;
}

// The families of layer 3 that a chain is about.
std::vector<std::string_view> families_of(const Chain& chain) {
  const std::string_view family = chain.key.family;
  if (family == "inet") return {"ip", "ip6"};
  if (family == "arp" || family == "bridge" || family == "netdev") return {};
  if (family.empty()) {
    if (chain.key.source == "ip6tables-legacy") return {"ip6"};
    if (chain.key.source == "iptables-legacy") return {"ip"};
    return {"any"};
  }
  return {family};
}

void judge_hook(const Chains& chains, Hook hook, Verdict& policy, Verdict& rules) {
  std::map<std::string_view, bool> accepts;  // by family: no chain denies
  std::vector<const Chain*> permissive;
  Walk walk(chains, hook);
  for (const auto& [key, chain] : chains) {
    if (chain.hook != hook || !chain.filter) continue;
    const Ending ending = walk.through(chain);
    const bool policy_accepts = chain.policy != nullptr && ending == Ending::FallsThrough &&
                                chain.policy->action == FirewallAction::Allow;
    const bool denies =
        ending == Ending::Denies || (ending == Ending::FallsThrough && chain.policy != nullptr &&
                                     chain.policy->action == FirewallAction::Deny);
    for (const std::string_view family : families_of(chain)) {
      const bool& known = accepts.try_emplace(family, true).first->second;
      accepts[family] = known && !denies;
    }
    if (policy_accepts) permissive.push_back(&chain);
  }
  for (const Chain* chain : permissive) {
    const auto families = families_of(*chain);
    if (std::ranges::any_of(families, [&](std::string_view family) { return accepts[family]; }))
      policy.items.push_back(policy_item(*chain));
  }
  std::set<std::string> known;
  for (const auto& [rule, chain] : walk.found()) {
    Item item = rule_item(*rule, *chain, hook);
    if (known.insert(item.key).second) rules.items.push_back(std::move(item));
  }
}

}  // namespace

std::vector<Verdict> judge_firewall(std::span<const Rule> rules) {
  Verdict policy{.kind = Kind::FirewallPolicy};
  Verdict input{.kind = Kind::FirewallInput};
  Verdict output{.kind = Kind::FirewallOutput};
  const Chains chains = chains_of(rules);
  judge_hook(chains, Hook::Input, policy, input);
  judge_hook(chains, Hook::Output, policy, output);
  const bool partial =
      std::ranges::any_of(rules, [](const Rule& rule) { return !extra(rule, "Unknown").empty(); });
  std::vector<Verdict> verdicts{std::move(policy), std::move(input), std::move(output)};
  for (Verdict& verdict : verdicts) {
    verdict.partial = partial;
    if (!verdict.healthy()) verdict.credit = 0;
  }
  return verdicts;
}

std::vector<Verdict> judge_no_firewall() {
  Verdict policy{.kind = Kind::FirewallPolicy, .credit = 0};
  Item item;
  item.key = "none";
  item.title = "There is no firewall: everything is let in and out";
  item.severity = Severity::Medium;
  item.steps = {"Make a table that admits what the device needs, and keep it for the next start."};
  item.commands = {
      "sudo nft add table inet filter",
      "sudo nft add chain inet filter input '{ type filter hook input priority 0 ; }'",
      "sudo nft add rule inet filter input ct state established,related accept",
      "sudo nft add rule inet filter input iif lo accept",
      "sudo nft add rule inet filter input tcp dport 22 accept",
      "sudo nft chain inet filter input '{ policy drop ; }'",
      "sudo sh -c 'nft list ruleset > /etc/nftables.conf && systemctl enable nftables'"};
  policy.items.push_back(std::move(item));
  return {std::move(policy), Verdict{.kind = Kind::FirewallInput},
          Verdict{.kind = Kind::FirewallOutput}};
}

}  // namespace detect::posture
