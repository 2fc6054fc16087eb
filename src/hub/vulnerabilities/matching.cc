#include "hub/vulnerabilities/matching.h"

#include <algorithm>
#include <map>
#include <set>

namespace hub::vulnerabilities {

using base::Result;

namespace {

std::string names_of(const SourcePackage& package) {
  std::string out;
  for (const SourcePackage::Binary& binary : package.binaries) {
    if (out.ends_with(binary.name) &&
        (out.size() == binary.name.size() || out[out.size() - binary.name.size() - 1] == ' '))
      continue;  // the same in two versions
    if (!out.empty()) out += ' ';
    out += binary.name;
  }
  return out;
}

// Two advisories about one vulnerability: what is further from being in order counts.
void join(advisories::Ordering ordering, const Flaw& other, Flaw& flaw) {
  if (flaw.fixed.empty() || other.fixed.empty()) {
    // One that knows of a fix knows more.
    if (flaw.fixed.empty()) flaw.fixed = other.fixed;
  } else if (compare(ordering, flaw.fixed, other.fixed) < 0) {
    flaw.fixed = other.fixed;
  }
  flaw.severity = std::max(flaw.severity, other.severity);
  flaw.score = std::max(flaw.score, other.score);
}

// The tracker's bundles first, then the others.
BundleSet in_order(const BundleSet& bundles) {
  BundleSet out = bundles;
  std::ranges::stable_partition(out, [](const auto& bundle) {
    return bundle->info().contents.format == advisories::Format::DebianTracker;
  });
  return out;
}

Result<void> match_package(const SourcePackage& package, const advisories::Release& release,
                           const BundleSet& bundles, std::map<std::string, Flaw>& out) {
  const advisories::Ordering ordering = ordering_of(release.family);
  const std::string release_name = to_string(release);
  std::set<std::string> decided;  // by the tracker
  for (const auto& bundle : bundles) {
    const bool tracker = bundle->info().contents.format == advisories::Format::DebianTracker;
    for (const KnownFlaw& known : TRY(bundle->flaws(release_name, package.name))) {
      if (!tracker && decided.contains(known.name)) continue;
      if (tracker) decided.insert(known.name);
      const advisories::Match found = advisories::match(ordering, known.ranges, package.version);
      if (!found.affected) continue;
      Flaw flaw{.name = known.name,
                .package = package.name,
                .installed = package.version,
                .fixed = std::string(found.fixed),
                .severity = known.severity,
                .plan = known.plan,
                .score = known.score,
                .release = release_name,
                .binaries = {}};
      const auto [place, is_new] = out.try_emplace(known.name, flaw);
      if (!is_new) join(ordering, flaw, place->second);
    }
  }
  return {};
}

}  // namespace

bool covers(const BundleSet& bundles, const advisories::Release& release) {
  const std::string name = to_string(release);
  return std::ranges::any_of(bundles, [&](const auto& bundle) {
    return std::ranges::binary_search(bundle->info().releases, name);
  });
}

Result<std::vector<Flaw>> match(const Inventory& inventory, const BundleSet& bundles) {
  std::vector<Flaw> out;
  if (!inventory.release()) return out;
  const BundleSet ordered = in_order(bundles);
  for (const SourcePackage& package : inventory.packages()) {
    std::map<std::string, Flaw> flaws;
    TRY(match_package(package, *inventory.release(), ordered, flaws));
    const std::string binaries = flaws.empty() ? std::string() : names_of(package);
    for (auto& [name, flaw] : flaws) {
      flaw.binaries = binaries;
      out.push_back(std::move(flaw));
    }
  }
  if (out.size() > kMaxFlaws) {
    std::ranges::stable_sort(out, std::greater{}, &Flaw::severity);
    out.resize(kMaxFlaws);
  }
  return out;
}

}  // namespace hub::vulnerabilities
