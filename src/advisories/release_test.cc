#include "advisories/release.h"

#include <array>

#include <gtest/gtest.h>

#include "advisories/advisory.h"
#include "advisories/cvss.h"

namespace advisories {
namespace {

std::string text_of(const std::optional<Release>& release) {
  return release ? to_string(*release) : "";
}

TEST(ReleaseOfEcosystem, KnowsWhatOsvWrites) {
  constexpr std::array<std::array<const char*, 2>, 14> kCases{
      {{"Debian:12", "debian:12"},
       {"Debian", ""},
       {"Ubuntu:22.04:LTS", "ubuntu:22.04"},
       {"Ubuntu:23.10", "ubuntu:23.10"},
       {"Ubuntu:Pro:18.04:LTS", ""},
       {"Alpine:v3.19", "alpine:3.19"},
       {"Alpine", ""},
       {"Rocky Linux:9", "rocky:9"},
       {"AlmaLinux:8", "almalinux:8"},
       {"Red Hat:enterprise_linux:9::baseos", "redhat:9"},
       {"Red Hat:rhel_eus:9.2::appstream", ""},
       {"npm", ""},
       {"Debian:x", ""},
       {"", ""}}};
  for (const auto& [ecosystem, release] : kCases)
    EXPECT_EQ(text_of(release_of_ecosystem(ecosystem)), release) << ecosystem;
}

TEST(ReleaseOfPurl, ReadsItsNamespaceAndDistribution) {
  constexpr std::array<std::array<const char*, 2>, 9> kCases{
      {{"pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12", "debian:12"},
       {"pkg:deb/debian/openssl@3.0.11-1?distro=bookworm", "debian:12"},
       {"pkg:deb/raspbian/openssl@3.0.11-1?distro=raspbian-12", "debian:12"},
       {"pkg:deb/ubuntu/bash@5?distro=ubuntu-22.04", "ubuntu:22.04"},
       {"pkg:apk/alpine/busybox@1.36-r1?arch=x86_64&distro=alpine-3.19.1", "alpine:3.19"},
       {"pkg:rpm/rhel/bash@5?distro=rhel-9.4&epoch=1", "redhat:9"},
       {"pkg:rpm/fedora/bash@5?distro=fedora-40", ""},
       {"pkg:deb/debian/openssl@3", ""},
       {"*", ""}}};
  for (const auto& [purl, release] : kCases)
    EXPECT_EQ(text_of(release_of_purl(purl)), release) << purl;
}

TEST(ParseRelease, ReadsWhatItWrote) {
  for (const char* text : {"debian:12", "debian:sid", "ubuntu:22.04", "alpine:3.19", "redhat:9",
                           "rocky:8", "almalinux:9"})
    EXPECT_EQ(text_of(parse_release(text)), text);
  for (const char* text : {"", "debian", "debian:", "windows:11", "ubuntu:22"})
    EXPECT_FALSE(parse_release(text)) << text;
}

// Scores of the examples of CVSS 3.1, and of what has none.
TEST(Cvss3BaseScore, FollowsTheFormula) {
  EXPECT_EQ(cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), 9.8);
  EXPECT_EQ(cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"), 10.0);
  EXPECT_EQ(cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"), 7.5);
  EXPECT_EQ(cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N"), 6.4);
  EXPECT_EQ(cvss3_base_score("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N"), 3.1);
  EXPECT_EQ(cvss3_base_score("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"), 0.0);
  EXPECT_FALSE(cvss3_base_score("CVSS:3.1/AV:N/AC:L"));
  EXPECT_FALSE(cvss3_base_score("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H"));
  EXPECT_FALSE(cvss3_base_score("medium"));
}

TEST(SeverityOfWord, KnowsTheWordsOfDistributions) {
  EXPECT_EQ(severity_of_word("low**"), Severity::Low);
  EXPECT_EQ(severity_of_word("Moderate"), Severity::Medium);
  EXPECT_EQ(severity_of_word("Important"), Severity::High);
  EXPECT_EQ(severity_of_word("unimportant"), Severity::Negligible);
  EXPECT_EQ(severity_of_word("not yet assigned"), Severity::Unknown);
}

}  // namespace
}  // namespace advisories
