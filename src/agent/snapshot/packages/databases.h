#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// The databases of package managers as lists of packages. All readers: pure; what cannot be read is
// counted. Texts are cut at kMaxField bytes, lists at kMaxPackages.
namespace agent::snapshot::packages {

inline constexpr std::size_t kMaxPackages = 65536;
inline constexpr std::size_t kMaxField = 1024;

struct Package {
  std::string name;
  std::string version;
  std::string architecture;
  std::string source;
  std::string source_version;  // empty: the same
  std::string manager;         // dpkg, opkg, apk, rpm
  std::string license;
  std::string supplier;
  std::string status;  // when it is not simply installed: "half-configured"
  std::string epoch;   // of rpm; part of `version` as well
};

struct Packages {
  std::vector<Package> list;
  std::size_t malformed = 0;
  bool cut = false;
};

// /var/lib/dpkg/status, a file of status.d, and opkg's status, which is written alike. Packages of
// which only configuration is left are not installed. Source: dpkg's deb-control(5).
Packages read_control(std::string_view text, std::string_view manager);

// /lib/apk/db/installed. Source: apk-v2 index format.
Packages read_apk(std::string_view text);

// One header of an rpm database, without the magic of files. Signatures of people (gpg-pubkey) give
// a package without an architecture. Errors: Truncated, Malformed. Source: RPM v4 header format.
base::Result<Package> read_rpm_header(base::ByteView header);

// The file of rpm's "ndb" databases, Packages.db. Errors: Truncated, Malformed of the whole.
base::Result<Packages> read_ndb(base::ByteView file);

}  // namespace agent::snapshot::packages
