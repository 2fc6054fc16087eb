#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sqlite.h"

// What detectors remember, on disk beside the alerts: pieces by owner and key.
namespace detect {

// A piece of memory after a change. Keys and values are any bytes.
struct MemoryChange {
  std::string key;
  std::optional<std::string> value = {};  // nullopt: it is forgotten
};
struct OwnedChange {
  std::string owner;  // Detector::name()
  MemoryChange change;
};

// False: the piece is of no use and is forgotten.
using MemoryReader = std::function<bool(std::string_view key, std::string_view value)>;

// For the sources of this folder: the tables, and the statements over them. Errors: those of
// store::Sqlite.
std::span<const std::string_view> memory_migrations();
base::Result<void> write_memory(store::Sqlite& db, std::span<const OwnedChange> changes);
// Hands out all pieces of the owner, in the order of their keys; how many were of no use.
base::Result<std::size_t> read_memory(store::Sqlite& db, std::string_view owner,
                                      const MemoryReader& reader);

}  // namespace detect
