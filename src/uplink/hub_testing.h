#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "os/tls_testing.h"
#include "uplink/identity.h"
#include "wire/mqtt.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace uplink {

// A hub for tests: MQTT over TLS, with a will of its own.
class TestHub {
 public:
  struct Connected {
    std::string client_id;
    std::string username;
    std::string token;
    bool clean_session = false;
    std::uint16_t keep_alive_seconds = 0;
    std::string certificate_subject;
  };
  struct Published {
    std::string topic;
    std::string payload;
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 0;
    bool dup = false;
    std::size_t connection = 0;  // 1 is the first
  };
  enum class Answer { Ack, Silence, Cut };

  static constexpr std::string_view kKey = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdCBkZXZpY2U=";

  // Called on the connection's thread, with nothing locked. May be set before the first connection.
  std::function<wire::mqtt::ConnectCode(const Connected&)> on_connect = [](const Connected&) {
    return wire::mqtt::ConnectCode::Accepted;
  };
  std::function<Answer(const Published&)> on_publish = [](const Published&) { return Answer::Ack; };
  // After CONNACK.
  std::function<void(os::TestPeer&)> on_accepted = [](os::TestPeer&) {};
  // The twin that is asked for; nullopt: subscriptions are refused. Called as the others.
  std::function<std::optional<std::string>()> on_twin = [] { return std::nullopt; };
  bool answers_pings = true;
  bool answers_connect = true;

  TestHub() : server_(certificates(), [this](os::TestPeer& peer) { serve(peer); }) {}

  static const os::TestCertificates& certificates() {
    static const os::TestCertificates made = os::make_test_certificates();
    return made;
  }

  std::uint16_t port() const { return server_.port(); }
  void stop() { server_.stop(); }
  void restart() { server_.restart(); }

  std::vector<Connected> connected() const { return copy(connected_); }
  std::vector<Published> published() const { return copy(published_); }
  std::size_t disconnects() const { return copy(disconnects_); }
  std::size_t pings() const { return copy(pings_); }
  std::size_t pubacks() const { return copy(pubacks_); }

 private:
  template <class T>
  T copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  void serve(os::TestPeer& peer) {
    wire::mqtt::Stream stream(512U << 10U);
    std::array<std::uint8_t, 16384> buffer;
    std::size_t connection = 0;
    for (;;) {
      const std::size_t count = peer.read(buffer);
      if (count == 0) return;
      stream.feed(base::ByteView(buffer).first(count));
      for (;;) {
        auto packet = stream.next();
        ASSERT_TRUE(packet) << packet.error().to_string();
        if (!*packet) break;
        if (!handle(**packet, peer, connection)) return;
      }
    }
  }

  bool handle(const wire::mqtt::Packet& packet, os::TestPeer& peer, std::size_t& connection) {
    namespace mqtt = wire::mqtt;
    if (const auto* connect = std::get_if<mqtt::Connect>(&packet)) {
      return greet(*connect, peer, connection);
    }
    if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
      return take(*publish, peer, connection);
    }
    if (const auto* subscribe = std::get_if<mqtt::Subscribe>(&packet)) {
      const std::uint8_t code = on_twin() ? 0 : mqtt::kSubscribeFailure;
      const std::vector<std::uint8_t> codes(subscribe->subscriptions.size(), code);
      return send(mqtt::Suback{subscribe->packet_id, codes}, peer);
    }
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<mqtt::Puback>(packet)) {
      ++pubacks_;
      return true;
    }
    if (std::holds_alternative<mqtt::Disconnect>(packet)) {
      ++disconnects_;
      return false;
    }
    if (!std::holds_alternative<mqtt::Pingreq>(packet)) {
      ADD_FAILURE() << "unexpected " << mqtt::to_string(mqtt::type_of(packet));
      return false;
    }
    ++pings_;
    return !answers_pings || send(mqtt::Pingresp{}, peer);
  }

  bool greet(const wire::mqtt::Connect& connect, os::TestPeer& peer, std::size_t& connection) {
    Connected seen{std::string(connect.client_id),
                   std::string(connect.username.value_or("")),
                   std::string(base::as_text(connect.password.value_or(base::ByteView()))),
                   connect.clean_session,
                   connect.keep_alive_seconds,
                   peer.certificate_subject()};
    {
      const std::lock_guard lock(mutex_);
      connected_.push_back(seen);
      connection = connected_.size();
    }
    if (!answers_connect) return true;
    const auto code = on_connect(seen);
    if (!send(wire::mqtt::Connack{.session_present = false, .code = code}, peer)) return false;
    if (code != wire::mqtt::ConnectCode::Accepted) return false;
    on_accepted(peer);
    return true;
  }

  bool take(const wire::mqtt::Publish& publish, os::TestPeer& peer, std::size_t connection) {
    Published seen{std::string(publish.topic),
                   std::string(base::as_text(publish.payload)),
                   publish.packet_id,
                   publish.qos,
                   publish.dup,
                   connection};
    {
      const std::lock_guard lock(mutex_);
      published_.push_back(seen);
    }
    if (const auto topic = wire::parse_publish_topic(seen.topic);
        topic && topic->kind != wire::PublishKind::Events) {
      return answer_twin(*topic, peer);
    }
    switch (on_publish(seen)) {
      case Answer::Ack:
        return send(wire::mqtt::Puback{publish.packet_id}, peer);
      case Answer::Silence:
        return true;
      case Answer::Cut:
        break;
    }
    peer.cut();
    return false;
  }

  bool answer_twin(const wire::PublishTopic& request, os::TestPeer& peer) const {
    const bool get = request.kind == wire::PublishKind::TwinGet;
    const std::string topic = wire::twin_result_topic(get ? 200 : 204, request.request_id);
    const std::string twin = on_twin().value_or("");
    wire::mqtt::Publish publish;
    publish.topic = topic;
    if (get) publish.payload = base::as_bytes(twin);
    return send(publish, peer);
  }

  static bool send(const wire::mqtt::Packet& packet, os::TestPeer& peer) {
    base::ByteVec bytes;
    EXPECT_TRUE(wire::mqtt::encode(packet, bytes));
    return peer.write(bytes);
  }

  mutable std::mutex mutex_;
  std::vector<Connected> connected_;  // guarded by mutex_
  std::vector<Published> published_;  // guarded by mutex_
  std::size_t disconnects_ = 0;       // guarded by mutex_
  std::size_t pings_ = 0;             // guarded by mutex_
  std::size_t pubacks_ = 0;           // guarded by mutex_
  os::TlsTestServer server_;
};

}  // namespace uplink
