#include "agent/logins/observation.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "schema/formats.h"

namespace agent::logins {

namespace {

constexpr std::size_t kMaxName = 256;

}  // namespace

std::string service_of(std::string_view program) {
  program = program.substr(program.rfind('/') + 1);
  // A deleted file (replaced by an update) still runs.
  if (program.ends_with(" (deleted)")) program.remove_suffix(10);
  if (program == "sshd-session" || program == "sshd-auth") return "sshd";
  return base::to_utf8(program.substr(0, kMaxName));
}

bool is_machinery(std::string_view service) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "cron",    "crond",     "anacron",      "atd",       "fcron",   "systemd",
      "runuser", "(systemd)", "systemd-user", "runuser-l", "useradd", "start-stop-daemon"};
  return std::ranges::find(kNames, service) != kNames.end();
}

bool logs_in_once(std::string_view service) {
  return service == "sshd" || service == "su" || service == "sudo" || service == "login" ||
         service == "dropbear";
}

void set_remote(Observation& observation, std::string_view text) {
  text = base::trim(text).substr(0, kMaxName);
  if (text.empty() || text == "?" || text == "UNKNOWN" || text == "(null)") return;
  constexpr std::string_view kMapped = "::ffff:";
  const std::size_t percent = text.find('%');
  std::string_view address = text.substr(0, percent);
  if (base::to_lower(address).starts_with(kMapped) &&
      schema::is_ipv4(address.substr(kMapped.size())))
    address.remove_prefix(kMapped.size());
  if (schema::is_ipv4(address) || schema::is_ipv6(address)) {
    observation.address = address;
    if (percent != std::string_view::npos)
      observation.zone = base::to_utf8(text.substr(percent + 1));
  } else if (observation.host.empty()) {
    observation.host = base::to_utf8(text);
  }
}

std::string tty_of(std::string_view text) {
  text = base::trim(text).substr(0, kMaxName);
  if (text.starts_with("/dev/")) text.remove_prefix(5);
  if (text.empty() || text == "?" || text == "ssh" || text == "sshd" || text == "(none)" ||
      text == "(null)" || text == "unknown")
    return {};
  return base::to_utf8(text);
}

}  // namespace agent::logins
