#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"
#include "os/tls.h"
#include "uplink/identity.h"

namespace uplink {

// The module's symmetric key out of the hub's answer about the module.
// Errors: Malformed (no such answer), Unsupported (the module proves itself by a certificate).
// Threads: pure.
base::Result<std::string> read_module_key(std::string_view json);

// Asks the hub, over HTTPS and with the device's credentials, for the key of one of the device's
// modules: GET /devices/{device}/modules/{module}. One attempt.
//
// `done` is called once, on the loop, and not after destruction, which may happen inside it.
// Errors: Denied (the credentials, or the hub's certificate), NotFound (there is no such module;
// the detail says what to do), Unavailable (no answer in time, or "later"), Unsupported, Malformed;
// those of os::Connect and os::TlsStream. Threads: loop only. Source: Azure IoT Hub REST, "Modules
// - Get Identity".
class ModuleKeyRequest {
 public:
  using Done = std::function<void(base::Result<std::string>)>;

  // `tls` shows the device's certificate where the identity has one; it must outlive this.
  // `now` dates the token.
  ModuleKeyRequest(os::Loop& loop, const os::TlsClient& tls, const Identity& identity,
                   std::chrono::nanoseconds timeout, base::WallTime now, Done done);
  ~ModuleKeyRequest();
  ModuleKeyRequest(const ModuleKeyRequest&) = delete;
  ModuleKeyRequest& operator=(const ModuleKeyRequest&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace uplink
