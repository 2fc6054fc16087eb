#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "schema/decode.h"
#include "schema/message.h"

namespace detect::trial {

// One line of a trial's input: an event as a device would send it, or something else that happens
// around it (pseudo.h).
struct Step {
  std::string name;           // ProcessCreate
  base::json::Value payload;  // an item, or a list of them
  std::string device_id;      // empty: the trial's own
  std::string module_id;
  std::optional<base::WallTime> time;             // when it happened
  std::optional<std::chrono::nanoseconds> after;  // of a case: seconds after its beginning
  std::string id;                                 // of an event; empty: made up
};

// {"DeviceId":..,"Name":..,"TimestampUTC":..,"Payload":..}, or with "t" instead of a time.
// Errors: Malformed (no object, no name, no such time).
base::Result<Step> read_step(const base::json::Value& object);

// The event of a step. People write these by hand, so that more is taken than the hub takes from
// devices: required members that are missing are empty, numbers may be texts and texts numbers,
// enumerators are of any case, members that the event does not have become ExtraDetails.
// `number` makes the id of an event without one. Errors: NotFound (no such event), Malformed (what
// cannot be repaired; the detail says where).
base::Result<schema::Event> to_event(const Step& step, base::WallTime time, std::uint64_t number,
                                     schema::Decoder& decoder);

}  // namespace detect::trial
