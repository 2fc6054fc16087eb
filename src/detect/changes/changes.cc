#include "detect/changes/changes.h"

#include "detect/changes/brute_force.h"
#include "detect/changes/local_users.h"
#include "detect/changes/twin_settings.h"

namespace detect::changes {

std::vector<std::unique_ptr<Detector>> make_detectors(SilenceOptions silence) {
  std::vector<std::unique_ptr<Detector>> all;
  all.push_back(std::make_unique<LocalUserChanges>());
  all.push_back(std::make_unique<BruteForce>());
  all.push_back(std::make_unique<TwinSettings>());
  all.push_back(std::make_unique<SilentDevices>(std::move(silence)));
  return all;
}

}  // namespace detect::changes
