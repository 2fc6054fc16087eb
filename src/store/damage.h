#pragma once

#include <string>

#include "base/result.h"

namespace store {

// Looks through a SQLite file that there must be, all of it, for damage that would show much later
// or never. Before anything of this process has it open.
// Errors: Corrupt (also where it is empty; the detail says what to do), as Sqlite::open.
base::Result<void> check_sqlite(const std::string& path);

}  // namespace store
