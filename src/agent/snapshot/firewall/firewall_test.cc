#include "agent/snapshot/firewall/firewall.h"

#include <algorithm>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace agent::snapshot::firewall {
namespace {
TEST(Firewall, EitherReadsOrSaysWhyNot) {
  const auto snapshot = make();
  const auto payload = snapshot->take();
  ASSERT_TRUE(payload);
  const auto& items = std::get<std::vector<schema::FirewallConfiguration>>(*payload);
  const bool unknown = std::ranges::any_of(items, [](const schema::FirewallConfiguration& item) {
    return schema::find(item.extra_details, "Unknown") != nullptr;
  });
  EXPECT_EQ(unknown, !snapshot->source().reason.empty());
  if (snapshot->source().tier != "netlink") {
    EXPECT_EQ(snapshot->source().tier, "none");
    EXPECT_TRUE(unknown);
  }
}
}  // namespace
}  // namespace agent::snapshot::firewall
