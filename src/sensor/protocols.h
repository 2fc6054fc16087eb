#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dissect/described/described.h"

namespace sensor {

// The protocols that a sensor knows: those that are built in, then those that its users describe
// (docs/how-to/describe-a-protocol.md). Outlives all that the sensor makes.
class Protocols {
 public:
  // All *.json of the folder, by name; empty: none. Errors: NotFound (there is no such folder);
  // Invalid, with a line for each problem: "FILE:LINE: what".
  static base::Result<Protocols> load(const std::string& folder);

  std::span<const dissect::Protocol* const> all() const { return all_; }
  // How many of them are the users'.
  std::size_t own() const { return own_.size(); }

 private:
  std::vector<std::unique_ptr<dissect::described::Description>> own_;
  std::vector<const dissect::Protocol*> all_;
};

// What to tell people about why they could not be loaded: a line for each problem.
std::string explained(const base::Error& error);

}  // namespace sensor
