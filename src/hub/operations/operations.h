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
  QueueFull,       // a queue of cloud-to-device messages has as many as it may
  MessageExpired,  // nobody received it in time
  DeliveryCount,   // delivered as often as is permitted, and never completed
  Rejected,        // the device did not want it
  NotOnline,       // nobody there serves direct methods
  NoAnswer,        // of a device to a direct method, in time
  CertUntrusted,   // no uploaded authority that proved itself vouches for the certificate
  CertName,        // its common name is not the identity's
  CertInvalid,     // its chain breaks a rule: path length, no authority, weak key, wrong use
  TokenRenewal,    // the same client came again with a newer token, as SDKs do: nothing is wrong
  Throttled,       // faster than the limits allow
  Quota,           // the day's messages are used up
  TlsHandshake,    // it never came to a secure connection
  CertNotYetValid,
};
inline constexpr std::size_t kReasons = 43;
// As in records: sas_expired, sas_signature, unknown, message_too_large, ...
std::string_view to_string(Reason reason);

struct Auth {
  std::string scope;   // "hub", "device", "module"; empty when not known
  std::string type;    // "sas", "x509"
  std::string issuer;  // "iothub", "external"
  std::string skn;     // policy name
  // Keyed hash of the key or certificate that was used: equal exactly when the credential is.
  std::string credential;
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
  // For how many of its kind it stands: messages of a while, refusals of strangers.
  std::uint64_t count = 1;
  std::uint64_t security_messages = 0;  // among the messages
  std::uint64_t small_messages = 0;     // among the security messages: shorter than a meter unit
};

// One JSON object with the fields that are set, names in camelCase.
std::string to_json(const Record& record);

// Counts records, keeps the last ones for display and hands each to one sink (which stores it).
//
// Refused connections of nobody in particular (errors of the category Connections without a device)
// can come as fast as anybody likes: the first of an operation, reason, protocol and address is
// kept at once, those of the next kRepeatWindow as one record with their count, see settle().
// Threads: any. The sink is called without a lock held, in no particular order between threads.
class Operations {
 public:
  using Sink = std::function<void(const Record&)>;

  explicit Operations(std::size_t keep = 1000);
  ~Operations();
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  static constexpr std::chrono::seconds kRepeatWindow{10};
  // Strangers' addresses told apart at a time; those beyond are one, without an address.
  static constexpr std::size_t kMaxStrangers = 4096;

  void record(Record record);
  // Keeps what was held back for its window's end. Called every few seconds; at the end with the
  // end of time.
  void settle(base::WallTime now);

  // Gets what is recorded from now on. An empty one removes it.
  void set_sink(Sink sink);

  // Newest first.
  std::vector<Record> recent(std::size_t limit) const;
  std::uint64_t count(Category category, Level level) const;
  std::uint64_t count(Reason reason) const;

 private:
  struct State;
  void keep(Record record);
  std::unique_ptr<State> state_;
};

}  // namespace hub::operations
