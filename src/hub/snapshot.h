#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/config.h"
#include "hub/identity/registry.h"
#include "hub/operations/audit.h"

// How the hub is set up, as the audit log keeps it.
namespace hub {

// The action of a start, whose record holds the picture.
inline constexpr std::string_view kStartAction = "hub.start";

// A JSON object: version, settings (what was set, by key), tls, ipFilter (its rules in their order
// and what applies otherwise), policies, certificates. No secrets.
base::Result<std::string> snapshot_json(const Config& config, const identity::Registry& registry);

// A section of the settings that changed between two pictures: "tls", "forward.siem".
struct SettingsChange {
  std::string section;
  bool removed = false;
  std::string properties;  // JSON: before, after
};
// Errors: Malformed (a picture is none).
base::Result<std::vector<SettingsChange>> settings_changes(std::string_view before,
                                                           std::string_view after);

// Records what somebody did on the hub's machine itself. Errors: those of the stores.
base::Result<void> record_local(operations::AuditLog& audit, std::string_view action,
                                std::string_view target, base::WallTime now);

// Records that the hub starts, how it is set up, and what of the settings changed since the start
// before: settings.put and settings.delete, or forward.put and forward.delete for what the hub
// passes on. Errors: those of the stores.
base::Result<void> record_start(operations::AuditLog& audit, const Config& config,
                                const identity::Registry& registry, base::WallTime now);

}  // namespace hub
