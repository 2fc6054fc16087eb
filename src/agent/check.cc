#include "agent/check.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/hub_identity.h"
#include "agent/local/local_configuration.h"
#include "agent/local/local_socket.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "os/privilege.h"
#include "os/tls.h"

namespace agent {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Our own reported properties, beside those that repeat the settings.
constexpr std::string_view kOwnReported = "vedette";
// Source: Azure IoT Hub, "Understand and use module twins", format of properties.
constexpr std::size_t kMaxTwinName = 1024;

// A hub takes no other names into a twin.
bool may_name_settings(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTwinName && name != kOwnReported &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c > ' ' && c != '\x7f' && c != '.' && c != '$';
         });
}

// An error's own lines, each a problem.
void add_lines(std::vector<std::string>& lines, const base::Error& error) {
  const bool of_a_key = std::string_view(error.what).starts_with("hub.");
  const std::string text = error.detail.empty() ? error.to_string()
                           : of_a_key           ? fmt::format("{}: {}", error.what, error.detail)
                                                : error.detail;
  for (const std::string_view line : base::split(text, '\n'))
    lines.emplace_back(line);
}

void look_at_secret(const char* key, const std::string& path, CheckResult& found) {
  struct stat status{};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return;
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    found.notes.push_back(fmt::format("{}: {} holds a secret and others may read it (mode {:04o})",
                                      key, path, status.st_mode & 07777));
  }
}

void look_at_hub(const Config& config, CheckResult& found) {
  auto identity = read_identity(config);
  if (!identity) {
    add_lines(found.problems, identity.error());
  } else {
    uplink::wipe(*identity);
  }
  if (const auto trust = os::TlsClient::create(config.hub.ca_file); !trust)
    found.problems.push_back("hub.ca_file: " + trust.error().to_string());
  look_at_secret("hub.connection_string_file", config.hub.connection_string_file, found);
  look_at_secret("hub.private_key_file", config.hub.private_key_file, found);
}

// The folder that is there, of it and its parents.
std::filesystem::path existing_part(std::filesystem::path folder) {
  std::error_code error;
  while (!std::filesystem::exists(folder, error) && folder.has_relative_path())
    folder = folder.parent_path();
  return folder.empty() ? "." : folder;
}

void look_at_state(const Config& config, CheckResult& found) {
  const std::filesystem::path there = existing_part(config.state.dir);
  std::error_code error;
  if (!std::filesystem::is_directory(there, error)) {
    found.problems.push_back(fmt::format("state.dir: {} is in the way: no folder", there.string()));
  } else if (::access(there.c_str(), W_OK) != 0) {
    found.problems.push_back(fmt::format("state.dir: {} may not be written", there.string()));
  } else if (const auto space = std::filesystem::space(there, error);
             !error && space.available < config.state.max_bytes) {
    found.notes.push_back(
        fmt::format("state.dir: {} has {} MiB free, less than state.max_bytes ({} MiB)",
                    there.string(), space.available >> 20U, config.state.max_bytes >> 20U));
  }
  if (local::socket_path(config.state.dir).size() >= sizeof(sockaddr_un::sun_path))
    found.notes.push_back(
        "state.dir: its name is too long for a socket: status and selftest will not find the "
        "agent");
}

void look_at_users(const Config& config, CheckResult& found) {
  if (::geteuid() != 0) {
    found.notes.emplace_back(
        "not root: the agent as this user sees less; probe says what works here");
    return;
  }
  if (!config.privileges.user.empty() && !os::find_account(config.privileges.user)) {
    found.notes.push_back(fmt::format(
        "privileges.user: no user {}: the collecting process stays root, with fewer capabilities",
        config.privileges.user));
  }
  if (!os::find_account(config.privileges.network_user)) {
    found.notes.push_back(
        fmt::format("privileges.network_user: no user {}: the network process becomes nobody",
                    config.privileges.network_user));
  }
}

}  // namespace

CheckResult check(const Config& config) {
  CheckResult found;
  Config whole = config;
  if (const auto applied = apply_local_configuration(whole); !applied)
    add_lines(found.problems, applied.error());
  look_at_hub(config, found);
  look_at_state(config, found);
  look_at_users(config, found);
  return found;
}

Result<void> apply_local_configuration(Config& config) {
  const std::string& path = config.hub.local_configuration;
  if (path.empty()) return {};
  const auto text = os::read_file(path, local::kMaxLocalConfiguration);
  if (!text) return {};  // read_identity says so
  const auto read = local::read_local_configuration(*text);
  if (!read) return {};
  if (!read->twin_object.empty()) {
    if (!may_name_settings(read->twin_object)) {
      return fail(Code::Invalid, "LocalConfiguration.json", -1,
                  fmt::format("{}: Configuration.RemoteConfigurationObjectName: a twin has no such "
                              "member ('.', '$', space or control character, or too long), or it "
                              "is \"{}\", which is the agent's own",
                              path, kOwnReported));
    }
    config.hub.twin_object = read->twin_object;
  }
  if (read->connection_timeout) config.hub.connect_timeout = *read->connection_timeout;
  if (read->log_level && !config.log_level_given) config.log_level = *read->log_level;
  for (const std::string& key : read->ignored) {
    LOG_NOTICE("local_configuration.ignored").field("key", key);
  }
  return {};
}

}  // namespace agent
