#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <proton/condition.h>
#include <proton/sasl.h>
#include <proton/session.h>

#include "hub/amqp/session.h"
#include "os/scratch_testing.h"
#include "wire/sas.h"

namespace hub::amqp {

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
    if (room == 0) return false;
    --room;
    taken.push_back(
        {message.peer, std::string(message.bag), std::string(message.payload), message.security});
    held.push_back(std::move(done));
    if (!hold) settle(true);
    return true;
  }
  void on_room(std::function<void()> callback) override { callback(); }
  void settle(bool durable) {
    for (const Done& done : std::exchange(held, {}))
      done(durable);
  }

  std::vector<Taken> taken;
  std::deque<Done> held;
  std::size_t room = 1'000'000;
  bool hold = false;
};

// What is done to connections, for the test to pass on.
class TestHost final : public link::Host {
 public:
  void cut(std::uint32_t connection, operations::Reason reason) override {
    const std::lock_guard lock(mutex_);
    cuts.emplace_back(connection, reason);
  }
  void report(const link::Outcome& outcome) override {
    const std::lock_guard lock(mutex_);
    outcomes.push_back(outcome);
  }
  void deliver(std::uint32_t /*connection*/, link::Delivery delivery) override {
    const std::lock_guard lock(mutex_);
    deliveries.push_back(std::move(delivery));
    changed_.notify_all();
  }
  std::deque<link::Delivery> take_deliveries() {
    const std::lock_guard lock(mutex_);
    return std::exchange(deliveries, {});
  }
  std::deque<link::Outcome> take_outcomes() {
    const std::lock_guard lock(mutex_);
    return std::exchange(outcomes, {});
  }
  void wait_for_delivery() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(10), [&] { return !deliveries.empty(); }));
  }

  std::vector<std::pair<std::uint32_t, operations::Reason>> cuts;
  std::deque<link::Outcome> outcomes;
  std::deque<link::Delivery> deliveries;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// A client on proton's own engine, joined to a session by copying bytes.
class TestClient {
 public:
  struct Login {
    std::string mechanism = "ANONYMOUS";  // empty: no SASL layer
    std::string user;
    std::string password;
  };
  TestClient(Session& session, TestHost& host, const Login& login)
      : session_(session),
        host_(host),
        collector_(pn_collector()),
        connection_(pn_connection()),
        transport_(pn_transport()) {
    if (!login.mechanism.empty()) {
      pn_sasl_t* sasl = pn_sasl(transport_);
      pn_sasl_set_allow_insecure_mechs(sasl, true);
      pn_sasl_allowed_mechs(sasl, login.mechanism.c_str());
    }
    if (!login.user.empty()) {
      pn_connection_set_user(connection_, login.user.c_str());
      pn_connection_set_password(connection_, login.password.c_str());
    }
    pn_connection_collect(connection_, collector_);
    pn_transport_bind(transport_, connection_);
    pn_connection_open(connection_);
    link_session_ = pn_session(connection_);
    pn_session_open(link_session_);
  }
  ~TestClient() {
    pn_transport_unbind(transport_);
    pn_transport_free(transport_);
    pn_collector_release(collector_);
    pn_connection_free(connection_);
    pn_collector_free(collector_);
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // Carries bytes and outcomes to and fro until there are none.
  void run() {
    for (bool moved = true; moved;) {
      moved = send_bytes();
      moved = session_step() || moved;
      moved = receive_bytes() || moved;
      take_events();
    }
  }

  pn_link_t* sender(const char* address, const char* client_version = nullptr) {
    std::string name(address);
    name.insert(0, 1, 's');
    pn_link_t* link = pn_sender(link_session_, name.c_str());
    pn_terminus_set_address(pn_link_target(link), address);
    if (client_version != nullptr) {
      pn_data_t* properties = pn_link_properties(link);
      pn_data_put_map(properties);
      pn_data_enter(properties);
      const auto put = [&](std::string_view text, auto how) {
        how(properties, pn_bytes(text.size(), text.data()));
      };
      put("com.microsoft:client-version", pn_data_put_symbol);
      put(client_version, pn_data_put_string);
      pn_data_exit(properties);
    }
    pn_link_open(link);
    return link;
  }
  pn_link_t* receiver(const char* address, int credit = 100) {
    std::string name(address);
    name.insert(0, 1, 'r');
    pn_link_t* link = pn_receiver(link_session_, name.c_str());
    pn_terminus_set_address(pn_link_source(link), address);
    pn_link_open(link);
    pn_link_flow(link, credit);
    return link;
  }
  pn_delivery_t* send(pn_link_t* link, const Message& message) {
    base::ByteVec bytes;
    encode(message, bytes);
    return send_bytes(link, base::as_text(bytes));
  }
  pn_delivery_t* send_bytes(pn_link_t* link, std::string_view bytes) {
    const std::string tag = std::to_string(++tag_);
    pn_delivery_t* delivery = pn_delivery(link, pn_dtag(tag.data(), tag.size()));
    pn_link_send(link, bytes.data(), bytes.size());
    pn_link_advance(link);
    return delivery;
  }
  // A message from the hub.
  struct Came {
    pn_link_t* link;
    pn_delivery_t* delivery;
    std::string bytes;
    Message message() const { return decode(base::as_bytes(bytes)).value(); }
  };
  std::vector<Came> came;

  // What the hub says of a link that it closed; empty: nothing.
  static std::string refusal(pn_link_t* link) {
    const char* name = pn_condition_get_name(pn_link_remote_condition(link));
    return name == nullptr ? "" : name;
  }
  static std::string rejection(pn_delivery_t* delivery) {
    const char* name =
        pn_condition_get_name(pn_disposition_condition(pn_delivery_remote(delivery)));
    return name == nullptr ? "" : name;
  }
  std::string farewell() const {
    const char* name = pn_condition_get_name(pn_connection_remote_condition(connection_));
    return name == nullptr ? "" : name;
  }
  static bool open(pn_link_t* link) {
    return (pn_link_state(link) & PN_REMOTE_ACTIVE) != 0 && refusal(link).empty();
  }
  pn_transport_t* transport() { return transport_; }
  pn_connection_t* connection() { return connection_; }
  pn_session_t* link_session() { return link_session_; }
  bool closed() const { return closed_; }

 private:
  bool send_bytes() {
    const ssize_t pending = pn_transport_pending(transport_);
    if (pending <= 0 || closed_) return false;
    const auto room = session_.room();
    const std::size_t count = std::min(room.size(), static_cast<std::size_t>(pending));
    std::copy_n(pn_transport_head(transport_), count, reinterpret_cast<char*>(room.data()));
    session_.filled(count);
    pn_transport_pop(transport_, count);
    return true;
  }
  bool session_step() {
    if (!closed_ && session_.wants_more()) closed_ = session_.take() == link::Session::Next::Close;
    bool moved = false;
    for (const link::Outcome& outcome : host_.take_outcomes()) {
      session_.settled(outcome);
      moved = true;
    }
    for (const link::Delivery& delivery : host_.take_deliveries()) {
      session_.deliver(delivery);
      moved = true;
    }
    return moved;
  }
  bool receive_bytes() {
    base::ByteVec& out = session_.out();
    if (out.empty()) return false;
    pn_transport_push(transport_, reinterpret_cast<const char*>(out.data()), out.size());
    out.clear();
    return true;
  }
  void take_events() {
    while (pn_event_t* event = pn_collector_next(collector_)) {
      if (pn_event_type(event) != PN_DELIVERY) continue;
      pn_delivery_t* delivery = pn_event_delivery(event);
      pn_link_t* link = pn_delivery_link(delivery);
      if (!pn_link_is_receiver(link) || pn_delivery_partial(delivery) ||
          !pn_delivery_readable(delivery))
        continue;
      std::string bytes(pn_delivery_pending(delivery), '\0');
      pn_link_recv(link, bytes.data(), bytes.size());
      pn_link_advance(link);
      came.push_back({link, delivery, std::move(bytes)});
    }
  }

  Session& session_;
  TestHost& host_;
  pn_collector_t* collector_;
  pn_connection_t* connection_;
  pn_transport_t* transport_;
  pn_session_t* link_session_ = nullptr;
  int tag_ = 0;
  bool closed_ = false;
};

// A hub with the devices d1, d1/m1 and d2 (by certificate), and sessions on it.
class SessionTest : public testing::Test {
 protected:
  static constexpr const char* kHost = "hub.example";
  static constexpr const char* kKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

  SessionTest() {
    const auto wall = [this] { return base::WallTime(std::chrono::seconds(wall_.load())); };
    registry_ = identity::Registry::open({folder_ / "state.db", kHost, wall}, operations_).value();
    twins::Options twins;
    twins.path = folder_ / "state.db";
    twins.now = wall;
    twins_ = twins::Twins::open(std::move(twins), *registry_, operations_).value();
    for (const identity::Name& name : {identity::Name{"d1", ""}, {"d1", "m1"}, {"d3", ""}}) {
      EXPECT_TRUE(registry_->create({name, identity::Status::Enabled, "", {kKey, kKey}}, "test")
                      .has_value());
    }
    identity::NewIdentity certified;
    certified.name = {"d2", ""};
    certified.thumbprints.primary = std::string(64, 'A');
    EXPECT_TRUE(registry_->create(certified, "test").has_value());
    link_options_.wall_now = wall;
    link_options_.mono_now = [this] {
      return base::MonoTime(std::chrono::milliseconds(mono_.load()));
    };
    commands::Options commands;
    commands.path = folder_ / "state.db";
    commands.now = wall;
    commands.feedback_delay = std::chrono::seconds(0);
    messages_ = commands::Messages::open(std::move(commands), *registry_, operations_).value();
    methods_ =
        std::make_unique<commands::Methods>(commands::MethodOptions(), *registry_, operations_);
    make_service();
    uploads::Options files;
    files.path = folder_ / "state.db";
    files.folder = folder_ / "uploads";
    files.now = wall;
    uploads_ = uploads::Uploads::open(std::move(files), operations_).value();
    shared_ = std::make_shared<Shared>();
    shared_->feedback = FeedbackWatch::start(*messages_);
    shared_->files = FileCourier::start(*uploads_);
  }
  ~SessionTest() override {
    twins_->stop();
    methods_->stop();
    client_.reset();
    if (session_) session_->end(operations::Reason::PeerClosed);
    session_.reset();
    messages_->stop();
    shared_->files->stop();
  }

  // Again with other link_options_, before anybody connects.
  void make_service() {
    service_ = std::make_unique<link::Service>(link_options_, *registry_, *twins_, *messages_,
                                               *methods_, operations_, sink_);
  }
  double& hub_rate(limits::Kind kind) {
    return link_options_.limits.hub[static_cast<std::size_t>(kind)];
  }
  double& identity_rate(limits::Kind kind) {
    return link_options_.limits.identity[static_cast<std::size_t>(kind)];
  }

  TestClient& connect(const TestClient::Login& login = {"ANONYMOUS", "", ""},
                      std::optional<identity::ClientCertificate> certificate = std::nullopt) {
    link::Transport transport;
    transport.ip = "192.0.2.7";
    transport.protocol = operations::Protocol::Amqp;
    transport.certificate = std::move(certificate);
    session_ = std::make_unique<Session>(*service_, host_, 7, std::move(transport), shared_);
    client_ = std::make_unique<TestClient>(*session_, host_, login);
    client_->run();
    return *client_;
  }
  static identity::ClientCertificate certificate(char digit) {
    identity::ClientCertificate shown;
    shown.sha256 = std::string(64, digit);
    shown.sha1 = std::string(40, digit);
    shown.not_before = base::WallTime(std::chrono::seconds(0));
    shown.not_after = base::WallTime(std::chrono::seconds(2'000'000'000));
    return shown;
  }
  static std::string audience(std::string_view path) { return std::string(kHost).append(path); }
  std::string token(const std::string& path, std::int64_t end = 2'000'000'000,
                    const char* key = kKey) const {
    return wire::make_sas(kHost + path, key, base::WallTime(std::chrono::seconds(end))).value();
  }
  std::string policy_token(const char* policy, std::int64_t end = 2'000'000'000) const {
    return wire::make_sas(kHost, registry_->policy(policy)->keys.primary,
                          base::WallTime(std::chrono::seconds(end)), policy)
        .value();
  }
  // The status that $cbs answers.
  int put_token(TestClient& client, const std::string& audience, const std::string& token) {
    if (cbs_in_ == nullptr || cbs_of_ != &client) {
      cbs_of_ = &client;
      client.receiver("$cbs");
      cbs_in_ = client.sender("$cbs", "test/1.0");
      client.run();
    }
    Message request;
    request.message_id = Value::text("t" + std::to_string(++last_token_));
    request.reply_to = "cbs";
    request.application = {{"operation", Value::text("put-token")},
                           {"type", Value::text("servicebus.windows.net:sastoken")},
                           {"name", Value::text(audience)}};
    request.value = Value::text(token);
    client.send(cbs_in_, request);
    client.run();
    if (client.came.empty()) return 0;
    const Message answer = client.came.back().message();
    EXPECT_EQ(answer.correlation_id, request.message_id);
    const Value* status = find(answer.application, "status-code");
    return status == nullptr ? 0 : static_cast<int>(status->number);
  }
  TestClient& connect_device() {
    TestClient& client = connect();
    EXPECT_EQ(put_token(client, audience("/devices/d1"), token("/devices/d1")), 200);
    client.came.clear();
    return client;
  }
  // Runs until so much has come.
  void await_messages(TestClient& client, std::size_t count) {
    client.run();
    while (client.came.size() < count) {
      host_.wait_for_delivery();
      if (testing::Test::HasFailure()) return;
      client.run();
    }
  }
  std::vector<operations::Record> records(std::string_view operation) const {
    std::vector<operations::Record> found;
    for (const operations::Record& record : operations_.recent(1000)) {
      if (record.operation == operation) found.push_back(record);
    }
    return found;
  }

  std::atomic<std::int64_t> wall_{1'600'000'000};
  std::atomic<std::int64_t> mono_{1'000};
  os::ScratchDir folder_;
  operations::Operations operations_;
  TestSink sink_;
  TestHost host_;
  link::Options link_options_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<commands::Messages> messages_;
  std::unique_ptr<commands::Methods> methods_;
  std::unique_ptr<link::Service> service_;
  std::unique_ptr<uploads::Uploads> uploads_;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<TestClient> client_;
  TestClient* cbs_of_ = nullptr;
  pn_link_t* cbs_in_ = nullptr;
  int last_token_ = 0;
};

}  // namespace hub::amqp
