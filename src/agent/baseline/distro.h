#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/baseline/host.h"

namespace agent::baseline {

// What kind of system it is, after /etc/os-release.
struct Distro {
  std::string name;  // "debian", "ubuntu", "redhat", "centos", "oracle", "sles", else the ID itself
  std::vector<unsigned> version;  // 12, or 22 and 4
  bool red_hat_family = false;    // by ID or ID_LIKE
};

Distro distro_of(std::string_view os_release);
base::Result<Distro> read_distro(const Host& host);

// Does the expression include the system?
//
//   *                         all of them
//   Ubuntu|Debian             any of the names; case does not matter
//   CentOS>=7|SLES=11         with a version: = < > <= >=, by as many parts as are written
//   !SLES=11                  not that one
//   and|!RedHat|!SLES         all of the terms instead of any
//
// nullopt: not such an expression. Threads: pure.
std::optional<bool> distro_matches(std::string_view expression, const Distro& distro);

}  // namespace agent::baseline
