#pragma once

#include <string_view>

#include "base/time.h"
#include "schema/message.h"
#include "sensor/engine/engine.h"
#include "sensor/engine/record.h"
#include "sensor/inventory/inventory.h"

// What a sensor knows, as items of its events (docs/reference/events.md). Metadata only: who, what,
// how much; never what was written or read. Threads: pure.
namespace sensor::delivery {

schema::NetworkTransaction transaction_item(const engine::TransactionRecord& record);
// ExtraDetails has what the fields were told from, as far as there is room.
schema::NetworkAsset asset_item(const inventory::Device& device);

// The event around items. Its id follows from the sensor, the time and what it says, so that a
// capture that is read again makes the same events, which the hub knows again.
schema::Event event_of(schema::Payload payload, base::WallTime time, std::string_view sensor);

// Without one, events cannot say who it is.
bool has_address(const dissect::End& end);

// RFC 3339 in UTC, milliseconds.
std::string time_text(base::WallTime time);

}  // namespace sensor::delivery
