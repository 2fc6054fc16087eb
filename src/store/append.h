#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "store/duck.h"
#include "store/events.h"

namespace store {

// The name of the table that rows of this one are appended to.
using TableName = std::function<std::string(const TableDefinition&)>;

// Appends all rows of the batch to the stored tables, within the connection's transaction.
// Errors: as duck::to_error().
base::Result<void> append_batch(duck::Connection& connection, const Batch& batch,
                                const TableName& name_of);

}  // namespace store
