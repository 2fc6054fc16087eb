#pragma once

#include "base/time.h"
#include "schema/message.h"

namespace agent {

// An event without its payload yet: with an id of its own, and that time in the device's zone.
// Threads: any.
schema::Event new_event(base::WallTime time);

}  // namespace agent
