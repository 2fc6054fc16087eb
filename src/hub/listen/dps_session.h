#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "hub/link/session.h"
#include "hub/provisioning/provisioning.h"
#include "wire/dps.h"
#include "wire/mqtt.h"

namespace hub::listen {

// What an MQTT session does for a device that comes to register: the topics of the provisioning
// service, and nothing else. Packets go in, packets to send come out. The session that owns it has
// the stream and tells it when it is over. Threads: those of that session.
class DpsSession {
 public:
  using Next = link::Session::Next;

  // All must outlive it. `out` is where packets are written to.
  DpsSession(link::Service& service, provisioning::Provisioning& provisioning,
             const link::Transport& transport, base::ByteVec& out);

  // The largest packet that it takes.
  static constexpr std::size_t kMaxPacketBytes = (96U << 10U) + 65'535 + 16;

  Next connect(const wire::mqtt::Connect& packet, wire::DpsUsername user);
  Next take(const wire::mqtt::Packet& packet);
  // `heard`: something was received since the last call.
  Next tick(bool heard);
  // Records the end.
  void end(operations::Reason reason, const std::string& detail);

  bool connected() const { return connected_; }
  // After Close.
  operations::Reason reason() const { return reason_; }
  const std::string& detail() const { return detail_; }

 private:
  Next take(const wire::mqtt::Publish& packet);
  Next take(const wire::mqtt::Subscribe& packet);
  Next take(const wire::mqtt::Unsubscribe& packet);
  Next close(operations::Reason reason, std::string detail);
  Next refuse(const identity::Refusal& refusal);
  void publish(std::string_view request_id, const provisioning::Reply& reply);
  operations::Record new_record(const char* operation) const;

  link::Service& service_;
  provisioning::Provisioning& provisioning_;
  const link::Transport& transport_;
  base::ByteVec& out_;
  base::MonoTime opened_;

  wire::DpsUsername user_;
  provisioning::Grant grant_;
  bool connected_ = false;
  base::MonoTime last_heard_;
  std::chrono::nanoseconds silence_{0};  // permitted
  bool subscribed_ = false;
  std::uint8_t qos_ = 0;  // of what it subscribed to
  std::uint16_t last_packet_id_ = 0;

  operations::Reason reason_ = operations::Reason::None;
  std::string detail_;
};

}  // namespace hub::listen
