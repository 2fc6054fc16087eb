#include "agent/baseline/packet_filter.h"

#include <array>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/baseline/system_host.h"

namespace agent::baseline {
namespace {

// Attributes as the kernel writes them: length, type, payload, up to the next multiple of four.
base::ByteVec attribute(std::uint16_t type, const base::ByteVec& payload) {
  base::ByteWriter out;
  out.u16le(static_cast<std::uint16_t>(4 + payload.size()));
  out.u16le(type);
  out.bytes(payload);
  while (out.size() % 4 != 0)
    out.u8(0);
  return std::move(out).take();
}
base::ByteVec text(const char* value) {
  return {value, value + std::strlen(value) + 1};
}
base::ByteVec number(std::uint32_t value) {
  base::ByteWriter out;
  out.u32be(value);
  return std::move(out).take();
}
base::ByteVec operator+(base::ByteVec a, const base::ByteVec& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
const base::ByteVec kInet = {NFPROTO_INET, 0, 0, 0};

TEST(NftChain, TellsHookAndPolicy) {
  const auto hook =
      attribute(NFTA_CHAIN_HOOK, attribute(NFTA_HOOK_HOOKNUM, number(NF_INET_LOCAL_IN)) +
                                     attribute(NFTA_HOOK_PRIORITY, number(0)));
  const auto chain = read_nft_chain(kInet + attribute(NFTA_CHAIN_TABLE, text("filter")) +
                                    attribute(NFTA_CHAIN_NAME, text("input")) + hook +
                                    attribute(NFTA_CHAIN_POLICY, number(NF_DROP)));
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(chain->family, NFPROTO_INET);
  EXPECT_EQ(chain->table + " " + chain->name, "filter input");
  EXPECT_TRUE(chain->base);
  EXPECT_EQ(chain->hook, static_cast<std::uint32_t>(NF_INET_LOCAL_IN));
  EXPECT_TRUE(chain->drops);
  const auto plain = read_nft_chain(kInet + attribute(NFTA_CHAIN_NAME, text("jumped_to")));
  ASSERT_TRUE(plain.has_value());
  EXPECT_FALSE(plain->base || plain->drops);
  EXPECT_FALSE(read_nft_chain({}).has_value());
  EXPECT_FALSE(read_nft_chain(kInet + base::ByteVec{9, 0, 1, 0, 7}).has_value());
}

base::ByteVec expression(const char* name, const base::ByteVec& data) {
  return attribute(NFTA_LIST_ELEM,
                   attribute(NFTA_EXPR_NAME, text(name)) + attribute(NFTA_EXPR_DATA, data));
}
base::ByteVec source(std::uint32_t offset, std::uint32_t length) {
  return expression("payload", attribute(NFTA_PAYLOAD_BASE, number(NFT_PAYLOAD_NETWORK_HEADER)) +
                                   attribute(NFTA_PAYLOAD_OFFSET, number(offset)) +
                                   attribute(NFTA_PAYLOAD_LEN, number(length)));
}
base::ByteVec compared(const base::ByteVec& value, std::uint32_t op = NFT_CMP_EQ) {
  return expression("cmp", attribute(NFTA_CMP_OP, number(op)) +
                               attribute(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, value)));
}
base::ByteVec verdict(std::uint32_t code) {
  return expression("immediate", attribute(NFTA_IMMEDIATE_DATA,
                                           attribute(NFTA_DATA_VERDICT,
                                                     attribute(NFTA_VERDICT_CODE, number(code)))));
}
bool guards(const base::ByteVec& expressions) {
  return nft_rule_guards_loopback(kInet + attribute(NFTA_RULE_EXPRESSIONS, expressions))
      .value_or(false);
}

TEST(NftRule, GuardsTheLoopbackNetwork) {
  EXPECT_TRUE(guards(source(12, 1) + compared({127}) + verdict(NF_DROP)));
  EXPECT_TRUE(guards(source(12, 4) + expression("bitwise", {}) + compared({127, 0, 0, 0}) +
                     verdict(NF_DROP)));
  EXPECT_FALSE(guards(source(12, 1) + compared({127}) + verdict(NF_ACCEPT)));
  EXPECT_FALSE(guards(source(12, 1) + compared({127}, NFT_CMP_NEQ) + verdict(NF_DROP)));
  EXPECT_FALSE(guards(source(12, 1) + compared({10}) + verdict(NF_DROP)));
  EXPECT_FALSE(guards(source(12, 4) + compared({127, 0, 0, 1}) + verdict(NF_DROP)));
  EXPECT_FALSE(guards(source(16, 1) + compared({127}) + verdict(NF_DROP)));  // the destination
  EXPECT_FALSE(guards(verdict(NF_DROP)));
}

// An entry of the old table with a standard target.
base::ByteVec legacy_entry(int verdict_number, std::array<std::uint8_t, 4> from = {},
                           std::array<std::uint8_t, 4> mask = {}, std::uint8_t inverted = 0) {
  ipt_entry entry{};
  std::memcpy(&entry.ip.src, from.data(), 4);
  std::memcpy(&entry.ip.smsk, mask.data(), 4);
  entry.ip.invflags = inverted;
  entry.target_offset = sizeof entry;
  entry.next_offset = sizeof entry + 40;
  base::ByteVec bytes(sizeof entry + 40);
  std::memcpy(bytes.data(), &entry, sizeof entry);
  bytes[sizeof entry] = 40;  // the target's size; its name is empty
  std::memcpy(bytes.data() + sizeof entry + 32, &verdict_number, sizeof verdict_number);
  return bytes;
}

TEST(LegacyTable, TellsPolicyAndGuard) {
  constexpr int kDrop = -NF_DROP - 1;
  constexpr int kAccept = -NF_ACCEPT - 1;
  const auto size = static_cast<std::uint32_t>(legacy_entry(0).size());
  const auto read = [&](const base::ByteVec& bytes, std::uint32_t last) {
    const auto chain = read_legacy_chain(bytes, 0, last, IpFamily::V4);
    return chain ? std::pair(chain->drops, chain->loopback_guard) : std::pair(true, true);
  };
  EXPECT_EQ(read(legacy_entry(kDrop), 0), std::pair(true, false));
  EXPECT_EQ(read(legacy_entry(kAccept), 0), std::pair(false, false));
  const auto guard = legacy_entry(kDrop, {127, 0, 0, 0}, {255, 0, 0, 0});
  EXPECT_EQ(read(guard + legacy_entry(kAccept), size), std::pair(false, true));
  const auto one_host = legacy_entry(kDrop, {127, 0, 0, 1}, {255, 255, 255, 255});
  EXPECT_EQ(read(one_host + legacy_entry(kAccept), size), std::pair(false, false));
  const auto others = legacy_entry(kDrop, {127, 0, 0, 0}, {255, 0, 0, 0}, IPT_INV_SRCIP);
  EXPECT_EQ(read(others + legacy_entry(kAccept), size), std::pair(false, false));
}

TEST(LegacyTable, RefusesWhatLeadsAstray) {
  base::ByteVec entry = legacy_entry(0);
  EXPECT_FALSE(read_legacy_chain(entry, 0, 4096, IpFamily::V4).has_value());
  EXPECT_FALSE(read_legacy_chain(base::ByteView(entry).first(50), 0, 0, IpFamily::V4).has_value());
  std::memset(entry.data() + offsetof(ipt_entry, next_offset), 0, 2);
  EXPECT_FALSE(read_legacy_chain(entry, 0, 0, IpFamily::V4).has_value());
}

// What another program has set up, in a network name space of its own: a child, as there is no way
// back.
TEST(Firewall, IsReadFromTheKernel) {
  if (::geteuid() != 0 ||
      std::system("command -v nft >/dev/null") != 0)  // NOLINT(concurrency-mt-unsafe)
    GTEST_SKIP() << "needs root and nft";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto host = SystemHost::open();
    const bool ready =
        host && ::unshare(CLONE_NEWNET) == 0 &&
        std::system(
            "nft 'add table inet t; add chain inet t in { type filter hook input priority 0; "
            "policy drop; }; add chain inet t out { type filter hook output priority 0; }; "
            "add rule inet t in iifname != lo ip saddr 127.0.0.0/8 drop'") == 0;  // NOLINT
    if (!ready) ::_exit(77);
    const auto facts = (*host)->firewall(IpFamily::V4);
    const bool right = facts && facts->chains.size() == 2 && facts->chains[0].drops &&
                       facts->chains[0].hook == Hook::Input && !facts->chains[1].drops &&
                       facts->chains[1].hook == Hook::Output && facts->loopback_guard;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "no name space or no nf_tables";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace agent::baseline
