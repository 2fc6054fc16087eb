#include "agent/baseline/distro.h"

#include <gtest/gtest.h>

namespace agent::baseline {
namespace {

TEST(Distro, IsReadFromOsRelease) {
  const Distro ubuntu =
      distro_of("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"\n");
  EXPECT_EQ(ubuntu.name, "ubuntu");
  EXPECT_EQ(ubuntu.version, (std::vector<unsigned>{22, 4}));
  EXPECT_FALSE(ubuntu.red_hat_family);
  const Distro oracle = distro_of("ID=\"ol\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.9\"\n");
  EXPECT_EQ(oracle.name, "oracle");
  EXPECT_TRUE(oracle.red_hat_family);
  EXPECT_EQ(distro_of("ID=rhel\nVERSION_ID=9.4\n").name, "redhat");
  EXPECT_EQ(distro_of("").name, "linux");
}

TEST(Distro, ExpressionsSelectSystems) {
  struct Case {
    const char* expression;
    const char* name;
    std::vector<unsigned> version;
    bool matches;
  };
  const std::vector<Case> cases = {
      {"*", "debian", {12}, true},
      {"Ubuntu|Debian", "debian", {12}, true},
      {"Ubuntu|Debian", "sles", {15}, false},
      {"SLES", "sles", {15}, true},
      {"!SLES", "sles", {15}, false},
      {"!SLES", "debian", {12}, true},
      {"!SLES=11", "sles", {11, 4}, false},
      {"!SLES=11", "sles", {12}, true},
      {"CentOS=6|RedHat=6", "centos", {6, 10}, true},
      {"CentOS>6", "centos", {6, 10}, false},
      {"CentOS>6", "centos", {7}, true},
      {"CentOS>=7|RedHat>=7|SLES>11", "sles", {11}, false},
      {"CentOS>=7|RedHat>=7|SLES>11", "redhat", {9, 4}, true},
      {"CentOS<7", "centos", {6, 9}, true},
      {"Redhat|Sles", "sles", {12}, true},  // case does not matter
      {"and|!RedHat|!CentOS", "debian", {12}, true},
      {"and|!RedHat|!CentOS", "centos", {8}, false},
      {"and|!Ubuntu>=18.04|!Debian>=9", "ubuntu", {18, 4}, false},
      {"and|!Ubuntu>=18.04|!Debian>=9", "ubuntu", {16, 4}, true},
      {"Debian<=12", "debian", {12, 5}, true},
  };
  for (const Case& c : cases) {
    const Distro distro{.name = c.name, .version = c.version};
    EXPECT_EQ(distro_matches(c.expression, distro), c.matches) << c.expression << " " << c.name;
  }
}

TEST(Distro, NonsenseIsNoExpression) {
  const Distro distro{.name = "debian", .version = {12}};
  for (const char* const text : {"", "|", "Debian>", "Debian=>12", "Debian=x", "!"})
    EXPECT_FALSE(distro_matches(text, distro).has_value()) << text;
}

}  // namespace
}  // namespace agent::baseline
