#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/operations/operations.h"

// Who may connect: devices, their modules, and the shared access policies of the hub.
namespace hub::identity {

// A device, or one of its modules when `module_id` is not empty.
struct Name {
  std::string device_id;
  std::string module_id;

  bool is_module() const { return !module_id.empty(); }
  std::string to_string() const;  // "d" or "d/m"
  auto operator<=>(const Name&) const = default;
};

enum class Status : std::uint8_t { Enabled, Disabled };
std::string_view to_string(Status status);
std::optional<Status> parse_status(std::string_view text);

struct Keys {
  std::string primary;    // base64, secret
  std::string secondary;  // base64, secret
};

struct Identity {
  Name name;
  Status status = Status::Enabled;  // a module's own; the device's counts too when it connects
  std::string status_reason;
  Keys keys;
  std::string generation_id;  // tells an identity from a deleted one of the same name
  std::string etag;           // changes with every change
  base::WallTime created;
  base::WallTime updated;
};

// What is known about the connection and the traffic of an identity.
struct Activity {
  bool connected = false;
  std::optional<base::WallTime> connection_changed;
  std::optional<base::WallTime> last_activity;
  std::optional<base::WallTime> last_message;  // device to cloud
  std::optional<base::WallTime> last_security_message;
  std::uint64_t messages = 0;
  std::uint64_t security_messages = 0;
  std::string client_type;  // DeviceClientType of the last connection
  std::string ip;
};

struct NewIdentity {
  Name name;
  Status status = Status::Enabled;
  std::string status_reason;
  Keys keys;  // empty ones are made
};

struct Change {
  std::optional<Status> status;
  std::optional<std::string> status_reason;
  std::optional<std::string> primary_key;  // an empty one is made anew
  std::optional<std::string> secondary_key;
  std::string if_match;  // an etag; empty or "*": whatever it is now
};

struct Page {
  std::vector<Identity> items;
  std::string next_cursor;  // empty at the end
  std::uint64_t total = 0;  // that match the search
};

// Rights of a policy, bits.
using Rights = std::uint32_t;
inline constexpr Rights kRegistryRead = 1;
inline constexpr Rights kRegistryWrite = 2;
inline constexpr Rights kServiceConnect = 4;
inline constexpr Rights kDeviceConnect = 8;

// A hub has from the start: iothubowner (everything), service (ServiceConnect), device
// (DeviceConnect), registryRead, registryReadWrite.
struct Policy {
  std::string name;
  Rights rights = 0;
  Keys keys;
};

// What an MQTT CONNECT offers.
struct Login {
  std::string_view client_id;
  std::string_view username;
  std::string_view password;
};

// A login that was accepted.
struct Grant {
  Name name;
  std::string generation_id;
  base::WallTime expires_at;  // of the token: the connection ends then
  operations::Auth auth;
  std::string client_type;
  std::string api_version;
  std::string model_id;
};

// A login that was not. For the operations record; the peer learns nothing of it.
struct Refusal {
  operations::Reason reason = operations::Reason::Unknown;
  int status_code = 401;
  std::uint32_t sub_code = 401003;
  Name name;           // as claimed
  std::string detail;  // no secrets
  std::string client_type;
  operations::Auth auth;
};

struct Options {
  std::string path;       // the SQLite file, made when absent
  std::string host_name;  // the hub's: tokens must be for it
  // Time as a parameter, for tests.
  std::function<base::WallTime()> now = base::wall_now;
};

// The identities, in SQLite, and what is known of their connections, in memory.
//
// Every change is durable when the call returns, recorded in `operations` with its actor, and told
// to the listeners. Threads: any.
class Registry {
 public:
  // Errors: Io, Corrupt. `operations` must outlive the registry.
  static base::Result<std::unique_ptr<Registry>> open(Options options,
                                                      operations::Operations& operations);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Errors: Exists, Invalid (id or key; the detail says which and why), NotFound (the module's
  // device), Full (50 modules on a device).
  base::Result<Identity> create(const NewIdentity& wanted, std::string_view actor);
  // Errors: NotFound.
  base::Result<Identity> get(const Name& name) const;
  // Devices in the order of their ids, those whose id contains `search` (ASCII case ignored).
  // Errors: Invalid (a cursor that did not come from next_cursor).
  base::Result<Page> list_devices(std::string_view search, std::size_t limit,
                                  std::string_view cursor) const;
  // All modules of a device. Errors: NotFound.
  base::Result<std::vector<Identity>> list_modules(std::string_view device_id) const;
  // Errors: NotFound, Conflict (if_match is not the etag), Invalid.
  base::Result<Identity> update(const Name& name, const Change& change, std::string_view actor);
  // A device takes its modules with it. Errors: NotFound, Conflict.
  base::Result<void> remove(const Name& name, std::string_view if_match, std::string_view actor);
  base::Result<std::uint64_t> count_devices() const;

  base::Result<std::vector<Policy>> policies() const;
  // Errors: NotFound.
  base::Result<Policy> policy(std::string_view name) const;

  // Devices and modules: MQTT. Time is the wall clock's, as tokens carry it.
  std::expected<Grant, Refusal> authenticate(const Login& login, base::WallTime now) const;
  // Service: Authorization: SharedAccessSignature sr=HOST&sig=..&se=..&skn=POLICY.
  // Errors: Malformed, Denied, Expired, NotFound (the policy).
  base::Result<Policy> authenticate_service(std::string_view token, base::WallTime now) const;

  // Ready to hand to a device; `port` is the MQTT port, left out when it is 8883.
  std::string connection_string(const Identity& identity, std::uint16_t port = 8883) const;
  const std::string& host_name() const;

  // From the connections. connected() gives a number that disconnected() must bring back: a
  // connection that was taken over ends after its successor began, and changes nothing then.
  std::uint64_t connected(const Name& name, std::string_view client_type, std::string_view ip);
  void disconnected(const Name& name, std::uint64_t connection);
  // Something was heard: a packet, so many messages.
  void active(const Name& name, std::uint64_t messages, std::uint64_t security_messages);
  Activity activity(const Name& name) const;
  std::uint64_t connected_count() const;
  // Writes what changed since the last call. Called every few seconds and at the end.
  base::Result<void> flush();

  enum class Event : std::uint8_t { Created, Updated, Disabled, Deleted, Connected, Disconnected };
  using Listener = std::function<void(const Name&, Event)>;
  // Called after each of those, on the thread that caused it, without a lock held. Before serving
  // only.
  void add_listener(Listener listener);

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::identity
