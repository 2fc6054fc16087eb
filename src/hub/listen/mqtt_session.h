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
#include "hub/link/member.h"
#include "hub/link/session.h"
#include "hub/listen/dps_session.h"
#include "hub/listen/mqtt_commands.h"
#include "wire/mqtt.h"
#include "wire/topics.h"

namespace hub::listen {

// The server's side of one MQTT session.
class MqttSession final : public link::Session {
 public:
  MqttSession(link::Service& service, link::Host& host, std::uint32_t connection,
              link::Transport transport);

  std::span<std::uint8_t> room() override { return stream_.room(); }
  void filled(std::size_t count) override;
  Next take() override;
  // A small buffer is kept until the tick that finds nothing heard.
  void release() override {
    if (stream_.capacity_bytes() > wire::mqtt::Stream::kReadBytes) stream_.release();
  }

  Next settled(const link::Outcome& outcome) override;
  void deliver(const link::Delivery& delivery) override;
  void refuses_to_take() override;
  Next tick() override;

  bool wants_more() const override;
  bool busy() const override { return offered_ != settled_; }
  bool logged_in() const override { return member_.logged_in() || registering(); }
  operations::Reason reason() const override { return reason_; }
  base::ByteVec& out() override { return out_; }
  // Sends the will, too.
  void end(operations::Reason reason) override;

 private:
  // Largest packet to accept at present; before login there is no need for large ones.
  std::size_t max_packet_bytes() const;
  void violated(const base::Error& error);
  Next take(const wire::mqtt::Packet& packet);
  Next take(const wire::mqtt::Connect& packet);
  Next take(const wire::mqtt::Publish& packet);
  Next take(const wire::mqtt::Subscribe& packet);
  Next take(const wire::mqtt::Unsubscribe& packet);
  Next take_events(const wire::mqtt::Publish& packet, const wire::PublishTopic& topic);
  Next take_request(const wire::mqtt::Publish& packet, const wire::PublishTopic& topic);
  void take_twin_request(const wire::mqtt::Publish& packet, const wire::PublishTopic& topic);
  void answer_twin(const link::TwinAnswer& answer);
  void subscribe(wire::FilterKind kind, std::uint8_t qos);
  wire::FilterKind message_filter() const;
  bool find_session();
  void keep_session();
  void serve_methods(bool wanted);
  void publish(wire::FilterKind kind, std::string_view topic, std::string_view payload);
  bool registering() const { return dps_ && dps_->connected(); }
  Next take_registering(Next next);
  Next close(operations::Reason reason, std::string detail);
  Next refuse(wire::mqtt::ConnectCode code, const identity::Refusal& refusal);
  bool keep_will(const wire::mqtt::Will& will);
  void send_will();
  void acknowledge(std::uint16_t packet_id);
  void release_held();
  wire::TopicOwner owner() const { return {member_.name().device_id, member_.name().module_id}; }

  link::Service& service_;
  link::Host& host_;
  std::uint32_t connection_;
  link::Member member_;
  wire::mqtt::Stream stream_;
  base::ByteVec out_;

  // After login.
  base::MonoTime last_heard_;
  std::chrono::nanoseconds silence_{0};  // permitted
  bool clean_ = true;                    // nothing of the session outlives the connection
  unsigned subscriptions_ = 0;           // bit for each wire::FilterKind
  MqttCommands commands_;
  std::optional<std::uint64_t> served_;  // the number of its direct methods
  struct KeptWill {
    std::string bag;
    std::string payload;
  };
  std::optional<KeptWill> will_;

  std::size_t twin_requests_ = 0;  // without an answer yet

  bool heard_ = false;
  // PUBACKs go out in the order of the PUBLISHes: those that need no journal wait for those that
  // do.
  bool charged_ = false;  // the message that there was no room for
  std::uint64_t offered_ = 0;
  std::uint64_t settled_ = 0;
  std::size_t kibibytes_on_way_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint16_t>>
      held_acks_;  // after so many settled: packet id
  std::string scratch_;

  std::unique_ptr<DpsSession> dps_;  // of a device that came to register

  bool closed_ = false;
  operations::Reason reason_ = operations::Reason::None;
  bool refused_ = false;  // a login was, and is recorded
  std::string detail_;
};

// For a port, or a web socket.
std::unique_ptr<link::Session> make_mqtt_session(link::Service& service, link::Host& host,
                                                 std::uint32_t connection,
                                                 link::Transport transport);

}  // namespace hub::listen
