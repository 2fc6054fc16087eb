#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "detect/posture/verdict.h"
#include "schema/message.h"

// What devices' own pictures say about them. Threads: pure.
namespace detect::posture {

// Sockets that others can reach: TCP that listens and UDP that is bound, but on loopback, to one
// peer, or within a container's own network.
Verdict judge_ports(std::span<const schema::ListeningPorts> sockets);

// What a firewall lets in and out. The three of one picture: policy, input, output.
//
// Policy: of every layer-3 family that has base chains there, all filter chains of a hook accept
// what no rule decides. Rules: a rule that is reached by any packet allows a wide range of
// addresses and of ports, whatever the connection's state.
std::vector<Verdict> judge_firewall(std::span<const schema::FirewallConfiguration> rules);
// The same of a device that is known to say so when it has no firewall at all.
std::vector<Verdict> judge_no_firewall();

// Checks that failed; those that could not run are undecided.
Verdict judge_baseline(std::span<const schema::OSBaseline> checks);

// Settings of one kind (NotOptimal or Conflict) that an agent complains about. Others of the event
// say nothing.
Verdict judge_settings(Kind kind, std::span<const schema::ConfigurationError> errors);

// How many messages a device sent in a day, and how many were so small that most of what they are
// metered as is empty.
struct MessageCount {
  std::uint64_t messages = 0;
  std::uint64_t small = 0;
};
inline constexpr std::uint64_t kLeastMessages = 20;
inline constexpr std::uint64_t kSmallPercent = 10;
Verdict judge_messages(MessageCount count);

}  // namespace detect::posture
