#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/baseline/check.h"
#include "agent/baseline/engine.h"
#include "agent/baseline/facts.h"
#include "base/result.h"

// Checks in the XML of the original agent: <baseline><audits><audit><check command=.../>...
// docs/how-to/write-own-baseline-checks.md describes it.
namespace agent::baseline {

// A condition under which a check makes sense: <dependency type="FileExists">/etc/x</dependency>.
struct Dependency {
  std::string type;
  std::string value;
};

struct CustomCheck {
  std::string distro;   // "*" when not given
  std::string command;  // "CheckFileExists"
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<Dependency> dependencies;

  // Empty when there is none.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
};

// What one audit wants: all of its checks.
struct Audit {
  std::string description, msid, cceid, severity, remediation, rule_id;
  std::vector<CustomCheck> checks;
  std::vector<Dependency> dependencies;  // of the section that it stands in
};

struct CustomBaseline {
  std::string id;  // "OMS.Linux.1"
  std::vector<Audit> audits;
};

// Errors: as XmlReader; Malformed (no <baseline>, an audit without a check); TooLarge.
// Threads: pure.
base::Result<CustomBaseline> read_custom(std::string_view xml);

// Where the file is and what it must be. Errors, each with what to do about it in its detail:
// NotFound, Denied, Io, Conflict (another SHA-256), and those of read_custom. An empty hash is not
// compared.
base::Result<CustomBaseline> load_custom(const Host& host, const std::string& path,
                                         const std::string& sha256);

Finding judge_audit(const Audit& audit, Facts& facts);

// Is there a way to judge the command?
bool knows_command(std::string_view command);

}  // namespace agent::baseline
