#pragma once

#include <memory>
#include <vector>

#include "detect/changes/silent_devices.h"
#include "detect/detector.h"

namespace detect::changes {

// The detectors of this folder.
std::vector<std::unique_ptr<Detector>> make_detectors(SilenceOptions silence = {});

}  // namespace detect::changes
