#include "hub/queries/maintenance.h"

namespace hub::queries {

Maintenance maintenance(const base::json::Value& tags, base::WallTime now) {
  const auto* tag = tags.find(kMaintenanceTag);
  if (tag == nullptr) return {};
  if (const bool* on = tag->if_bool()) return {*on, {}};
  if (tag->if_string() == nullptr) return {};
  const auto until = base::parse_rfc3339(*tag->if_string());
  if (!until) return {};
  if (now < until->utc) return {true, {}};
  return {false, until->utc};
}

}  // namespace hub::queries
