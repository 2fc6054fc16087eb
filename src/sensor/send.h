#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "sensor/config.h"

namespace sensor {

// Reads captures through the whole path and tells the hub of config.hub what they say, as a sensor
// would have that listened then: a capture that is sent again makes the same events, which the hub
// keeps once. Waits for the hub to take all of it, until SIGINT or SIGTERM; what it did not take
// then goes with the next sensor of that folder. Ends with a JSON line: what was told. Returns the
// process's exit code: 0; 1 when a file could not be read to its end, or the hub did not get all.
int send(const Config& config, const std::vector<std::string>& files, std::FILE* out);

}  // namespace sensor
