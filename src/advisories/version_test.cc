#include "advisories/version.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace advisories {
namespace {

// Each is before the next one.
const std::vector<const char*> kDpkg{
    "1.0~~",         "1.0~~a", "1.0~",     "1.0~rc1",       "1.0",           "1.0-0.1",
    "1.0-1~bpo12+1", "1.0-1",  "1.0-1+b1", "1.0-1+deb12u1", "1.0-1+deb12u2", "1.0-1+deb12u10",
    "1.0-1.1",       "1.0a",   "1.0a-1",   "1.0a1",         "1.0+",          "1.0+b1",
    "1.0.0",         "1.0.1",  "1.2",      "1.10",          "1.10.20240101", "2",
    "1:0",           "1:0.1",  "1:1-1-1",  "10:0"};

const std::vector<const char*> kRpm{
    "1.0~~",     "1.0~",      "1.0~rc1",    "1.0~rc1^git1", "1.0",          "1.0-1",
    "1.0-1.el9", "1.0-2.el9", "1.0-10.el9", "1.0^",         "1.0^20160101", "1.0^20160102",
    "1.0a",      "1.0b",      "1.0.1",      "1.2",          "1.10",         "2.0.1",
    "2.0.1a",    "10",        "1:0.1",      "2:0"};

const std::vector<const char*> kApk{
    "0.9",       "1.0_alpha", "1.0_alpha2", "1.0_alpha10", "1.0_beta",
    "1.0_pre1",  "1.0_rc1",   "1.0_rc1-r1", "1.0_rc2",     "1.0",
    "1.0-r0",    "1.0-r1",    "1.0-r10",    "1.0_cvs",     "1.0_git20240101",
    "1.0_p1-r0", "1.0_p2",    "1.0_p2_p1",  "1.0a",        "1.0b",
    "1.0b-r3",   "1.0.1",     "1.001",      "1.01",        "1.1",
    "1.2",       "1.10",      "2",          "10"};

void expect_order(Ordering ordering, const std::vector<const char*>& sorted) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < sorted.size(); ++j) {
      EXPECT_EQ(compare(ordering, sorted[i], sorted[j]) < 0, i < j)
          << sorted[i] << " " << sorted[j];
      EXPECT_EQ(compare(ordering, sorted[i], sorted[j]) == 0, i == j)
          << sorted[i] << " " << sorted[j];
    }
  }
}

TEST(CompareVersions, OrdersAsDpkgDoes) {
  expect_order(Ordering::Dpkg, kDpkg);
}
TEST(CompareVersions, OrdersAsApkDoes) {
  expect_order(Ordering::Apk, kApk);
}

TEST(CompareVersions, OrdersAsRpmDoes) {
  expect_order(Ordering::Rpm, kRpm);
}

struct Same {
  Ordering ordering;
  const char* a;
  const char* b;
};

TEST(CompareVersions, FindsWhatIsTheSame) {
  constexpr std::array<Same, 10> kSame{{{Ordering::Dpkg, "1.0", "1.0-0"},
                                        {Ordering::Dpkg, "0:1.0", "1.0"},
                                        {Ordering::Dpkg, "1.01", "1.1"},
                                        {Ordering::Dpkg, "1.0-00", "1.000"},
                                        {Ordering::Rpm, "1.0", "1_0"},
                                        {Ordering::Rpm, "1.0.", "1.0"},
                                        {Ordering::Rpm, "0:1.05-1", "1.5-1"},
                                        {Ordering::Rpm, "xyz.4", "xyz_4"},
                                        {Ordering::Apk, "01.2", "1.2"},
                                        {Ordering::Apk, "1.2-r01", "1.2-r1"}}};
  for (const Same& same : kSame)
    EXPECT_TRUE(compare(same.ordering, same.a, same.b) == 0) << same.a << " " << same.b;
}

TEST(CompareVersions, TakesNumbersOfAnyLength) {
  const std::string large = "1." + std::string(100, '9');
  const std::string larger = "1.1" + std::string(100, '0');
  for (const auto ordering : {Ordering::Dpkg, Ordering::Rpm, Ordering::Apk})
    EXPECT_TRUE(compare(ordering, large, larger) < 0);
}

TEST(IsVersion, RefusesWhatNoDistributionWrites) {
  for (const char* good : {"1.0", "1:2.3-4+deb12u1~x", "1.0^git", "v1.2_p3"})
    EXPECT_TRUE(is_version(good)) << good;
  for (const char* bad : {"", "1 0", "1;0", "<1", "1\n", "1\"", "\x7f", "1\xc3\xa4"})
    EXPECT_FALSE(is_version(bad)) << bad;
  EXPECT_FALSE(is_version(std::string(kMaxVersion + 1, '1')));
}

// What dpkg itself says, where it is installed.
int dpkg_says(const char* a, const char* relation, const char* b) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("dpkg", "dpkg", "--compare-versions", a, relation, b, nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CompareVersions, AgreesWithDpkg) {
  if (dpkg_says("1", "eq", "1") != 0) GTEST_SKIP() << "dpkg is not installed";
  for (const char* a : kDpkg) {
    for (const char* b : {"1.0", "1.0-1", "1.0-1+deb12u2", "1.0a1", "1.10", "1:0"}) {
      const auto order = compare(Ordering::Dpkg, a, b);
      const char* relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
      EXPECT_EQ(dpkg_says(a, relation, b), 0) << a << " " << relation << " " << b;
    }
  }
}

}  // namespace
}  // namespace advisories
