// The firewall, the interfaces, the clock.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/units.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

// family: ip or ip6. One base chain that drops is enough: a packet must pass them all.
Result<Outcome> firewall_default(Facts& facts, const Parameters& p) {
  const IpFamily family = p.get("family") == "ip6" ? IpFamily::V6 : IpFamily::V4;
  if (family == IpFamily::V6) {
    const bool ipv6 = TRY(exists(facts.host(), "/proc/net/if_inet6"));
    if (!ipv6) return not_applicable("no IPv6 here");
  }
  const FirewallFacts firewall = TRY(facts.host().firewall(family));
  Examples open;
  for (const FirewallFacts::Chain& chain : firewall.chains) {
    if (chain.hook != Hook::Input) continue;
    if (chain.drops) return pass(chain.name + " has the policy drop");
    open.add(chain.name + " has the policy accept");
  }
  return failed(open.empty() ? "no rules for what comes in" : open.text());
}

Result<Outcome> firewall_loopback(Facts& facts, const Parameters&) {
  const FirewallFacts firewall = TRY(facts.host().firewall(IpFamily::V4));
  if (firewall.loopback_guard) return pass();
  return failed("no rule drops packets from 127.0.0.0/8 that come in on other interfaces than lo");
}

Result<unsigned> interface_flags(const Host& host, const std::string& name) {
  const std::string text = TRY(host.read("/sys/class/net/" + name + "/flags"));
  std::string_view digits = base::trim(text);
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  unsigned flags = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), flags, 16);
  if (error != std::errc()) return base::fail(Code::Malformed, "interface flags", -1, name);
  return flags;
}

constexpr unsigned kUp = 0x1;
constexpr unsigned kPromiscuous = 0x100;

Result<Outcome> no_promiscuous(Facts& facts, const Parameters&) {
  Examples wrong;
  for (const std::string& name : TRY(list_optional(facts.host(), "/sys/class/net"))) {
    const auto flags = interface_flags(facts.host(), name);
    if (!flags && flags.error().code == Code::NotFound) continue;  // bonding_masters; gone
    if ((TRY(flags) & kPromiscuous) != 0) wrong.add(name);
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

Result<Outcome> no_wireless(Facts& facts, const Parameters&) {
  Examples wrong;
  std::size_t radios = 0;
  for (const std::string& name : TRY(list_optional(facts.host(), "/sys/class/net"))) {
    const bool wireless = TRY(exists(facts.host(), "/sys/class/net/" + name + "/wireless"));
    const bool phy = TRY(exists(facts.host(), "/sys/class/net/" + name + "/phy80211"));
    if (!wireless && !phy) continue;
    ++radios;
    const unsigned flags = TRY(interface_flags(facts.host(), name));
    if ((flags & kUp) != 0) wrong.add(name + " is up");
  }
  if (!wrong.empty()) return failed(wrong.text());
  return radios == 0 ? not_applicable("no wireless interface") : pass();
}

Result<Outcome> time_sync(Facts& facts, const Parameters&) {
  static constexpr std::array<std::string_view, 5> kDaemons = {"chronyd", "ntpd", "systemd-timesyn",
                                                               "openntpd", "ntpsec-ntpd"};
  std::string daemon;
  for (const RunningProcess& process : TRY_REF(facts.processes())) {
    if (std::find(kDaemons.begin(), kDaemons.end(), process.name) != kDaemons.end())
      daemon = process.name;
  }
  const bool synchronised = TRY(facts.host().clock_synchronised());
  if (synchronised && !daemon.empty()) return pass(daemon);
  // A hypervisor may keep the clock through the kernel alone.
  if (synchronised) return pass("the kernel says that its clock is synchronised");
  return failed(daemon.empty() ? "no time service runs"
                               : daemon + " runs, but the clock is not synchronised");
}

constexpr std::array<Verb, 5> kVerbs = {{
    {"firewall-default", firewall_default},
    {"firewall-loopback", firewall_loopback},
    {"no-promiscuous", no_promiscuous},
    {"no-wireless", no_wireless},
    {"time-sync", time_sync},
}};

}  // namespace

std::span<const Verb> network_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
