#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace os {

// How far the kernel could confine us.
struct Confinement {
  int version = 0;          // of Landlock; 0: the kernel has none
  bool files = false;       // only the named paths can be read, nothing written
  bool listening = false;   // no TCP port can be bound
  bool signalling = false;  // no process outside can be signalled
};

// Takes away from this process, for good, all of the file system but reading what lies at or below
// the paths (absent ones are passed over); with newer kernels also listening on TCP and signalling
// others. Open descriptors stay usable. Needs no_new_privs. Errors: Io. A kernel without Landlock
// is no error: version is 0 then.
base::Result<Confinement> confine_to_reading(std::span<const std::string> paths);

}  // namespace os
