#pragma once

#include <memory>

#include "hub/retention/retention.h"

namespace store {
class EventStore;
}

namespace hub::retention {

// The event store as retention sees it. `events` must outlive it.
std::unique_ptr<Shelf> make_shelf(store::EventStore& events);

}  // namespace hub::retention
