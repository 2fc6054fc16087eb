#pragma once

#include <string>

#include "base/result.h"
#include "hub/config.h"
#include "hub/retention/care.h"
#include "os/fd.h"

// What stands where in a hub's data folder.
namespace hub {

inline constexpr const char* kConfigFile = "hub.toml";
inline constexpr const char* kStateFile = "state.db";        // identities, users, alerts (SQLite)
inline constexpr const char* kEventsFile = "events.duckdb";  // the workspace (DuckDB)
inline constexpr const char* kJournalDir = "journal";
inline constexpr const char* kQuarantineFile = "quarantine.db";  // messages that did not validate
inline constexpr const char* kVulnerabilitiesFile = "vulnerabilities.db";  // software, findings
inline constexpr const char* kNetworkFile = "network.db";    // what sensors see, agents' addresses
inline constexpr const char* kAdvisoriesDir = "advisories";  // bundles, as they are compared with
inline constexpr const char* kExportDir = "export";          // results on their way out
inline constexpr const char* kContainersDir = "containers";  // lists of identities
inline constexpr const char* kUploadsDir = "uploads";        // contents of files from devices
inline constexpr const char* kCaCertificate = "ca.pem";
inline constexpr const char* kCaKey = "ca.key";
inline constexpr const char* kServerCertificate = "server.pem";
inline constexpr const char* kServerKey = "server.key";
inline constexpr const char* kBackupsDir = "backups";  // where backup.dir says nothing else
inline constexpr const char* kRunFile = "run.json";    // where the running hub answers

// What a backup of the folder has beside the event store: all but the journal, whose messages the
// event store has, and what only lives as long as a process.
retention::Care::Options care_options(const Config& config);

// Holds the folder for this process. Errors: Conflict (another hub has it), NotFound (no such
// folder).
base::Result<os::Fd> lock_data_dir(const std::string& data_dir);

}  // namespace hub
