#include "agent/probe.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace agent {
namespace {

TEST(Probe, PollingWorksEverywhere) {
  const auto verdicts = probe_tiers();
  ASSERT_EQ(verdicts.size(), 4U);
  EXPECT_EQ(verdicts[3].tier, collect::Tier::Proc);
  EXPECT_TRUE(verdicts[3].works);
  for (const TierVerdict& verdict : verdicts) {
    EXPECT_TRUE(verdict.works || !verdict.reason.empty());
  }
}

TEST(Probe, Prints) {
  const std::vector<TierVerdict> verdicts = {{collect::Tier::Ebpf, false, "no \"BTF\""},
                                             {collect::Tier::Connector, true, ""}};
  EXPECT_EQ(table_of(verdicts),
            "TIER       WORKS  BECAUSE\nebpf       no     no \"BTF\"\nconnector  yes\n");
  const auto parsed = base::json::parse(json_of(verdicts));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->if_array()->at(0).text_or("reason", ""), "no \"BTF\"");
}

}  // namespace
}  // namespace agent
