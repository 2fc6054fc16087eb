#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace os {

// How far the kernel could confine us.
struct Confinement {
  int version = 0;          // of Landlock; 0: the kernel has none
  bool files = false;       // only the named paths can be read or written
  bool listening = false;   // no TCP port can be bound
  bool signalling = false;  // no process outside can be signalled
};

// What is left of the file system: at or below these paths; absent ones are passed over.
struct Places {
  std::vector<std::string> read;
  // Files and folders there can be made, changed, renamed and removed, too; nothing can be
  // executed.
  std::vector<std::string> change;
};

// Takes away from this thread, and those it starts, for good, all of the file system but that; with
// newer kernels also listening on TCP and signalling others. Open descriptors stay usable. Needs
// no_new_privs. Errors: Io. A kernel without Landlock is no error: version is 0 then.
base::Result<Confinement> confine_to(const Places& places);

}  // namespace os
