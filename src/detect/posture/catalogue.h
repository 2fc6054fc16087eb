#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "detect/alerts.h"

// The recommendations that there are: what each means, for people and for programs.
namespace detect::posture {

enum class Kind : std::uint8_t {
  OpenPorts,
  FirewallPolicy,
  FirewallInput,
  FirewallOutput,
  Baseline,
  SmallMessages,
  TwinNotOptimal,
  TwinConflict,
  SharedCredentials,
  IpFilterDenyAll,
  IpFilterLargeRange,
  IpFilterTighter,
  Diagnostics,
  EdgePrivileges,
  EdgeRegistry,
  EdgeLogging,
  EdgeHubMemory,
  TlsCipher,
  GroupSettings,
  KnownVulnerabilities,
};
inline constexpr std::size_t kKinds = 20;

// What is assessed: each device by itself, or the hub.
enum class Scope : std::uint8_t { Device, Hub };

struct Recommendation {
  Kind kind{};
  std::string_view name;   // as in RecommendationName: IoT_OpenPorts
  std::string_view title;  // RecommendationDisplayName
  Severity severity{};
  Scope scope{};
  std::string_view source;  // what it is decided from: an event's name, or words for people
  std::string_view description;
  std::string_view remediation;
  // An item of it, and several: "open port", "open ports".
  std::string_view one;
  std::string_view many;
};

// In the order of Kind.
std::span<const Recommendation> catalogue();
const Recommendation& recommendation(Kind kind);
// By name; nullptr: there is none.
const Recommendation* find_recommendation(std::string_view name);

// What a healthy assessment of that severity counts in a score.
int weight(Severity severity);

}  // namespace detect::posture
