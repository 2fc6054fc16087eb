#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/config.h"

namespace hub {

// What init() made; the password and the connection string are shown once and kept nowhere in
// clear.
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

// Makes a data folder: local CA, server certificate, configuration, policies, administrator.
// Errors: Exists (the folder holds a hub already), Invalid (host name), Conflict (in use), Io.
base::Result<InitResult> init(const std::string& data_dir, const std::string& host_name);

// A hub that runs: all its parts, in the order in which they need each other.
class Hub {
 public:
  // Errors: Conflict (another process uses the folder, or a port is in use), Invalid, Io, Corrupt;
  // the detail says what to do.
  static base::Result<std::unique_ptr<Hub>> start(const Config& config);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // {"event":"ready","mqtts":"127.0.0.1:8883","https":"https://127.0.0.1:8443","pid":1}
  std::string ready_json() const;
  // Stops accepting, stores what was accepted, closes. Idempotent.
  void stop();

 private:
  struct State;
  explicit Hub(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A URL that signs an administrator in once, within ten minutes.
base::Result<std::string> login_link(const Config& config);

}  // namespace hub
