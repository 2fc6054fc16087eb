#include "detect/posture/device_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace detect::posture {
namespace {

using schema::Direction;
using schema::FirewallAction;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Extra = schema::ExtraDetails;
using Rule = schema::FirewallConfiguration;

std::vector<std::string> keys_of(const Verdict& verdict) {
  std::vector<std::string> keys;
  for (const Item& item : verdict.items)
    keys.push_back(item.key);
  return keys;
}

schema::ListeningPorts socket(std::string protocol, std::string address, std::string port,
                              Extra extra = {}) {
  schema::ListeningPorts out;
  out.protocol = std::move(protocol);
  out.local_address = std::move(address);
  out.local_port = std::move(port);
  out.extra_details = std::move(extra);
  return out;
}

TEST(OpenPorts, AreThoseThatOthersReach) {
  const std::vector sockets = {
      socket("tcp", "0.0.0.0", "22", {{"Executable", "/usr/sbin/sshd"}}),
      socket("tcp", "::", "22"),
      socket("udp", "192.0.2.7", "161"),
      socket("tcp", "fe80::1", "80"),
      socket("TCP6", "::", "443"),
      socket("tcp", "127.0.0.1", "631"),
      socket("tcp", "::1", "631"),
      socket("tcp", "::ffff:127.0.0.1", "8080"),
      socket("raw", "0.0.0.0", "*"),
      socket("tcp", "0.0.0.0", "80", {{"ContainerId", "aa"}, {"NetworkNamespace", "4026532"}})};
  const Verdict verdict = judge_ports(sockets);
  EXPECT_THAT(keys_of(verdict), ElementsAre("tcp/22", "tcp/443", "tcp/80", "udp/161"));
  EXPECT_THAT(verdict.items[0].title, HasSubstr("0.0.0.0, :: by /usr/sbin/sshd"));
  EXPECT_EQ(verdict.credit, 0);
  EXPECT_FALSE(verdict.partial);
}

TEST(OpenPorts, LeavesOutSocketsWithOnePeer) {
  auto connected = socket("udp", "0.0.0.0", "41000");
  connected.remote_address = "192.0.2.1";
  connected.remote_port = "53";
  auto waiting = socket("udp", "0.0.0.0", "53");
  waiting.remote_address = "0.0.0.0";
  waiting.remote_port = "0";
  EXPECT_THAT(keys_of(judge_ports(std::vector{connected, waiting})), ElementsAre("udp/53"));
}

TEST(OpenPorts, NoneIsHealthy) {
  const Verdict verdict = judge_ports({});
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.credit, 1);
}

TEST(OpenPorts, WhatCouldNotBeReadLeavesTheRestAsItWas) {
  const Verdict verdict =
      judge_ports(std::vector{socket("tcp", "0.0.0.0", "*", {{"Unknown", "no such dump"}})});
  EXPECT_TRUE(verdict.partial);
  EXPECT_TRUE(verdict.healthy());
}

struct Fields {
  std::string protocol = {};
  std::string source = {};
  std::string destination = {};
  std::string port = {};
  Extra extra = {};
};

Rule rule(Direction direction, FirewallAction action, Fields fields = {}) {
  Rule out;
  out.direction = direction;
  out.chain_name = direction == Direction::In ? "INPUT" : "OUTPUT";
  out.action = action;
  out.enabled = true;
  out.protocol = fields.protocol;
  out.source_address = fields.source;
  out.destination_address = fields.destination;
  out.destination_port = fields.port;
  out.extra_details = fields.extra;
  return out;
}

struct Firewall {
  std::vector<std::string> policy;
  std::vector<std::string> input;
  std::vector<std::string> output;
};

Firewall judged(const std::vector<Rule>& rules) {
  const std::vector<Verdict> verdicts = judge_firewall(rules);
  return {keys_of(verdicts[0]), keys_of(verdicts[1]), keys_of(verdicts[2])};
}

constexpr auto kIn = Direction::In;
constexpr auto kOut = Direction::Out;
constexpr auto kAllow = FirewallAction::Allow;
constexpr auto kDeny = FirewallAction::Deny;
constexpr auto kOther = FirewallAction::Other;

TEST(FirewallPolicy, IsTheLastRuleThatAsksForNothing) {
  const Firewall open = judged(
      {rule(kIn, kAllow, {.protocol = "tcp", .port = "22"}), rule(kIn, kAllow), rule(kOut, kDeny)});
  EXPECT_THAT(open.policy, ElementsAre("//INPUT"));
  EXPECT_THAT(open.input, IsEmpty());
  EXPECT_THAT(judged({rule(kIn, kDeny), rule(kOut, kDeny)}).policy, IsEmpty());
  EXPECT_THAT(judged({rule(kIn, kDeny), rule(kOut, kAllow)}).policy, ElementsAre("//OUTPUT"));
}

TEST(FirewallPolicy, OfOtherChainsAndDisabledRulesDoNotCount) {
  Rule forward = rule(kIn, kAllow);
  forward.chain_name = "FORWARD";
  Rule disabled = rule(kIn, kAllow);
  disabled.enabled = false;
  EXPECT_THAT(judged({forward, disabled}).policy, IsEmpty());
}

TEST(FirewallPolicy, ThatIsNeverReachedDoesNotCount) {
  EXPECT_THAT(judged({rule(kIn, kAllow, {.protocol = "tcp", .port = "22"}), rule(kIn, kDeny),
                      rule(kIn, kAllow)})
                  .policy,
              IsEmpty());
}

Extra chain(std::string family, std::string table, std::string hook, std::string verdict,
            Extra more = {}) {
  Extra extra = {{"Source", "nftables"},
                 {"Family", std::move(family)},
                 {"Table", std::move(table)},
                 {"Verdict", verdict},
                 {"ChainType", hook == "prerouting" ? "nat" : "filter"},
                 {"Hook", hook}};
  extra.insert(extra.end(), more.begin(), more.end());
  return extra;
}
Extra policy_of(std::string family, std::string table, std::string hook, std::string verdict) {
  return chain(std::move(family), std::move(table), std::move(hook), std::move(verdict),
               {{"Policy", "true"}});
}

// Of several chains at one hook, it is enough that one drops.
TEST(FirewallPolicy, IsThatOfAllChainsOfAHook) {
  const Rule accepts =
      rule(kIn, kAllow, {.extra = policy_of("inet", "fail2ban", "input", "accept")});
  const Rule drops = rule(kIn, kDeny, {.extra = policy_of("inet", "filter", "input", "drop")});
  EXPECT_THAT(judged({accepts, drops}).policy, IsEmpty());
  EXPECT_THAT(judged({accepts}).policy, ElementsAre("inet/fail2ban/INPUT"));
  // One that is about IPv4 only leaves IPv6 open.
  const Rule drops_v4 = rule(kIn, kDeny, {.extra = policy_of("ip", "filter", "input", "drop")});
  EXPECT_THAT(judged({accepts, drops_v4}).policy, ElementsAre("inet/fail2ban/INPUT"));
  Rule nat = rule(kIn, kAllow, {.extra = policy_of("ip", "nat", "prerouting", "accept")});
  nat.chain_name = "PREROUTING";
  EXPECT_THAT(judged({nat, drops_v4}).policy, IsEmpty());
}

TEST(FirewallRules, ArePermissiveWhenWideInAddressesAndPorts) {
  const auto input = [](Fields fields) {
    return !judged({rule(kIn, kAllow, std::move(fields)), rule(kIn, kDeny)}).input.empty();
  };
  EXPECT_TRUE(input({.protocol = "tcp", .source = "0.0.0.0/0", .port = "1-65535"}));
  EXPECT_TRUE(input({.protocol = "tcp"}));
  EXPECT_TRUE(input({.source = "10.0.0.0/8"}));
  EXPECT_TRUE(input({.protocol = "udp", .source = "::/0", .port = "1024-65535"}));
  EXPECT_FALSE(input({.protocol = "tcp", .source = "0.0.0.0/0", .port = "22"}));
  EXPECT_FALSE(input({.protocol = "tcp", .source = "10.1.0.0/16", .port = "1-65535"}));
  EXPECT_FALSE(input({.protocol = "tcp", .port = "8000-9023"}));  // 1,024
  EXPECT_TRUE(input({.protocol = "tcp", .port = "8000-9024"}));
  EXPECT_FALSE(input({.protocol = "icmp"}));
  EXPECT_FALSE(input({.protocol = "udp", .destination = "224.0.0.251"}));
  EXPECT_FALSE(input({.extra = {{"State", "established,related"}}}));
  EXPECT_TRUE(input({.extra = {{"State", "new,established"}}}));
  EXPECT_FALSE(input({.extra = {{"InInterface", "lo"}}}));
  EXPECT_FALSE(input({.source = "127.0.0.0/8"}));
  EXPECT_FALSE(input({.source = "@known", .extra = {{"Set.known", "{ 192.0.2.1, 192.0.2.9 }"}}}));
  EXPECT_TRUE(input({.source = "@known", .extra = {{"Set.known", "{ 10.0.0.0/8 }"}}}));
  EXPECT_FALSE(input({.protocol = "tcp", .extra = {{"Rule", "meta skuid 0 accept"}}}));
  EXPECT_FALSE(input({.protocol = "tcp", .extra = {{"Rule", "[quota 2=01] accept"}}}));
  EXPECT_TRUE(input({.protocol = "tcp", .extra = {{"Rule", "accept comment \"no limit\""}}}));
}

TEST(FirewallRules, OfEachDirectionByItself) {
  const Firewall in = judged({rule(kIn, kAllow, {.protocol = "tcp"}), rule(kIn, kDeny)});
  EXPECT_EQ(in.input.size(), 1U);
  EXPECT_THAT(in.output, IsEmpty());
  const Firewall out =
      judged({rule(kOut, kAllow, {.destination = "::/0", .port = "1024-65535"}),
              rule(kOut, kAllow, {.protocol = "tcp", .port = "443"}), rule(kOut, kDeny)});
  EXPECT_THAT(out.input, IsEmpty());
  EXPECT_EQ(out.output.size(), 1U);
}

// The usual end of a chain: nothing behind it is asked.
TEST(FirewallRules, BehindARefusalOfAllDoNotCount) {
  const Rule refuse = rule(kIn, kDeny, {.extra = {{"Rule", "reject with icmp port-unreachable"}}});
  EXPECT_THAT(judged({refuse, rule(kIn, kAllow, {.protocol = "tcp"}), rule(kIn, kDeny)}).input,
              IsEmpty());
}

TEST(FirewallRules, AreFollowedThroughJumps) {
  Rule jump = rule(kIn, kOther, {.extra = chain("ip", "filter", "input", "jump users")});
  Rule target =
      rule(kIn, kAllow, {.protocol = "tcp", .extra = chain("ip", "filter", "", "accept")});
  target.direction.reset();
  target.chain_name = "users";
  const Rule drop = rule(kIn, kDeny, {.extra = policy_of("ip", "filter", "input", "drop")});
  EXPECT_EQ(judged({jump, drop, target}).input.size(), 1U);
  jump.source_address = "192.0.2.1";
  EXPECT_THAT(judged({jump, drop, target}).input, IsEmpty());
  // A circle ends.
  Rule back = target;
  back.action = kOther;
  schema::set(back.extra_details, "Verdict", "jump users");
  jump.source_address = "";
  EXPECT_THAT(judged({jump, drop, back}).input, IsEmpty());
}

TEST(FirewallRules, NamesOfChainsAreQuotedInCommands) {
  Rule bad = rule(
      kIn, kAllow,
      {.protocol = "tcp", .extra = chain("ip", "f;reboot", "input", "accept", {{"Handle", "7"}})});
  const std::vector<Verdict> verdicts = judge_firewall(std::vector{bad});
  ASSERT_EQ(verdicts[1].items.size(), 1U);
  EXPECT_THAT(verdicts[1].items[0].commands,
              ElementsAre("sudo nft -a list chain ip 'f;reboot' INPUT",
                          "sudo nft delete rule ip 'f;reboot' INPUT handle 7"));
}

TEST(Firewall, NoneIsAPermissivePolicy) {
  const std::vector<Verdict> verdicts = judge_no_firewall();
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[0].items.size(), 1U);
  EXPECT_TRUE(verdicts[1].healthy());
}

schema::OSBaseline check(std::string id, schema::BaselineResult result,
                         schema::BaselineSeverity severity) {
  schema::OSBaseline out;
  out.cce_id = std::move(id);
  out.result = result;
  out.severity = severity;
  return out;
}

TEST(Baseline, FailuresCountByTheirSeverity) {
  using enum schema::BaselineResult;
  using enum schema::BaselineSeverity;
  const Verdict verdict =
      judge_baseline(std::vector{check("a", Pass, Critical), check("b", Fail, Important),
                                 check("c", Err, Critical), check("d", Pass, Important)});
  EXPECT_THAT(keys_of(verdict), ElementsAre("b"));
  EXPECT_THAT(verdict.undecided, ElementsAre("c"));
  EXPECT_DOUBLE_EQ(verdict.credit, 15.0 / 20.0);
  EXPECT_TRUE(judge_baseline(std::vector{check("c", Err, Critical)}).healthy());
  // Classic agents send failures only.
  EXPECT_EQ(judge_baseline(std::vector{check("b", Fail, Important)}).credit, 0);
}

TEST(Settings, AreJudgedByTheKindOfTheError) {
  schema::ConfigurationError error;
  error.configuration_name = "snapshotFrequency";
  error.error_type = schema::ConfigurationErrorType::NotOptimal;
  const std::vector errors = {error};
  EXPECT_THAT(keys_of(judge_settings(Kind::TwinNotOptimal, errors)),
              ElementsAre("snapshotFrequency"));
  EXPECT_TRUE(judge_settings(Kind::TwinConflict, errors).healthy());
}

TEST(Messages, AreTooSmallFromATenthOn) {
  EXPECT_FALSE(judge_messages({100, 10}).healthy());
  EXPECT_TRUE(judge_messages({100, 9}).healthy());
  EXPECT_TRUE(judge_messages({19, 19}).healthy());
  EXPECT_FALSE(judge_messages({20, 2}).healthy());
  EXPECT_TRUE(judge_messages({}).healthy());
}

}  // namespace
}  // namespace detect::posture
