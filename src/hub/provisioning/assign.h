#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/provisioning/attest.h"
#include "hub/provisioning/enrollment.h"
#include "hub/twins/twins.h"

namespace hub::provisioning {

// What became of an assignment.
struct Assignment {
  std::string device_id;
  std::string substatus;
};

// Why there is none, in the service's code.
struct NotAssigned {
  std::uint32_t code = 500001;
  std::string message;  // for the device
  std::string detail;   // for the record
};

// Gives the device that proved itself its identity at the hub: makes it, with the initial twin, or
// brings its keys or thumbprints up to date. `former` is what became of its last registration.
// An identity that a group did not make is not the group's to change; an individual enrollment
// names its device, and may. Waits on the disk. Threads: any.
std::expected<Assignment, NotAssigned> assign(const Grant& grant, const Enrollment& enrollment,
                                              const std::optional<Registration>& former,
                                              identity::Registry& registry, twins::Twins& twins);

}  // namespace hub::provisioning
