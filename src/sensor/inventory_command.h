#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "sensor/config.h"

namespace sensor {

// vedette-sensor inventory: shows what is kept in config.state_dir, and what people make of it.
// `words`: what follows `inventory`. Returns the process's exit code: 0; 1 when it could not be
// done, with what to do on standard error; 2 when the words are wrong.
int inventory_command(const Config& config, const std::vector<std::string>& words, bool table,
                      std::FILE* out);

}  // namespace sensor
