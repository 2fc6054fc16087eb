#pragma once

#include <cstddef>
#include <optional>

#include "hub/api/api.h"
#include "hub/limits/settings.h"

namespace hub::api {

// Counts what is asked of our own API towards the limits: what costs devices something, whoever
// asks. An answer, and a record, when it may not be done. Without devices to serve there are no
// limits.
std::optional<Response> charge_service(const Request& request, Services& services,
                                       limits::Kind kind, std::size_t bytes, base::WallTime now,
                                       base::MonoTime mono_now);

}  // namespace hub::api
