#include "detect/posture/catalogue.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "detect/posture/verdict.h"

namespace detect::posture {
namespace {

using enum Severity;

// Names and severities: the classic catalogue of agent-based and hub recommendations. Those that it
// gives no name have one in its manner.
constexpr std::array<Recommendation, kKinds> kCatalogue = {{
    {Kind::OpenPorts, "IoT_OpenPorts", "Open Ports on device", Medium, Scope::Device,
     "ListeningPorts",
     "Programs on the device wait for connections or datagrams from outside it. Each is something "
     "that an attacker can speak to.",
     "Stop what nobody needs, bind what only the device needs to a loopback address, and let the "
     "firewall admit only the addresses that need the rest. A port that is meant to be open can be "
     "accepted for a security group, with a reason.",
     "open port", "open ports"},
    {Kind::FirewallPolicy, "IoT_PermissiveFirewallPolicy",
     "Permissive firewall policy found in one of the chains", Medium, Scope::Device,
     "FirewallConfiguration",
     "What no rule of the firewall decides is let through, so that every service that is started "
     "on the device is reachable, and everything that runs there may speak to anybody.",
     "Allow what the device needs by rules, and let the policy of the chain drop the rest.",
     "permissive chain", "permissive chains"},
    {Kind::FirewallInput, "IoT_PermissiveInputFirewallRules",
     "Permissive firewall rule in the input chain was found", Medium, Scope::Device,
     "FirewallConfiguration",
     "A rule lets a wide range of addresses reach a wide range of the device's ports.",
     "Replace it by rules that name the addresses and ports that are needed.", "permissive rule",
     "permissive rules"},
    {Kind::FirewallOutput, "IoT_PermissiveOutputFirewallRules",
     "Permissive firewall rule in the output chain was found", Medium, Scope::Device,
     "FirewallConfiguration",
     "A rule lets the device reach a wide range of addresses on a wide range of ports, which is "
     "what malware needs to call home and to spread.",
     "Replace it by rules that name where the device has to reach: its hub, its updates, its time.",
     "permissive rule", "permissive rules"},
    {Kind::Baseline, "IoT_Baseline", "Operation system baseline validation has failed", Medium,
     Scope::Device, "OSBaseline",
     "The operating system is set up more openly than the baseline asks for.",
     "Correct the checks that failed, the most severe first; each says what to do. A check that "
     "the device has a reason to fail can be accepted for it or its security group.",
     "failed check", "failed checks"},
    {Kind::SmallMessages, "IoT_AgentSendsUnutilizedMessages", "Agent sends unutilized messages",
     Low, Scope::Device, "security messages",
     "One in ten or more of a day's security messages was smaller than 4 KiB, the unit in which "
     "messages are metered: bandwidth and quota go to waste.",
     "Let the agent gather events for longer before it sends them.", "measure", "measures"},
    {Kind::TwinNotOptimal, "IoT_TwinConfigurationNotOptimal",
     "Security twin configuration not optimal", Low, Scope::Device, "ConfigurationError",
     "Settings in the security module's twin are valid and cost more than they need to.",
     "Change the settings; what the agent says about each tells how.", "setting", "settings"},
    {Kind::TwinConflict, "IoT_TwinConfigurationConflict", "Security twin configuration conflict",
     Low, Scope::Device, "ConfigurationError",
     "Settings in the security module's twin contradict each other, so that the agent follows only "
     "some of them.",
     "Change the settings so that they agree; what the agent says about each tells which it "
     "follows.",
     "setting", "settings"},
    {Kind::SharedCredentials, "IoT_SharedCredentials",
     "Identical authentication credentials used by multiple devices", High, Scope::Device,
     "identities and logins",
     "Several devices prove themselves by the same key or certificate. Whoever gets hold of one of "
     "them is all of them, and which of them did something cannot be told.",
     "Give each device a credential of its own, made where it is used.", "shared credential",
     "shared credentials"},
    {Kind::IpFilterDenyAll, "IoT_IPFilter_DenyAll", "Default IP filter policy should be deny",
     Medium, Scope::Hub, "IP filter",
     "Addresses that no rule of the hub's IP filter is about may connect.",
     "Allow the addresses that devices and services come from, then deny all others.", "rule",
     "rules"},
    {Kind::IpFilterLargeRange, "IoT_IPFilter_PermissiveRule",
     "IP filter rule includes large IP range", Medium, Scope::Hub, "IP filter",
     "A rule of the hub's IP filter lets in more addresses than a site has.",
     "Replace it by the ranges that devices and services come from.", "rule", "rules"},
    {Kind::IpFilterTighter, "IoT_RecommendedIpRulesByBaseLine", "Recommended rules for IP filter",
     Medium, Scope::Hub, "IP filter, addresses of connections",
     "The addresses that devices come from would allow a tighter IP filter than the hub has.",
     "Put the recommended rules in the place of what is there, after a look at who is missing.",
     "range", "ranges"},
    {Kind::Diagnostics, "IoT_DiagnosticLogs", "Enable diagnostics logs in IoT Hub", Low, Scope::Hub,
     "retention and forwards",
     "Records of connections and messages are kept for less than a year, or not at all. An "
     "intruder "
     "is often found later than that.",
     "Keep the hub's operations for 365 days, or forward them to where they are kept.", "gap",
     "gaps"},
    {Kind::EdgePrivileges, "IoT_PrivilegedDockerOptions",
     "High level permissions configured in IoT Edge model twin for IoT Edge module", High,
     Scope::Device, "twin of $edgeAgent",
     "A module of an edge device runs with rights that amount to those of its host.",
     "Take the rights away that the module does not need; give it single devices, folders and "
     "capabilities instead.",
     "permission", "permissions"},
    {Kind::EdgeRegistry, "IoT_ACRAuthentication", "Service principal not used with ACR repository",
     Medium, Scope::Device, "twin of $edgeAgent",
     "An edge device pulls its images with the registry's admin account, which may also replace "
     "them, for all devices.",
     "Use a service principal, or a token, that may only pull.", "registry", "registries"},
    {Kind::EdgeLogging, "IoT_EdgeLoggingOptions", "No logging configured for IoT Edge module", Low,
     Scope::Device, "twin of $edgeAgent",
     "What a module of an edge device writes is thrown away, so that nobody can look into what "
     "went wrong.",
     "Choose a log driver that keeps it, with a limit of size.", "module", "modules"},
    {Kind::EdgeHubMemory, "IoT_EdgeHubMemOptimize", "IoT Edge Hub memory can be optimized", Low,
     Scope::Device, "twin of $edgeAgent",
     "The edge hub waits for clients of a protocol that nobody uses, which takes memory.",
     "Switch the protocol off.", "protocol", "protocols"},
    {Kind::TlsCipher, "IoT_VulnerableTLSCipherSuite", "TLS cipher suite upgrade needed", Medium,
     Scope::Device, "connections",
     "The device speaks to the hub by a version of TLS or a cipher suite with known weaknesses.",
     "Update the device's TLS library, or let it offer TLS 1.2 or newer with forward secrecy and "
     "authenticated encryption; then have the hub demand that.",
     "weakness", "weaknesses"},
    {Kind::GroupSettings, "IoT_InconsistentModuleSettings",
     "SecurityGroup has inconsistent module settings", Medium, Scope::Device,
     "module twins of a security group",
     "The settings of a module differ from those that nearly all devices of the security group "
     "have, as happens when one was forgotten, or changed by somebody who should not have.",
     "Compare the twin with another of the group; make them the same, or move the device to a "
     "group "
     "of its own.",
     "module", "modules"},
    {Kind::KnownVulnerabilities, "IoT_KnownVulnerabilities",
     "Installed software has known vulnerabilities", High, Scope::Device, "SBoM",
     "Packages are installed in versions with vulnerabilities that are publicly known, and that "
     "the "
     "distribution has fixed. Who can reach them need not find anything out to get in.",
     "Install the fixed versions, the most severe first, and restart what uses them.",
     "vulnerable package", "vulnerable packages"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
    if (static_cast<std::size_t>(kCatalogue[i].kind) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const Recommendation> catalogue() {
  return kCatalogue;
}

const Recommendation& recommendation(Kind kind) {
  return kCatalogue[static_cast<std::size_t>(kind)];
}

const Recommendation* find_recommendation(std::string_view name) {
  const auto found = std::ranges::find(kCatalogue, name, &Recommendation::name);
  return found == kCatalogue.end() ? nullptr : &*found;
}

int weight(Severity severity) {
  switch (severity) {
    case Severity::High:
      return 10;
    case Severity::Medium:
      return 5;
    case Severity::Low:
      return 2;
    case Severity::Informational:
      break;
  }
  return 1;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";
  if (!text.empty() && text.front() != '-' &&
      text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    // What a terminal would take as a key.
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) continue;
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace detect::posture
