#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "advisories/bundle.h"
#include "base/result.h"
#include "base/time.h"
#include "store/sqlite.h"

namespace hub::vulnerabilities {

// What a bundle is, as it was imported.
struct BundleInfo {
  std::string name;
  std::string id;  // of this import; another one has another
  std::string actor;
  base::WallTime imported;
  std::uint64_t source_bytes = 0;
  std::int64_t advisories = 0;  // that are about packages of releases known here
  std::int64_t packages = 0;
  std::vector<std::string> releases;  // "debian:12"; sorted
  advisories::Contents contents;
};

// What a bundle says about a package of a release.
struct KnownFlaw {
  std::string name;  // CVE-2024-1
  advisories::Severity severity{};
  advisories::Plan plan{};
  double score = 0;
  std::string ranges;
};

// What it says about a vulnerability.
struct KnownAdvisory {
  struct Package {
    std::string release;
    std::string name;
    advisories::Severity severity{};
    advisories::Plan plan{};
    std::string ranges;
  };
  std::string name;
  std::string origin;
  std::string summary;
  advisories::Severity severity{};
  double score = 0;
  std::vector<Package> packages;
};

// A bundle as the hub keeps it: a SQLite file that never changes once it is written.
// Threads: any; readers wait for each other.
class BundleFile {
 public:
  // Writes what the source has into a new file, durably. Errors: those of read_bundle() and of the
  // store; the file is gone then.
  static base::Result<void> write(const std::string& path, BundleInfo info,
                                  advisories::Source& source, const advisories::Limits& limits,
                                  const advisories::Progress& progress);
  // Errors: Corrupt, Unsupported (of a newer program), Io.
  static base::Result<std::shared_ptr<const BundleFile>> open(const std::string& path);

  const BundleInfo& info() const { return info_; }
  base::Result<std::vector<KnownFlaw>> flaws(std::string_view release,
                                             std::string_view package) const;
  // All that are said under that name; those of a distribution's advisory name it as origin.
  base::Result<std::vector<KnownAdvisory>> find(std::string_view name) const;

 private:
  BundleFile(store::Sqlite db, BundleInfo info) : info_(std::move(info)), db_(std::move(db)) {}

  const BundleInfo info_;
  mutable std::mutex mutex_;
  mutable store::Sqlite db_;  // guarded by mutex_
};

}  // namespace hub::vulnerabilities
