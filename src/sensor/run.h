#pragma once

#include <cstdio>

#include "sensor/config.h"

namespace sensor {

// What a configuration means on this machine: 0, or 1 with what is wrong on standard error.
int check_config(const Config& config, std::FILE* out);

// Listens until SIGINT or SIGTERM: first a line that says that it is ready, then what
// `config.what` says, as lines of JSON. Gives up all rights once it listens (sandbox.h). Returns
// the process's exit code.
int run(const Config& config, std::FILE* out);

}  // namespace sensor
