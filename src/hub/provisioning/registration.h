#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "hub/provisioning/enrollment.h"

// The bodies of requests and answers about registrations. Threads: pure.
namespace hub::provisioning {

inline constexpr std::size_t kMaxRegistrationBytes = 96U << 10U;

// The body of a registration: {"registrationId":"..","payload":..}; an empty one says nothing. The
// payload is for custom allocation, which is not served: it must be JSON, and is passed over.
// Errors: TooLarge, Invalid (no JSON object; another registration id; a proof that is not served).
base::Result<void> check_registration_body(std::string_view body, std::string_view registration_id);

// {"operationId":"..","status":"..","registrationState":{..}}: with no `registration`, just the
// id and that it is assigning.
std::string operation_body(std::string_view operation_id, std::string_view registration_id,
                           const Registration* registration, std::string_view hub_host);

// {"errorCode":401002,"trackingId":"..","message":"..","timestampUtc":".."}
std::string error_body(std::uint32_t code, std::string_view message, std::string_view tracking_id,
                       base::WallTime now);

}  // namespace hub::provisioning
