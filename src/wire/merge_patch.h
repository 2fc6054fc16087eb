#pragma once

#include <optional>

#include "base/json.h"

// JSON merge patches (RFC 7396), as device twins use them: objects are merged member by member,
// null removes, everything else replaces. Both ends use them. Threads: pure.
namespace wire {

// The target with the patch applied. Repeated members count as base::json does: the last; the
// result has none. Members of the target keep their order, new ones follow.
base::json::Value merge(const base::json::Value& target, const base::json::Value& patch);

// The patch that makes `from` into `to`, both objects; an empty object when they are the same.
// A null in `to` is taken as absent, since a merge patch cannot say it.
base::json::Value difference(const base::json::Value& from, const base::json::Value& to);

// The same JSON: the order of members does not count, and 1 and 1.0 are the same number.
bool same_json(const base::json::Value& a, const base::json::Value& b);

// Does the object have no members?
bool is_empty_object(const base::json::Value& value);

}  // namespace wire
