#pragma once

#include <functional>
#include <string>
#include <tuple>

#include <sys/types.h>

#include "base/result.h"
#include "sensor/inventory/edits.h"

namespace sensor {

// Where people's edits are, in a state folder.
inline constexpr const char* kEditsFile = "/edits.jsonl";

// No file: no edits. Errors: Io, TooLarge.
base::Result<inventory::Edits> read_edits(const std::string& path);

// Adds one, durably, to the file of that folder (0600, of the folder's owner). `make` gets those
// that are there, and whose number and time are filled in after. What a crash left of a line that
// was never confirmed is taken away. Errors: Conflict (somebody else is at it), those of `make`,
// Io.
using MakeEdit = std::function<base::Result<inventory::Edit>(const inventory::Edits&)>;
base::Result<inventory::Edit> append_edit(const std::string& folder, const MakeEdit& make);

// Takes over edits while a sensor runs. Threads: one.
class EditsWatch {
 public:
  explicit EditsWatch(std::string path) : path_(std::move(path)) {}
  // Reads the file if it is another than last time. What cannot be read leaves `edits` as it is,
  // and is told.
  void look(inventory::Edits& edits);
  const std::string& problem() const { return problem_; }

 private:
  using Mark = std::tuple<ino_t, off_t, time_t, long>;
  std::string path_;
  Mark mark_{};
  std::string problem_;
};

}  // namespace sensor
