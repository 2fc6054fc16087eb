#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "sensor/capture/source.h"
#include "sensor/config.h"

namespace sensor {

// An interface that is listened to.
struct Interface {
  std::vector<std::unique_ptr<capture::PacketSource>> sources;
  std::string opened_by;  // for people: "itself", or which helper
};

// Opens the interface that the configuration names, by itself or, where that may not, by a helper:
// config.helper, or the socket unit's, or the one beside this program. Before there are threads.
// Errors: those of the sources and of opener::ask_helper; Denied says in some lines what to do.
base::Result<Interface> open_interface(const Config& config);

}  // namespace sensor
