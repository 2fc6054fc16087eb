#pragma once

#include <cstdio>

#include "base/time.h"
#include "sensor/config.h"
#include "sensor/engine/engine.h"
#include "sensor/interface.h"
#include "sensor/keeper.h"
#include "sensor/reporter.h"
#include "sensor/sandbox.h"

namespace sensor {

// What a running sensor says of itself, in a file of its state folder.
struct Status {
  const char* state = "running";
  base::WallTime since;
  const std::string& opened_by;  // Interface::opened_by
  const Sandbox& sandbox;
  const engine::Health& health;
  const Reporter* reporter = nullptr;  // none without a hub
  const Keeper& keeper;
  std::size_t edits = 0;             // that people made
  const std::string& edits_problem;  // what of them could not be read; empty: nothing
};
// Nothing without a state folder; what fails is logged.
void write_status(const Config& config, const Status& status);

// What the running sensor last said of itself, or the one before it. 1: there is nothing.
int status(const Config& config, bool table, std::FILE* out);

}  // namespace sensor
