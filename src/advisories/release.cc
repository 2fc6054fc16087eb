#include "advisories/release.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace advisories {
namespace {

struct FamilyName {
  Family family;
  std::string_view name;       // ours, in texts
  std::string_view ecosystem;  // OSV's
};
constexpr std::array<FamilyName, 6> kFamilies{{{Family::Debian, "debian", "Debian"},
                                               {Family::Ubuntu, "ubuntu", "Ubuntu"},
                                               {Family::Alpine, "alpine", "Alpine"},
                                               {Family::RedHat, "redhat", "Red Hat"},
                                               {Family::Rocky, "rocky", "Rocky Linux"},
                                               {Family::Alma, "almalinux", "AlmaLinux"}}};

struct Codename {
  Family family;
  std::string_view name;
  std::string_view version;
};
// Source: distro-info-data.
constexpr std::array<Codename, 24> kCodenames{
    {{Family::Debian, "wheezy", "7"},       {Family::Debian, "jessie", "8"},
     {Family::Debian, "stretch", "9"},      {Family::Debian, "buster", "10"},
     {Family::Debian, "bullseye", "11"},    {Family::Debian, "bookworm", "12"},
     {Family::Debian, "trixie", "13"},      {Family::Debian, "forky", "14"},
     {Family::Debian, "duke", "15"},        {Family::Debian, "sid", "sid"},
     {Family::Ubuntu, "trusty", "14.04"},   {Family::Ubuntu, "xenial", "16.04"},
     {Family::Ubuntu, "bionic", "18.04"},   {Family::Ubuntu, "focal", "20.04"},
     {Family::Ubuntu, "groovy", "20.10"},   {Family::Ubuntu, "hirsute", "21.04"},
     {Family::Ubuntu, "impish", "21.10"},   {Family::Ubuntu, "jammy", "22.04"},
     {Family::Ubuntu, "kinetic", "22.10"},  {Family::Ubuntu, "lunar", "23.04"},
     {Family::Ubuntu, "mantic", "23.10"},   {Family::Ubuntu, "noble", "24.04"},
     {Family::Ubuntu, "oracular", "24.10"}, {Family::Ubuntu, "plucky", "25.04"}}};

constexpr std::size_t kMaxVersionParts = 16;  // characters of a release's number

// "22.04.3" with two numbers: "22.04". Empty: it does not begin with that many.
std::string numbers(std::string_view text, std::size_t count) {
  std::string out;
  for (const std::string_view part : base::split(text, '.')) {
    if (count == 0) break;
    if (part.empty() || part.find_first_not_of("0123456789") != std::string_view::npos) return {};
    if (!out.empty()) out += '.';
    out += part;
    --count;
  }
  return count == 0 && out.size() <= kMaxVersionParts ? out : std::string();
}

// The part of its number that advisories are for.
std::optional<Release> with_version(Family family, std::string_view version) {
  if (auto named = release_of_codename(family, version)) return named;
  const bool two = family == Family::Ubuntu || family == Family::Alpine;
  if (family == Family::Alpine && version.starts_with('v')) version.remove_prefix(1);
  std::string number = numbers(version, two ? 2 : 1);
  if (number.empty()) return std::nullopt;
  return Release{family, std::move(number)};
}

std::optional<Family> family_of_id(std::string_view id) {
  if (base::equal_ignore_case(id, "raspbian")) return Family::Debian;
  if (base::equal_ignore_case(id, "rhel")) return Family::RedHat;
  for (const FamilyName& each : kFamilies) {
    if (base::equal_ignore_case(id, each.name)) return each.family;
  }
  return std::nullopt;
}

const FamilyName& names_of(Family family) {
  return *std::ranges::find(kFamilies, family, &FamilyName::family);
}

}  // namespace

Ordering ordering_of(Family family) {
  switch (family) {
    case Family::Debian:
    case Family::Ubuntu:
      return Ordering::Dpkg;
    case Family::Alpine:
      return Ordering::Apk;
    case Family::RedHat:
    case Family::Rocky:
    case Family::Alma:
      break;
  }
  return Ordering::Rpm;
}

std::string to_string(const Release& release) {
  return std::string(names_of(release.family).name) + ":" + release.version;
}

std::optional<Release> parse_release(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto family = family_of_id(text.substr(0, colon));
  if (!family) return std::nullopt;
  return with_version(*family, text.substr(colon + 1));
}

std::optional<Release> release_of_system(std::string_view id, std::string_view version) {
  const auto family = family_of_id(id);
  if (!family) return std::nullopt;
  return with_version(*family, version);
}

std::optional<Release> release_of_codename(Family family, std::string_view codename) {
  for (const Codename& each : kCodenames) {
    if (each.family == family && base::equal_ignore_case(each.name, codename))
      return Release{family, std::string(each.version)};
  }
  return std::nullopt;
}

std::optional<Release> release_of_ecosystem(std::string_view ecosystem) {
  const std::vector<std::string_view> parts = base::split(ecosystem, ':');
  if (parts.size() < 2 || parts.size() > 8) return std::nullopt;
  const auto known = std::ranges::find(kFamilies, parts[0], &FamilyName::ecosystem);
  if (known == kFamilies.end()) return std::nullopt;
  if (known->family == Family::RedHat) {
    // A product in the words of a CPE: only the enterprise linux itself.
    if (parts.size() < 3 || parts[1] != "enterprise_linux") return std::nullopt;
    return with_version(known->family, parts[2]);
  }
  const bool long_term = parts.size() == 3 && known->family == Family::Ubuntu && parts[2] == "LTS";
  if (parts.size() != 2 && !long_term) return std::nullopt;
  return with_version(known->family, parts[1]);
}

std::optional<Release> release_of_purl(std::string_view purl) {
  constexpr std::string_view kScheme = "pkg:";
  if (!purl.starts_with(kScheme)) return std::nullopt;
  purl.remove_prefix(kScheme.size());
  const std::size_t query = purl.find('?');
  if (query == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> path = base::split(purl.substr(0, query), '/');
  if (path.size() < 3) return std::nullopt;
  const std::string id = base::percent_decode(path[1]);
  for (const std::string_view pair : base::split(purl.substr(query + 1), '&')) {
    constexpr std::string_view kDistro = "distro=";
    if (!pair.starts_with(kDistro)) continue;
    const std::string distro = base::percent_decode(pair.substr(kDistro.size()));
    std::string_view version = distro;
    // "debian-12", or "bookworm" alone.
    if (version.size() > id.size() && version[id.size()] == '-' &&
        base::equal_ignore_case(version.substr(0, id.size()), id))
      version.remove_prefix(id.size() + 1);
    return release_of_system(id, version);
  }
  return std::nullopt;
}

}  // namespace advisories
