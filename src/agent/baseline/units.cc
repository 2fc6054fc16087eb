#include "agent/baseline/units.h"

#include "agent/baseline/lines.h"

namespace agent::baseline {

using base::Result;

namespace {

bool pulls_in(std::string_view folder) {
  return folder.ends_with(".wants") || folder.ends_with(".requires") ||
         folder.ends_with(".upholds");
}

Result<std::string> enabling_link(const Host& host, const std::string& unit) {
  for (const char* const folder : kUnitFolders) {
    for (const std::string& name : TRY(list_optional(host, folder))) {
      std::string path = std::string(folder) + "/" + name;
      if (pulls_in(name)) {
        const bool found = TRY(exists(host, path + "/" + unit));
        if (found) return path + "/" + unit;
      } else if (name != unit && std::string_view(folder) == kUnitFolders[0]) {
        // An alias: a link of another name to the unit (dbus-org.bluez.service).
        const auto target = host.link(path);
        if (target && target->ends_with("/" + unit)) return path;
      }
    }
  }
  return "";
}

// /etc/rc3.d/S20snmpd
Result<std::string> start_script(const Host& host, const std::string& name) {
  for (const char* const folder :
       {"/etc/rcS.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rc.d/rc3.d",
        "/etc/rc.d/rc5.d", "/etc/rc.d"}) {
    for (const std::string& entry : TRY(list_optional(host, folder))) {
      // OpenWrt numbers in /etc/rc.d, too: S95done.
      if (entry.size() > 3 && entry.front() == 'S' && entry.substr(3) == name)
        return std::string(folder) + "/" + entry;
    }
  }
  return "";
}

}  // namespace

Result<std::string> unit_path(const Host& host, const std::string& unit) {
  for (const char* const folder : kUnitFolders) {
    std::string path = std::string(folder) + "/" + unit;
    const bool found = TRY(exists(host, path));
    if (found) return path;
  }
  return "";
}

Result<UnitState> unit_state(const Host& host, const std::string& unit) {
  UnitState state;
  const std::string path = TRY(unit_path(host, unit));
  state.exists = !path.empty();
  if (state.exists) {
    const auto target = host.link(path);
    state.masked = target && *target == "/dev/null";
  }
  if (state.masked) return state;
  state.enabled_by = TRY(enabling_link(host, unit));
  const bool service = unit.ends_with(".service");
  const bool systemd = TRY(exists(host, "/run/systemd/system"));
  if (state.enabled_by.empty() && service && !(systemd && state.exists)) {
    state.enabled_by = TRY(start_script(host, unit.substr(0, unit.size() - 8)));
    state.exists = state.exists || !state.enabled_by.empty();
  }
  return state;
}

Result<std::string> unit_text(const Host& host, const std::string& unit) {
  const std::string path = TRY(unit_path(host, unit));
  std::string text;
  if (!path.empty()) text = TRY(read_optional(host, path));
  for (const char* const folder : kUnitFolders) {
    const std::string drop_ins = std::string(folder) + "/" + unit + ".d";
    for (const std::string& name : TRY(list_optional(host, drop_ins))) {
      if (name.ends_with(".conf")) text += "\n" + TRY(read_optional(host, drop_ins + "/" + name));
    }
  }
  return text;
}

}  // namespace agent::baseline
