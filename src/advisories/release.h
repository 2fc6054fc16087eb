#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "advisories/version.h"

namespace advisories {

enum class Family : std::uint8_t { Debian, Ubuntu, Alpine, RedHat, Rocky, Alma };

// A release of a distribution, by the part of its number that advisories are published for:
// Debian 12, Ubuntu 22.04, Alpine 3.19, Red Hat 9.
struct Release {
  Family family{};
  std::string version;

  bool operator==(const Release&) const = default;
};

Ordering ordering_of(Family family);
// "debian:12": how releases are named in tables and to people. And back.
std::string to_string(const Release& release);
std::optional<Release> parse_release(std::string_view text);

// By the ID and the VERSION_ID (or codename) of os-release(5): "debian" "12", "raspbian" "12",
// "alpine" "3.19.1", "rhel" "9.4". nullopt: a distribution, or a version, that no advisories that
// are read here are for.
std::optional<Release> release_of_system(std::string_view id, std::string_view version);

// By a codename: "bookworm", of Debian; "jammy", of Ubuntu.
std::optional<Release> release_of_codename(Family family, std::string_view codename);

// By an ecosystem of OSV: "Debian:12", "Ubuntu:22.04:LTS", "Alpine:v3.19", "Rocky Linux:9",
// "AlmaLinux:9", "Red Hat:enterprise_linux:9::baseos". nullopt: others, such as those with extended
// support, whose packages are not those of the release.
std::optional<Release> release_of_ecosystem(std::string_view ecosystem);

// By the namespace and the qualifier `distro` of a package URL:
// pkg:deb/debian/openssl@3.0.11?arch=amd64&distro=debian-12.
std::optional<Release> release_of_purl(std::string_view purl);

}  // namespace advisories
