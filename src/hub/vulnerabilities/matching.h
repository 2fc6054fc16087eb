#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hub/vulnerabilities/bundle_file.h"
#include "hub/vulnerabilities/inventory.h"

namespace hub::vulnerabilities {

// A vulnerability in a package that is installed.
struct Flaw {
  std::string name;
  std::string package;    // the source
  std::string installed;  // its version
  std::string fixed;      // the version to install; empty: there is none yet
  advisories::Severity severity{};
  advisories::Plan plan{};  // where there is no fix
  double score = 0;
  std::string release;
  std::string binaries;  // "libssl3 openssl"

  bool operator==(const Flaw&) const = default;
};

using BundleSet = std::vector<std::shared_ptr<const BundleFile>>;

// What the bundles know about these packages, by package and name; at most kMaxFlaws, the severe
// first to stay. Where the Debian tracker's bundle says anything about a vulnerability of a
// package, OSV bundles are not asked about it. Of what several advisories say the furthest fix
// counts. Errors: those of the bundles.
inline constexpr std::size_t kMaxFlaws = 20'000;
base::Result<std::vector<Flaw>> match(const Inventory& inventory, const BundleSet& bundles);

// Whether any of them is about that release.
bool covers(const BundleSet& bundles, const advisories::Release& release);

}  // namespace hub::vulnerabilities
