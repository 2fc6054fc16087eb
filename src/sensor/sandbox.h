#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "os/fd.h"
#include "os/landlock.h"
#include "os/privilege.h"
#include "sensor/config.h"

namespace sensor {

// What keeps a running sensor from what it has no use for, should a packet take it over: no
// capability and no way to one, Landlock, and a filter of system calls.
//
// Left are: the files that it reads and its state folder; packets from the interface's descriptors,
// which it can neither write to, nor bind elsewhere, nor duplicate; with a hub, connections to
// others and name resolution. It starts no program, maps no code, signals and traces nobody.
class Sandbox {
 public:
  // `descriptors`: of the interfaces. After everything is open and before there are threads.
  // Errors: Io, Unsupported (the kernel cannot filter calls), unless config.sandbox says that they
  // are only told (IfPossible), or that there is only the first part of it (Off).
  static base::Result<Sandbox> enter(const Config& config, std::span<const int> descriptors);

  // For status: members of the object that is open.
  void write_status(base::json::Writer& json) const;

 private:
  base::Result<void> confine(const Config& config, std::span<const int> descriptors);

  os::Capabilities capabilities_ = 0;
  os::Confinement files_;
  bool calls_filtered_ = false;
  std::string problem_;  // why it is not all that it could be
  os::Fd self_;          // /proc/self, which Landlock knows as long as it is open
};

}  // namespace sensor
