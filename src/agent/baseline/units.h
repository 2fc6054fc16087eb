#pragma once

#include <string>
#include <vector>

#include "agent/baseline/host.h"

// What starts with the system: systemd's units by their links, and scripts of System V init.
namespace agent::baseline {

// Folders with units, the one that wins first. Source: systemd.unit(5).
inline constexpr const char* kUnitFolders[] = {"/etc/systemd/system", "/run/systemd/system",
                                               "/usr/local/lib/systemd/system",
                                               "/usr/lib/systemd/system", "/lib/systemd/system"};

struct UnitState {
  bool exists = false;
  bool masked = false;
  std::string enabled_by;  // path of the link or script that starts it; empty: none
};

// `unit` with its ending ("ssh.service"). A service's script in /etc/rc?.d counts as well, unless
// systemd is in charge and has a unit of that name.
base::Result<UnitState> unit_state(const Host& host, const std::string& unit);
// The unit's own text with its drop-ins, in the order systemd reads them. "" when there is none.
base::Result<std::string> unit_text(const Host& host, const std::string& unit);
// Where the unit's file is; "" when there is none.
base::Result<std::string> unit_path(const Host& host, const std::string& unit);

}  // namespace agent::baseline
