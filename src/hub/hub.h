#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "hub/config.h"

namespace hub {

// "0.1.0"
std::string_view version();

// What init() made. The password and the connection string are secrets, shown once.
struct InitResult {
  std::string data_dir;
  std::string host_name;
  std::string ca_certificate;  // path
  std::string config_file;     // path
  std::string admin_user;
  std::string admin_password;
  std::string service_connection_string;

  std::string to_json() const;
};

// Makes a data folder: certificate authority, server certificate, policies, administrator,
// hub.toml. What an interrupted call left behind is made anew. Errors: Exists (the folder holds a
// hub), Invalid (host name), Conflict (a hub runs in it), Io.
base::Result<InitResult> init(const std::string& data_dir, const std::string& host_name,
                              base::WallTime now);

// A hub that serves: all its parts, in the order in which they need each other.
// Threads: one, whose signals are blocked already, so that the hub's threads inherit that.
class Hub {
 public:
  // Errors: NotFound (no hub was made there), Conflict (another process uses the folder, or a
  // port), Invalid, Io, Corrupt; the detail says what to do.
  static base::Result<std::unique_ptr<Hub>> start(Config config);
  ~Hub();  // stops
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // One line: {"event":"ready","mqtts":"127.0.0.1:8883","https":"https://127.0.0.1:8443","pid":1}
  std::string ready_json() const;
  // Writes what is kept in memory for a while. Call it every few seconds.
  void maintain();
  // Takes nothing more, stores and acknowledges what was taken, closes. Idempotent.
  void stop();

 private:
  struct State;
  explicit Hub(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A URL that logs the administrator in, once, within ten minutes. Works while the hub runs, and
// before. Errors: NotFound (no hub was made there, or it has no administrator).
base::Result<std::string> login_link(const Config& config, base::WallTime now);

}  // namespace hub
