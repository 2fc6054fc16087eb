#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/twins/twins.h"

// Devices are put into security groups, which have limits of their own, by a tag of a twin.
namespace hub::queries {

inline constexpr std::string_view kSecurityGroupTag = "SecurityGroup";
inline constexpr std::string_view kDefaultSecurityGroup = "default";
// The modules that security agents are known as: the classic one, and the micro agent.
inline constexpr std::array<std::string_view, 2> kSecurityModules = {"azureiotsecurity",
                                                                     "DefenderIotMicroAgent"};

// The group that the tags of a twin name: `default` unless the tag is a text that is not empty.
// Blanks around it do not count. Threads: pure.
std::string_view security_group(const base::json::Value& tags);

// The group of a device: the tag of a security module's twin says it, else that of its own; a
// module is in its device's. Errors: those of twins::Twins::get.
base::Result<std::string> security_group(twins::Twins& twins, const identity::Name& name);

}  // namespace hub::queries
