#include "hub/queries/security_group.h"

#include "base/text.h"

namespace hub::queries {

std::string_view security_group(const base::json::Value& tags) {
  const std::string_view group = base::trim(tags.text_or(kSecurityGroupTag, ""));
  return group.empty() ? kDefaultSecurityGroup : group;
}

base::Result<std::string> security_group(twins::Twins& twins, const identity::Name& name) {
  const twins::Twin own = TRY(twins.get({name.device_id, {}}));
  for (const std::string_view module : kSecurityModules) {
    const auto twin = twins.get({name.device_id, std::string(module)});
    if (!twin) {
      if (twin.error().code == base::Code::NotFound) continue;
      return std::unexpected(twin.error());
    }
    if (!base::trim(twin->tags.properties.text_or(kSecurityGroupTag, "")).empty())
      return std::string(security_group(twin->tags.properties));
  }
  return std::string(security_group(own.tags.properties));
}

}  // namespace hub::queries
