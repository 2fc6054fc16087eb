#pragma once

#include <string>

#include "base/result.h"
#include "hub/config.h"
#include "os/fd.h"

// What stands where in a hub's data folder.
namespace hub {

inline constexpr const char* kConfigFile = "hub.toml";
inline constexpr const char* kStateFile = "state.db";        // identities, users, alerts (SQLite)
inline constexpr const char* kEventsFile = "events.duckdb";  // the workspace (DuckDB)
inline constexpr const char* kJournalDir = "journal";
inline constexpr const char* kCaCertificate = "ca.pem";
inline constexpr const char* kCaKey = "ca.key";
inline constexpr const char* kServerCertificate = "server.pem";
inline constexpr const char* kServerKey = "server.key";
inline constexpr const char* kRunFile = "run.json";  // where the running hub answers

// Holds the folder for this process. Errors: Conflict (another hub has it), NotFound (no such
// folder).
base::Result<os::Fd> lock_data_dir(const std::string& data_dir);

}  // namespace hub
