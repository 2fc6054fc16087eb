#pragma once

#include <set>
#include <string>
#include <string_view>

#include "agent/baseline/host.h"

// Installed software, from the package managers' own databases: dpkg, opkg, apk.
namespace agent::baseline {

struct Installed {
  std::set<std::string> packages;
  std::string source;  // "dpkg", "opkg", "apk"; empty: no database that we read
  bool rpm = false;    // an rpm database is there; it is not read
};
base::Result<Installed> read_installed(const Host& host);

// Names with "Status: ... installed" of a dpkg or opkg status file. Threads: pure.
std::set<std::string> read_dpkg_status(std::string_view text);
// Names ("P:") of apk's database. Threads: pure.
std::set<std::string> read_apk_installed(std::string_view text);

// Which of the paths no package has put there. Errors: Unsupported (a package manager that does
// not say).
base::Result<std::set<std::string>> without_package(const Host& host, std::set<std::string> paths);

}  // namespace agent::baseline
