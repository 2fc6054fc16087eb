#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "hub/identity/registry.h"
#include "hub/link/service.h"
#include "hub/listen/listener.h"
#include "hub/listen/mqtt_session.h"
#include "hub/twins/twins.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "os/tls_testing.h"
#include "wire/mqtt.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace hub::listen {

// Takes messages as a test wants it.
class TestSink final : public link::Sink {
 public:
  struct Taken {
    link::Peer peer;
    std::string bag;
    std::string payload;
    bool security;
  };

  bool offer(const link::Message& message, Done& done) override {
    const std::lock_guard lock(mutex_);
    if (room_ == 0) {
      ++refused_;
      changed_.notify_all();
      return false;
    }
    --room_;
    taken_.push_back(
        {message.peer, std::string(message.bag), std::string(message.payload), message.security});
    if (hold_) {
      held_.push_back(std::move(done));
    } else {
      done(true);
    }
    changed_.notify_all();
    return true;
  }

  void on_room(std::function<void()> callback) override {
    {
      const std::lock_guard lock(mutex_);
      if (room_ == 0) {
        waiting_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }

  // From now on messages wait for settle().
  void hold() {
    const std::lock_guard lock(mutex_);
    hold_ = true;
  }
  void settle(bool durable) {
    std::deque<Done> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (const Done& done : held)
      done(durable);
  }
  void set_room(std::size_t room) {
    std::vector<std::function<void()>> waiting;
    {
      const std::lock_guard lock(mutex_);
      room_ = room;
      if (room > 0) waiting.swap(waiting_);
    }
    for (const auto& callback : waiting)
      callback();
  }

  // Waits for so many messages in all.
  std::vector<Taken> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(10), [&] { return taken_.size() >= count; }))
        << taken_.size() << " of " << count;
    return taken_;
  }
  void wait_for_refusal() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return refused_ > 0; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Taken> taken_;
  std::deque<Done> held_;
  std::vector<std::function<void()>> waiting_;
  std::size_t room_ = 1'000'000;
  std::size_t refused_ = 0;
  bool hold_ = false;
};

// A client that blocks, and that can say what no proper client would.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int max_version = 0)
      : context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);
    if (max_version != 0) {
      SSL_CTX_set_security_level(context_.get(), 0);
      SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
      SSL_CTX_set_max_proto_version(context_.get(), max_version);
    }
    socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  bool shake_hands() {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.get());
    return SSL_connect(ssl_.get()) == 1;
  }

  // False: the hub is gone.
  bool send(base::ByteView bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  bool send(const wire::mqtt::Packet& packet) {
    base::ByteVec bytes;
    EXPECT_TRUE(wire::mqtt::encode(packet, bytes).has_value());
    return send(bytes);
  }

  // The next packet, held by this client until the next call; nullopt when the hub has closed.
  std::optional<wire::mqtt::Packet> receive() {
    for (;;) {
      auto packet = stream_.next();
      EXPECT_TRUE(packet.has_value());
      if (!packet) return std::nullopt;
      if (packet->has_value()) return std::move(*packet);
      const auto room = stream_.room();
      const int count = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
      if (count <= 0) {
        const bool timed_out = SSL_get_error(ssl_.get(), count) == SSL_ERROR_WANT_READ;
        EXPECT_FALSE(timed_out) << "nothing came for ten seconds";
        return std::nullopt;
      }
      stream_.filled(static_cast<std::size_t>(count));
    }
  }
  bool closed() { return !receive().has_value(); }
  // The packet id of the PUBACK that comes next; 0 when something else does.
  std::uint16_t puback() {
    const auto packet = receive();
    if (!packet || !std::holds_alternative<wire::mqtt::Puback>(*packet)) return 0;
    return std::get<wire::mqtt::Puback>(*packet).packet_id;
  }
  bool alive() {
    send(wire::mqtt::Pingreq{});
    const auto packet = receive();
    return packet && std::holds_alternative<wire::mqtt::Pingresp>(*packet);
  }
  // Goes without a word.
  void vanish() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    socket_.reset();
  }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
  os::Fd socket_;
  std::unique_ptr<SSL, Free> ssl_;
  wire::mqtt::Stream stream_{1 << 20};
};

// A listener with identities d1, d1/m1 and d2.
class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    const os::TestCertificates certificates = os::make_test_certificates();
    EXPECT_TRUE(
        os::write_file_atomic(folder_ / "server.pem", certificates.certificate_pem).has_value());
    EXPECT_TRUE(os::write_file_atomic(folder_ / "server.key", certificates.key_pem).has_value());
    options_.tick = std::chrono::milliseconds(5);
    options_.wall_now = [this] { return base::WallTime(std::chrono::seconds(wall_.load())); };
    options_.mono_now = [this] { return base::MonoTime(std::chrono::milliseconds(mono_.load())); };
    registry_ = identity::Registry::open({folder_ / "state.db", "hub.example", options_.wall_now},
                                         operations_)
                    .value();
    twins::Options twins;
    twins.path = folder_ / "state.db";
    twins.now = options_.wall_now;
    twins_ = twins::Twins::open(std::move(twins), *registry_, operations_).value();
    commands::Options commands;
    commands.path = folder_ / "state.db";
    commands.now = options_.wall_now;
    messages_ = commands::Messages::open(std::move(commands), *registry_, operations_).value();
    commands::MethodOptions calls;
    calls.wall_now = options_.wall_now;
    calls.mono_now = options_.mono_now;
    methods_ = std::make_unique<commands::Methods>(std::move(calls), *registry_, operations_);
    for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}, {"d2", ""}}) {
      EXPECT_TRUE(registry_->create({name, identity::Status::Enabled, "", {}}, "test").has_value());
    }
  }

  ~ListenerTest() override {
    twins_->stop();
    methods_->stop();
    messages_->stop();
  }

  Options listen_options(std::uint16_t port = 0) const {
    Options options;
    options.ports.push_back({port, {operations::Protocol::Mqtt, make_mqtt_session}});
    options.certificate_file = folder_ / "server.pem";
    options.key_file = folder_ / "server.key";
    options.threads = 2;
    return options;
  }

  void start() {
    service_ = std::make_unique<link::Service>(options_, *registry_, *twins_, *messages_, *methods_,
                                               operations_, sink_);
    auto listener = Listener::create(listen_options(), *service_);
    ASSERT_TRUE(listener.has_value()) << listener.error().to_string();
    listener_ = std::move(*listener);
    listener_->start();
  }

  std::string token(const identity::Name& name, std::chrono::seconds life = std::chrono::hours(1)) {
    std::string resource = "hub.example/devices/" + name.device_id;
    if (name.is_module()) resource += "/modules/" + name.module_id;
    const auto key = registry_->get(name).value().keys.primary;
    return wire::make_sas(resource, key, options_.wall_now() + life).value();
  }

  static wire::mqtt::Connect connect_packet(const std::string& client_id,
                                            const std::string& username,
                                            const std::string& password) {
    wire::mqtt::Connect packet;
    packet.client_id = client_id;
    packet.username = username;
    packet.password = base::as_bytes(password);
    packet.clean_session = false;
    packet.keep_alive_seconds = 60;
    return packet;
  }

  // The return code of CONNACK; -1 when the hub closed instead.
  int log_in(TestClient& client, const identity::Name& name, const std::string& password,
             std::optional<wire::mqtt::Will> will = {}, std::uint16_t keep_alive = 60) {
    const std::string client_id = name.to_string();
    const std::string username =
        wire::mqtt_username("hub.example", {name.device_id, name.module_id}, "test/1.0");
    wire::mqtt::Connect packet = connect_packet(client_id, username, password);
    packet.will = will;
    packet.keep_alive_seconds = keep_alive;
    client.send(packet);
    const auto answer = client.receive();
    if (!answer || !std::holds_alternative<wire::mqtt::Connack>(*answer)) return -1;
    return static_cast<int>(std::get<wire::mqtt::Connack>(*answer).code);
  }

  std::unique_ptr<TestClient> connected(const identity::Name& name = {"d1", ""}) {
    auto client = std::make_unique<TestClient>(listener_->port());
    EXPECT_TRUE(client->shake_hands());
    EXPECT_EQ(log_in(*client, name, token(name)), 0);
    return client;
  }

  static wire::mqtt::Publish publish(std::uint16_t packet_id, std::string_view payload,
                                     std::string_view topic = "devices/d1/messages/events/") {
    wire::mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = base::as_bytes(payload);
    packet.packet_id = packet_id;
    packet.qos = packet_id == 0 ? 0 : 1;
    return packet;
  }

  // The newest record with that reason, once there is one.
  operations::Record recorded(operations::Reason reason) {
    for (int round = 0; round < 1'000; ++round) {
      for (const operations::Record& record : operations_.recent(1'000)) {
        if (record.reason == reason) return record;
      }
      // Records are made by the listener's threads a moment after the client sees the effect.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "no record with reason " << to_string(reason);
    return {};
  }
  template <class Condition>
  static bool soon(Condition condition) {
    for (int round = 0; round < 1'000 && !condition(); ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return condition();
  }

  os::ScratchDir folder_;
  std::atomic<std::int64_t> wall_{1'800'000'000};  // seconds
  std::atomic<std::int64_t> mono_{1'000'000};      // milliseconds
  link::Options options_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  TestSink sink_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<commands::Messages> messages_;
  std::unique_ptr<commands::Methods> methods_;
  std::unique_ptr<link::Service> service_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace hub::listen
