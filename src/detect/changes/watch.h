#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "detect/alerts.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "store/events.h"

// What the detectors of this folder share; for its sources.
namespace detect::changes {

// Who sent something, as a key: a device and a module of it.
std::string origin_key(const Origin& origin);

// The last part of a path.
std::string_view base_name(std::string_view path);

// An item of an event, as what an alert stands on.
Evidence evidence_of(const schema::Event& event, std::size_t item);
// The value that an item has under that name in ExtraDetails; empty: none.
std::string_view extra(const schema::ExtraDetails& details, std::string_view name);

// A finding of the rule that is about what the origin sent.
Finding finding_of(const RuleInfo& rule, const Origin& origin);

// Whether a device was deleted.
bool deletes_device(const store::OperationRow& operation);

// Nanoseconds since 1970.
std::int64_t to_integer(base::WallTime time);
// A member that is a time of to_integer(); the epoch where there is none.
base::WallTime time_member(const base::json::Value& value, std::string_view name);

}  // namespace detect::changes
