#pragma once

#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "kql/kql.h"

namespace hub::api {

// A stretch of time as Log Analytics' clients write it (ISO 8601): P1D or PT4H, which end now;
// start/end; start/duration; duration/end. A time without an offset is UTC; a date alone is its
// first moment.
// Errors: Malformed (`what` says what), Unsupported (years and months have no fixed length),
// Invalid (it ends before it starts). Threads: pure.
base::Result<kql::TimeRange> parse_time_interval(std::string_view text, base::WallTime now);

}  // namespace hub::api
