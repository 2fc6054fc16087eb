#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hub/egress/forwarder.h"

namespace hub::egress {

// All forwards of a hub. Threads: any, but stop() once.
class Forwards {
 public:
  // `state_file`: SQLite, where each forward remembers how far it is. A forward that is new begins
  // with what comes from now on, or with all that the journal holds (from_start).
  // Errors: Invalid, NotFound (a setting names what is not usable; the detail says which), those of
  // the store. `ingest` and `operations` must outlive it.
  static base::Result<std::unique_ptr<Forwards>> start(std::vector<ForwardSettings> settings,
                                                       const std::string& state_file,
                                                       ingest::Ingest& ingest,
                                                       operations::Operations& operations);
  ~Forwards();  // stops
  Forwards(const Forwards&) = delete;
  Forwards& operator=(const Forwards&) = delete;

  void stop();
  std::vector<ForwardState> states() const;

 private:
  explicit Forwards(CursorTable cursors);
  CursorTable cursors_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
};

}  // namespace hub::egress
