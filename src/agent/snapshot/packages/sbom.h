#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/snapshot/packages/collect.h"
#include "agent/watch/snapshot.h"
#include "base/id.h"
#include "base/time.h"

namespace agent::snapshot::packages {

// SBoM: what package managers say is installed below `root`.
std::unique_ptr<Snapshot> make(const std::string& root = {});

// A CycloneDX 1.5 document in JSON (ECMA-424). Threads: pure.
std::string cyclonedx(const Inventory& inventory, std::string_view agent_version,
                      const base::Guid& serial, base::WallTime now);
// For people, a line for each; and as a JSON array of the event's items.
std::string table(const Inventory& inventory);
std::string json(const Inventory& inventory);

// `vedette-agent sbom [-o cyclonedx|table|json] [--root DIR]`; `words` without the verb. Returns
// the exit status: 1 when a database could not be read, 2 when the words are wrong.
int command(const std::vector<std::string_view>& words);

}  // namespace agent::snapshot::packages
