#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "hub/listen/service.h"
#include "wire/mqtt.h"
#include "wire/topics.h"

namespace hub::listen {

// How a connection came.
struct Transport {
  std::string ip;
  std::string tls_version;
  std::string tls_cipher;
  operations::Protocol protocol = operations::Protocol::Mqtt;
};

// The server's side of one MQTT session, without its socket: packets go in, bytes to send come out.
//
// After Close, what is in out() is still to be sent. end() must be called once, before destruction.
// Threads: those of its host, one at a time.
class MqttSession {
 public:
  enum class Next : std::uint8_t {
    Continue,
    Hold,   // the packet was not taken, as there is no room: offer it again after wants_more()
    Close,  // see reason()
  };

  // `service` and `host` must outlive the session; `connection` names it to the host.
  MqttSession(Service& service, Host& host, std::uint32_t connection, Transport transport);

  Next take(const wire::mqtt::Packet& packet);
  // What came is not MQTT, or above the limit.
  void violated(const base::Error& error);
  // One of its messages is durable or lost. Close: it was lost.
  Next settled(const Outcome& outcome);
  // Looks at the clocks.
  Next tick();

  // Something was received just now.
  void heard() { heard_ = true; }
  // False while too many of its messages are on their way.
  bool wants_more() const;
  bool logged_in() const { return peer_ != nullptr; }
  operations::Reason reason() const { return reason_; }
  base::ByteVec& out() { return out_; }
  const base::ByteVec& out() const { return out_; }

  // The connection is over for this reason, or for the one that made it Close: sends the will,
  // frees the identity, records.
  void end(operations::Reason reason);

  // Largest packet to accept at present; before login there is no need for large ones.
  std::size_t max_packet_bytes() const;

 private:
  Next take(const wire::mqtt::Connect& packet);
  Next take(const wire::mqtt::Publish& packet);
  Next take(const wire::mqtt::Subscribe& packet);
  Next take(const wire::mqtt::Unsubscribe& packet);
  Next take_events(const wire::mqtt::Publish& packet, const wire::PublishTopic& topic);
  Next take_request(const wire::mqtt::Publish& packet, const wire::PublishTopic& topic);
  Next close(operations::Reason reason, std::string detail);
  Next refuse(wire::mqtt::ConnectCode code, const identity::Refusal& refusal);
  std::optional<identity::Refusal> log_in(const wire::mqtt::Connect& packet);
  bool keep_will(const wire::mqtt::Will& will);
  void send_will();
  void acknowledge(std::uint16_t packet_id);
  void release_held();
  wire::TopicOwner owner() const { return {name_.device_id, name_.module_id}; }
  operations::Record new_record(const char* operation) const;
  void record_end();

  Service& service_;
  Host& host_;
  std::uint32_t connection_;
  Transport transport_;
  base::MonoTime opened_;
  base::ByteVec out_;

  // After login.
  identity::Name name_;
  std::unique_ptr<const Peer> peer_;
  operations::Auth auth_;
  std::uint64_t presence_ = 0;
  base::WallTime expires_;
  base::MonoTime last_heard_;
  std::chrono::nanoseconds silence_{0};  // permitted
  unsigned subscriptions_ = 0;           // bit for each wire::FilterKind
  struct KeptWill {
    std::string bag;
    std::string payload;
  };
  std::optional<KeptWill> will_;

  bool heard_ = false;
  // PUBACKs go out in the order of the PUBLISHes: those that need no journal wait for those that
  // do.
  std::uint64_t offered_ = 0;
  std::uint64_t settled_ = 0;
  std::size_t kibibytes_on_way_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint16_t>>
      held_acks_;  // after so many settled: packet id

  std::uint64_t messages_ = 0;       // since login
  std::uint64_t message_bytes_ = 0;  // since login
  std::uint64_t tick_messages_ = 0;  // not told to the registry yet
  std::uint64_t tick_security_messages_ = 0;
  std::string scratch_;

  bool closed_ = false;
  operations::Reason reason_ = operations::Reason::None;
  std::string detail_;
};

}  // namespace hub::listen
