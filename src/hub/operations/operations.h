#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/time.h"

// What happened at the hub, as one append-only stream: connections, refusals, changes of
// identities.
namespace hub::operations {

// The categories of IoT Hub's resource logs.
enum class Category : std::uint8_t {
  Connections,
  DeviceTelemetry,
  C2DCommands,
  DeviceIdentityOperations,
  FileUploadOperations,
  TwinQueries,
  C2DTwinOperations,
  D2CTwinOperations,
  DirectMethods,
  Configurations,
  JobsOperations,
  Routes,
};
inline constexpr std::size_t kCategories = 12;
std::string_view to_string(Category category);

enum class Level : std::uint8_t { Information, Warning, Error };
inline constexpr std::size_t kLevels = 3;
std::string_view to_string(Level level);

enum class Protocol : std::uint8_t { None, Mqtt, MqttWs, Https, Amqp, AmqpWs };
std::string_view to_string(Protocol protocol);

// Why something was refused or ended.
enum class Reason : std::uint8_t {
  None,
  Unknown,       // no such device, module or policy
  Disabled,      // the identity is switched off
  SasMalformed,  // no token, or not a token
  SasSignature,  // signed with another key
  SasExpired,
  SasScope,  // the token is for another resource, or its policy lacks the right
  Thumbprint,
  CertExpired,
  IpFilter,
  ClientId,        // client id and user name do not agree
  HostName,        // the user name or token is for another hub
  WillTopic,       // the will is not a message that the identity may send
  Protocol,        // not MQTT 3.1.1, or a violation of it
  Oversize,        // a message above the limit
  QosNotServed,    // a publish with QoS 2
  TopicNotServed,  // a publish to a topic that does not exist or is another identity's
  Subscriptions,   // more than the permitted number
  KeepAlive,       // nothing heard for 1.5 times the keep-alive
  LoginTimeout,    // no complete CONNECT in time
  TakenOver,       // a newer connection of the same identity
  Deleted,         // the identity was deleted
  NotDurable,      // the message could not be stored
  Limit,           // a limit of the hub: connections, handshakes
  Stopping,
  PeerClosed,
  MessageInvalid,  // a security message that is none
  EventInvalid,    // an event of a security message
  DiskFull,
};
inline constexpr std::size_t kReasons = 29;
// As in records: sas_expired, sas_signature, unknown, message_too_large, ...
std::string_view to_string(Reason reason);

struct Auth {
  std::string scope;   // "hub", "device", "module"; empty when not known
  std::string type;    // "sas", "x509"
  std::string issuer;  // "iothub", "external"
  std::string skn;     // policy name
  std::string accepting_ip_filter_rule;
};

struct Record {
  base::WallTime time;
  Category category = Category::Connections;
  std::string operation;       // deviceConnect, deviceDisconnect, create, update, delete, ...
  int status_code = 200;       // HTTP-like
  std::uint32_t sub_code = 0;  // 401003, 404104, 400027, ...; 0 when there is none
  Level level = Level::Information;
  std::string device_id;
  std::string module_id;
  std::string generation_id;
  Protocol protocol = Protocol::None;
  Auth auth;
  Reason reason = Reason::None;
  std::string detail;  // for people; no secrets
  std::string ip;
  std::string sdk_version;  // DeviceClientType
  std::string tls_version;
  std::string tls_cipher;
  std::uint64_t bytes = 0;
  std::uint64_t meter_units = 0;
  std::chrono::milliseconds duration{0};
  std::string request_id;
  std::string actor;  // who did it, for changes
};

// One JSON object with the fields that are set, names in camelCase.
std::string to_json(const Record& record);
// The detail columns of IoTHubOperations' JSON: everything that has no column of its own.
std::string properties_json(const Record& record);

// Counts records, keeps the last ones for display and hands each to one sink (which stores it).
// Threads: any. The sink is called without a lock held, in no particular order between threads.
class Operations {
 public:
  using Sink = std::function<void(const Record&)>;

  explicit Operations(std::size_t keep = 1000);
  ~Operations();
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  void record(Record record);

  // Gets what is recorded from now on. An empty one removes it.
  void set_sink(Sink sink);

  // Newest first.
  std::vector<Record> recent(std::size_t limit) const;
  std::uint64_t count(Category category, Level level) const;
  std::uint64_t count(Reason reason) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hub::operations
