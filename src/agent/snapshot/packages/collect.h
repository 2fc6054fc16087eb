#pragma once

#include <string>
#include <vector>

#include "agent/snapshot/packages/databases.h"
#include "base/result.h"

namespace agent::snapshot::packages {

// What all databases of a system say.
struct Inventory {
  std::vector<Package> packages;      // sorted by manager, name, architecture, version
  std::vector<std::string> managers;  // whose database is there, readable or not
  std::vector<std::string> unknown;   // "rpm: why": databases that could not be read, or not wholly
  std::string os_id;                  // of os-release: "debian"; may be empty
  std::string os_version;             // "12"
  std::string os_name;                // "Debian GNU/Linux 12 (bookworm)"
};

// Reads the databases below `root` (empty: this system's): dpkg (status and status.d), opkg, apk,
// and rpm where it is SQLite or ndb; Berkeley DB, of before rpm 4.16, is named in `unknown`. A
// database is at most 256 MiB. Threads: any.
Inventory collect(const std::string& root);

// The packages in an rpmdb.sqlite, by libsqlite3 of the system, which is loaded for this only. The
// file is not written to. Errors: Unsupported (no libsqlite3), Corrupt, Io.
base::Result<Packages> read_rpm_sqlite(const std::string& file);

// https://github.com/package-url/purl-spec. Threads: pure.
std::string purl_of(const Package& package, const Inventory& inventory);

}  // namespace agent::snapshot::packages
