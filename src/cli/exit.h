#pragma once

namespace cli {

// What the program's exit status says.
enum class Exit : int {
  Ok = 0,
  Failure = 1,
  Usage = 2,        // the command line or local configuration is wrong
  NotFound = 3,     // what was named does not exist
  Auth = 4,         // no credentials, wrong ones, or not enough rights
  Conflict = 5,     // it exists already, or was changed in between
  Unreachable = 6,  // no hub, or none that can be trusted, answers
};

}  // namespace cli
