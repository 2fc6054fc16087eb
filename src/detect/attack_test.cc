#include "detect/attack.h"

#include <gtest/gtest.h>

#include "detect/stream.h"

namespace detect {
namespace {

TEST(Attack, KnowsNamesAndLaterNumbers) {
  EXPECT_EQ(attack_version(), "18");
  EXPECT_EQ(later_attack_version(), "19");
  const auto firewall = find_technique("T1562.004");
  ASSERT_TRUE(firewall);
  EXPECT_EQ(firewall->name, "Disable or Modify System Firewall");
  EXPECT_EQ(firewall->later, "T1686");
  const auto hijacking = find_technique("T1496");
  ASSERT_TRUE(hijacking);
  EXPECT_EQ(hijacking->name, "Resource Hijacking");
  EXPECT_EQ(hijacking->later, "");
  EXPECT_FALSE(find_technique("T149"));
  EXPECT_FALSE(find_technique("T9999"));
  EXPECT_FALSE(find_technique(""));
}

TEST(Attack, KnowsWhatBuiltInRulesName) {
  const auto stream = Stream::load("");
  ASSERT_TRUE(stream);
  for (const ListedRule& rule : (*stream)->list()) {
    for (const std::string& technique : rule.info.techniques)
      EXPECT_TRUE(find_technique(technique)) << technique << " of " << rule.info.title;
  }
}

TEST(Attack, EachHasANumberAndAName) {
  ASSERT_GT(techniques().size(), 90U);
  std::string_view before;
  for (const Technique& technique : techniques()) {
    EXPECT_LT(before, technique.id) << "twice";
    EXPECT_TRUE(technique.id.size() == 5 || technique.id.size() == 9) << technique.id;
    EXPECT_FALSE(technique.name.empty()) << technique.id;
    EXPECT_EQ(technique.name.find_first_of("{}"), std::string_view::npos) << technique.id;
    before = technique.id;
  }
}

}  // namespace
}  // namespace detect
