#pragma once

#include <string>
#include <vector>

#include "agent/baseline/check.h"
#include "agent/baseline/host.h"

namespace agent::baseline {

// What is asked of a run.
struct Options {
  std::vector<std::string> disabled_groups;
  std::vector<std::string> disabled_checks;  // by id
  bool custom_enabled = false;               // read the custom checks as well
  std::string custom_path;
  std::string custom_sha256;  // hexadecimal; what the file must have
  bool operator==(const Options&) const = default;
};

// What went wrong outside of any check: the custom file is missing, is another, is malformed.
struct Problem {
  std::string key;  // of the twin: "baselineCustomChecksFileHash"
  std::string text;
};

struct Report {
  std::vector<Finding> findings;  // our own in the order of the catalogue, then the custom ones
  std::vector<Problem> problems;
};

// Judges the system by our own checks and, if asked for, the custom ones. Starts no process; keeps
// nothing afterwards. The report of a run that was abandoned (Host) is not whole. Threads: one;
// takes seconds.
Report run(const Host& host, const Options& options);

}  // namespace agent::baseline
