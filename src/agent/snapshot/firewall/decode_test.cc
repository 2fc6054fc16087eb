// Dumps that a kernel gave, in testdata/: rules of nft, of iptables-legacy and of iptables-nft.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/snapshot/firewall/legacy.h"
#include "agent/snapshot/firewall/nft.h"
#include "os/file.h"
#include "os/netlink.h"

namespace agent::snapshot::firewall {
namespace {

std::string testdata(const std::string& name) {
  const char* root = std::getenv("VEDETTE_SOURCE_DIR");
  const std::string path = (root != nullptr ? std::string(root) : std::string(".")) +
                           "/src/agent/snapshot/firewall/testdata/" + name;
  const auto text = os::read_file(path);
  EXPECT_TRUE(text) << text.error().to_string();
  return text.value_or("");
}

nft::Ruleset ruleset() {
  nft::Ruleset rules;
  const std::string bytes = testdata("ruleset.bin");
  EXPECT_TRUE(os::read_netlink(base::as_bytes(bytes), [&](const os::NetlinkMessage& one) {
    rules.add(one.type, one.payload);
  }));
  EXPECT_EQ(rules.unread, 0U);
  return rules;
}

std::vector<RuleFacts> rules_of(const nft::Ruleset& all, std::string_view table,
                                std::string_view chain) {
  std::vector<RuleFacts> facts;
  for (const nft::Rule& rule : all.rules) {
    if (rule.table == table && rule.chain == chain)
      facts.push_back(nft::decode(rule, all.sets).facts);
  }
  return facts;
}

TEST(DecodeNft, TextOfEachRule) {
  const nft::Ruleset all = ruleset();
  const std::vector<std::string> expected = {
      "ct state established,related accept",
      "ct state vmap { invalid : drop, new : continue }",
      "iifname \"lo\" accept",
      "iifname \"eth*\" meta l4proto tcp tcp dport 8080 accept",
      "meta nfproto ipv4 ip saddr @blocked counter drop",
      "meta nfproto ipv4 meta l4proto tcp ip saddr . tcp dport @pairs accept",
      "meta nfproto ipv6 ip6 saddr 2001:db8::/32 meta l4proto tcp tcp dport { 22, 443, 8000-8080 } "
      "accept",
      "meta nfproto ipv4 ip saddr 10.0.0.0/8 meta l4proto udp udp dport != 53 log prefix \"odd \" "
      "level 4 reject with icmp 3",
      "meta l4proto tcp tcp dport vmap { 80 : accept, 81 : jump extra }",
      "meta l4proto icmp icmp type 8 limit rate 5 packets/second burst 5 accept",
      "meta l4proto tcp tcp flags 2 tcp dport >= 1 tcp dport <= 1023 drop"};
  std::vector<std::string> texts;
  for (const RuleFacts& facts : rules_of(all, "guard", "input"))
    texts.push_back(facts.text);
  EXPECT_EQ(texts, expected);
}

TEST(DecodeNft, FieldsOfTheEvent) {
  const nft::Ruleset all = ruleset();
  const auto input = rules_of(all, "guard", "input");
  ASSERT_EQ(input.size(), 11U);
  EXPECT_EQ(input[0].state, "established,related");
  EXPECT_EQ(input[0].comment, "replies");
  EXPECT_EQ(input[0].action, Action::Allow);
  EXPECT_EQ(input[1].action, Action::Other);
  EXPECT_EQ(input[3].in_interface, "eth*");
  EXPECT_EQ(input[3].protocol, "tcp");
  EXPECT_EQ(input[4].source, "@blocked");
  EXPECT_EQ(input[4].packets, 0U);
  EXPECT_EQ(input[6].source, "2001:db8::/32");
  EXPECT_EQ(input[6].destination_port, "22, 443, 8000-8080");
  EXPECT_EQ(input[7].action, Action::Deny);
  EXPECT_EQ(input[7].destination_port, "!=53");
  EXPECT_EQ(input[10].destination_port, "1-1023");
  const auto nat = rules_of(all, "nat6", "pre");
  ASSERT_EQ(nat.size(), 2U);
  EXPECT_EQ(nat[0].verdict, "dnat to 10.0.0.5:22");
  EXPECT_EQ(nat[1].verdict, "redirect to :5353");
  const auto bridge = rules_of(all, "br", "forwarded");
  ASSERT_EQ(bridge.size(), 1U);
  EXPECT_EQ(bridge[0].text,
            "ether saddr 02:00:00:00:00:01 meta protocol ip ip saddr 10.0.0.3 drop");
}

TEST(DecodeNft, NamedSetsTablesAndChains) {
  const nft::Ruleset all = ruleset();
  for (const nft::Rule& rule : all.rules) {
    if (rule.table != "guard" || rule.handle != 10) continue;
    const auto decoded = nft::decode(rule, all.sets);
    ASSERT_EQ(decoded.named_sets.size(), 1U);
    EXPECT_EQ(decoded.named_sets[0].second,
              "192.0.2.0/24, 198.51.100.7, 203.0.113.10-203.0.113.20");
  }
  const auto asleep = std::ranges::find(all.tables, "asleep", &nft::Table::name);
  ASSERT_NE(asleep, all.tables.end());
  EXPECT_TRUE(asleep->dormant);
  const auto input = std::ranges::find(all.chains, "input", &nft::Chain::name);
  ASSERT_NE(input, all.chains.end());
  ASSERT_TRUE(input->hook);
  EXPECT_EQ(nft::hook_name(input->family, input->hook->number), "input");
  EXPECT_EQ(input->policy, 0U);
}

TEST(DecodeNft, CompatExpressionsOfIptables) {
  const auto rules = rules_of(ruleset(), "filter", "FORWARD");
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].source, "172.16.0.0/12");
  EXPECT_EQ(rules[0].state, "new");
  EXPECT_EQ(rules[0].action, Action::Allow);
  EXPECT_EQ(rules[1].destination_port, "1,2");
  EXPECT_EQ(rules[1].verdict, "continue (log)");
  EXPECT_NE(rules[1].text.find("xt target LOG"), std::string::npos);
  EXPECT_EQ(rules[2].action, Action::Deny);
}

TEST(DecodeNft, SaysWhatItDoesNotKnow) {
  nft::Rule rule;
  rule.family = 1;
  rule.expressions.push_back({"quota", {8, 0, 2, 0, 1, 2, 3, 4}});
  rule.expressions.push_back({"cmp", {3}});
  EXPECT_EQ(nft::decode(rule, {}).facts.text, "[quota 2=01020304] [cmp]");
}

TEST(DecodeNft, DamageIsCounted) {
  nft::Ruleset rules;
  const base::ByteVec cut = {1, 0, 0, 0, 9, 0, 1, 0, 'x'};
  rules.add(10 << 8, cut);
  rules.add(10 << 8, base::ByteView(cut).first(3));
  rules.add(10 << 8 | 12, base::ByteView(cut).first(4));  // elements of no set
  EXPECT_EQ(rules.unread, 3U);
}

std::vector<legacy::Rule> table_of(const std::string& file, legacy::Family family) {
  const std::string bytes = testdata(file);
  const base::ByteView view = base::as_bytes(bytes);
  const auto info = legacy::read_info(view.first(legacy::kInfoBytes));
  EXPECT_TRUE(info);
  const auto rules = legacy::read_entries(family, *info, view.subspan(legacy::kInfoBytes));
  EXPECT_TRUE(rules) << rules.error().to_string();
  return rules ? *rules : std::vector<legacy::Rule>{};
}

TEST(DecodeLegacy, BothFamilies) {
  const auto rules = table_of("filter4.bin", legacy::Family::V4);
  ASSERT_EQ(rules.size(), 7U);
  const RuleFacts& first = rules[0].facts;
  EXPECT_EQ(rules[0].chain, "INPUT");
  EXPECT_EQ(first.in_interface, "eth*");
  EXPECT_EQ(first.source, "10.0.0.0/8");
  EXPECT_EQ(first.destination, "!=10.0.0.1");
  EXPECT_EQ(first.destination_port, "22-25");
  EXPECT_EQ(first.state, "established,new");
  EXPECT_EQ(first.comment, "hello there");
  EXPECT_EQ(first.action, Action::Allow);
  EXPECT_EQ(rules[1].facts.destination_port, "53,67-68");
  EXPECT_EQ(rules[2].facts.verdict, "jump web");
  EXPECT_TRUE(rules[3].policy);
  EXPECT_EQ(rules[4].chain, "FORWARD");
  EXPECT_EQ(rules[4].facts.action, Action::Deny);
  EXPECT_EQ(rules[6].chain, "web");
  EXPECT_FALSE(rules[6].hook);
  const auto six = table_of("filter6.bin", legacy::Family::V6);
  ASSERT_EQ(six.size(), 4U);
  EXPECT_EQ(six[0].facts.source, "2001:db8::/32");
  EXPECT_EQ(six[0].facts.source_port, "!=1024-65535");
}

TEST(DecodeLegacy, RefusesDamage) {
  const std::string bytes = testdata("filter4.bin");
  const base::ByteView view = base::as_bytes(bytes);
  const auto info = legacy::read_info(view.first(legacy::kInfoBytes));
  ASSERT_TRUE(info);
  const base::ByteView entries = view.subspan(legacy::kInfoBytes);
  EXPECT_FALSE(legacy::read_entries(legacy::Family::V4, *info, entries.first(entries.size() - 1)));
  EXPECT_FALSE(legacy::read_entries(legacy::Family::V6, *info, entries));
  EXPECT_FALSE(legacy::read_info(view.first(83)));
}

// "-m state" of today's iptables asks conntrack, with a mark that it was written so.
TEST(DescribeMatch, StateByItsOlderNameIsNothingElse) {
  base::ByteVec data(128 + 18, 0);
  base::ByteWriter asked;
  asked.u16le(0x2001);
  asked.u16le(0);
  asked.u16le(4);
  const base::ByteView bytes = asked.view();
  data.insert(data.end(), bytes.begin(), bytes.end());
  RuleFacts facts;
  describe_match("conntrack", 3, data, facts);
  EXPECT_EQ(facts.state, "related");
  EXPECT_EQ(facts.text, "ct state related");
}

TEST(PrefixOf, OnlyLeadingOnes) {
  EXPECT_EQ(prefix_of(base::ByteVec{255, 240, 0, 0}), 12U);
  EXPECT_EQ(prefix_of(base::ByteVec{0, 0}), 0U);
  EXPECT_EQ(prefix_of(base::ByteVec{255, 0, 255}), std::nullopt);
  EXPECT_EQ(prefix_of(base::ByteVec{0x0F}), std::nullopt);
}

}  // namespace
}  // namespace agent::snapshot::firewall
