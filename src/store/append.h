#pragma once

#include "base/result.h"
#include "store/duck.h"
#include "store/events.h"

namespace store {

// Appends all rows of the batch to the stored tables, within the connection's transaction.
// Errors: as duck::to_error().
base::Result<void> append_batch(duck::Connection& connection, const Batch& batch);

}  // namespace store
