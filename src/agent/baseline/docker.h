#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/baseline/host.h"
#include "base/json.h"
#include "base/result.h"

// What the Docker engine says over its socket, in the forms that its command line has.
namespace agent::baseline::docker {

base::Result<base::json::Value> get(const Host& host, const std::string& path);
// Each running container, or each network, as its inspection says.
base::Result<std::vector<base::json::Value>> containers(const Host& host);
base::Result<std::vector<base::json::Value>> networks(const Host& host);
// As `docker info` prints the parts that checks ask for.
base::Result<std::vector<std::string>> info_lines(const Host& host);
// "18.09.2/17.03.2": what the community edition needs, then the enterprise edition (whose version
// ends in -ee).
base::Result<bool> version_at_least(const Host& host, std::string_view versions);
base::Result<bool> in_swarm(const Host& host, bool wanted);

// A member along a path, "HostConfig.Privileged"; nullptr: none. Threads: pure.
const base::json::Value* member(const base::json::Value& value, std::string_view path);
// One member on each line, as an inspection is printed. Threads: pure.
std::vector<std::string> pretty_lines(const base::json::Value& value);
// The text that a template of the command line gives: {{ .A.B }}, {{json .A}}, {{if eq .A "x"}},
// {{range $v := .A}}, {{end}}. Errors: Malformed, Unsupported. Threads: pure.
base::Result<std::string> render(std::string_view text, const base::json::Value& value);

}  // namespace agent::baseline::docker
