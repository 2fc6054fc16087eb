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
#include "hub/identity/certificate.h"
#include "hub/identity/size_window.h"
#include "hub/operations/operations.h"

// Who may connect: devices, their modules, and the shared access policies of the hub.
namespace hub::identity {

class Authorities;
class Credentials;
class IpFilterStore;
class SignIns;

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

// How an identity proves itself: by keys, by certificates whose thumbprints are known, or by any
// certificate with its name that an uploaded authority vouches for.
enum class Authentication : std::uint8_t { Sas, SelfSigned, CertificateAuthority };
std::string_view to_string(Authentication authentication);  // sas, selfSigned, ...
std::optional<Authentication> parse_authentication(std::string_view text);

struct Keys {
  std::string primary;    // base64, secret
  std::string secondary;  // base64, secret
};

// Of X.509 certificates: SHA-1 or SHA-256, as normal_thumbprint() gives them.
struct Thumbprints {
  std::string primary;
  std::string secondary;  // may be empty
};

struct Identity {
  Name name;
  Status status = Status::Enabled;  // a module's own; the device's counts too when it connects
  std::string status_reason;
  Authentication authentication = Authentication::Sas;
  Keys keys;                  // with Sas only
  Thumbprints thumbprints;    // with SelfSigned only
  std::string generation_id;  // tells an identity from a deleted one of the same name
  std::string etag;           // changes with every change
  base::WallTime created;
  base::WallTime updated;
  base::WallTime status_updated;  // when `status` was set
  bool iot_edge = false;          // a device that is a gateway with modules of its own
  std::string managed_by;         // a module: who looks after it, in its creator's words
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
  SizeWindow security_sizes;  // how many of its security messages were small
  // How far its clock is ahead of ours, and when that was seen. What travels takes time, so that
  // of the samples of a day the largest is the nearest.
  std::optional<std::chrono::milliseconds> clock_ahead;
  std::optional<base::WallTime> clock_observed;
};

// Identities with something to look into; what is absent does not count.
struct ActivityFilter {
  std::optional<base::WallTime> no_message_since;
  std::optional<base::WallTime> no_security_message_since;
  std::optional<std::chrono::milliseconds> clock_off_by;  // or more, in either direction
  std::optional<unsigned> small_percent;  // or more of the day's security messages were small
};

struct ActivityPage {
  std::vector<std::pair<Name, Activity>> items;  // by device, then module
  std::string next_cursor;                       // empty at the end
};

struct NewIdentity {
  Name name;
  Status status = Status::Enabled;
  std::string status_reason;
  Keys keys;  // empty ones are made, unless there are thumbprints
  Thumbprints thumbprints = {};
  bool iot_edge = false;
  std::string managed_by = {};
  // Absent: SelfSigned with thumbprints, else Sas.
  std::optional<Authentication> authentication = {};
};

struct Change {
  std::optional<Status> status;
  std::optional<std::string> status_reason;
  std::optional<std::string> primary_key;  // an empty one is made anew
  std::optional<std::string> secondary_key;
  // From now on it proves itself by a certificate and its keys are gone; without a primary one, by
  // keys again: those above, or new ones.
  std::optional<Thumbprints> thumbprints;
  std::optional<bool> iot_edge;
  std::optional<std::string> managed_by;
  // Keys are made where it needs some and has none; what the new way does not use is gone.
  std::optional<Authentication> authentication = {};
  std::string if_match;  // an etag; empty or "*": whatever it is now
};

struct Page {
  std::vector<Identity> items;
  std::string next_cursor;  // empty at the end
  std::uint64_t total = 0;  // that match the search
};

// How many devices (not modules) there are.
struct Counts {
  std::uint64_t total = 0;
  std::uint64_t disabled = 0;
  std::uint64_t connected = 0;
};

// Rights of a policy, bits.
using Rights = std::uint32_t;
inline constexpr Rights kRegistryRead = 1;
inline constexpr Rights kRegistryWrite = 2;
inline constexpr Rights kServiceConnect = 4;
inline constexpr Rights kDeviceConnect = 8;

// A new hub has: iothubowner (everything), service (ServiceConnect), device
// (DeviceConnect), registryRead, registryReadWrite.
struct Policy {
  std::string name;
  Rights rights = 0;
  Keys keys;
};

struct PolicyChange {
  std::optional<Rights> rights;
  std::optional<std::string> primary_key;  // an empty one is made anew
  std::optional<std::string> secondary_key;
  bool swap_keys = false;  // first: so that clients move to the other key, and the old one can go
};

// What an MQTT CONNECT offers.
struct Login {
  std::string_view client_id;
  std::string_view username;
  std::string_view password;
  // Shown in the TLS handshake; none: nullptr.
  const ClientCertificate* certificate = nullptr;
};

// What a device offers over HTTPS to prove that it is `name`.
struct Proof {
  Name name;
  std::string_view token;  // a shared access signature; may be empty
  const ClientCertificate* certificate = nullptr;
  std::string_view ip = {};  // where it comes from, see admit(); empty: that does not count
};

// A login that was accepted.
struct Grant {
  Name name;
  std::string generation_id;
  base::WallTime expires_at;  // of the token or the certificate: the connection ends then
  operations::Auth auth;
  std::string client_type;
  std::string api_version;
  std::string model_id;
  // SHA-256 of the uploaded authority that vouched for the certificate, else empty. The connection
  // ends when authorities().trusts() it no more.
  std::string authority = {};
};

// A login that was not. For the operations record; the peer learns nothing of it.
struct Refusal {
  operations::Reason reason = operations::Reason::Unknown;
  // Warning: it says little, see kClockTolerance.
  operations::Level level = operations::Level::Error;
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
  base::Result<Counts> counts() const;

  base::Result<std::vector<Policy>> policies() const;
  // Errors: NotFound.
  base::Result<Policy> policy(std::string_view name) const;
  // Empty keys are made. Connections that were let in by a policy stay until their tokens expire,
  // whatever becomes of it. Errors: Exists, Invalid (name: 1 to 64 of letters, digits and -_.;
  // rights; key), Full (kMaxPolicies).
  static constexpr std::size_t kMaxPolicies = 100;
  base::Result<Policy> create_policy(const Policy& wanted);
  // Errors: NotFound, Invalid.
  base::Result<Policy> update_policy(std::string_view name, const PolicyChange& change);
  // Errors: NotFound.
  base::Result<void> remove_policy(std::string_view name);
  // For service clients, with the primary key.
  std::string connection_string(const Policy& policy) const;

  // The uploaded certificate authorities, the rules about addresses, who uses which credential, and
  // what the last logins say. As long-lived as the registry.
  Authorities& authorities() const;
  IpFilterStore& ip_filter() const;
  Credentials& credentials() const;
  SignIns& sign_ins() const;

  // Devices and modules: MQTT. Time is the wall clock's, as tokens carry it.
  std::expected<Grant, Refusal> authenticate(const Login& login, base::WallTime now) const;
  // Devices and modules: HTTPS.
  std::expected<Grant, Refusal> prove(const Proof& proof, base::WallTime now) const;
  // Looks at where a login came from, too: by the rules about addresses a grant becomes a refusal,
  // or says which rule let it in.
  std::expected<Grant, Refusal> admit(std::expected<Grant, Refusal> verdict,
                                      std::string_view ip) const;
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
  // Something was heard: a packet, so many messages. Of an identity that is not connected (HTTPS)
  // this may read from disk.
  void active(const Name& name, std::uint64_t messages, std::uint64_t security_messages,
              std::uint64_t small_security_messages = 0);
  // Its clock showed `theirs` when it sent what was received at `received`.
  void observe_clock(const Name& name, base::WallTime theirs, base::WallTime received);
  Activity activity(const Name& name) const;
  // Those that exist and match, as of now: writes what changed first.
  // Errors: Invalid (a cursor that did not come from next_cursor).
  base::Result<ActivityPage> list_activity(const ActivityFilter& filter, std::size_t limit,
                                           std::string_view cursor);
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
