#include "uplink/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>

#include "os/file.h"
#include "os/scratch_testing.h"
#include "uplink/hub_testing.h"
#include "uplink/packet_ids.h"
#include "wire/property_bag.h"
#include "wire/topics.h"

namespace uplink {
namespace {

using base::Code;
using std::chrono::milliseconds;
using wire::mqtt::ConnectCode;
using Answer = TestHub::Answer;

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = os::Loop::create().value();
    ASSERT_TRUE(os::write_file_atomic(dir_ / "ca.pem", TestHub::certificates().ca_pem));
    options_.identity = {.host_name = "localhost",
                         .port = hub_.port(),
                         .device_id = "device 1",
                         .module_id = "azureiotsecurity",
                         .key_base64 = std::string(TestHub::kKey),
                         .ca_file = dir_ / "ca.pem"};
    options_.backoff_first = milliseconds(1);
    options_.backoff_most = milliseconds(10);
  }

  void create() {
    session_ =
        Session::create(
            *loop_, options_,
            {.next = [this]() -> std::optional<Message> {
               if (waiting_.empty()) return std::nullopt;
               Message message;
               message.payload = std::move(waiting_.front());
               message.events = 1;
               waiting_.pop_front();
               return message;
             },
             .acknowledged =
                 [this](const Message& message) { acknowledged_.push_back(message.payload); },
             .desired = wants_})
            .value();
  }
  void start() {
    create();
    session_->start();
  }
  void send(std::string payload) {
    waiting_.push_back(std::move(payload));
    session_->pump();
  }
  // Runs the loop until it is so.
  template <class Condition>
  void run_until(Condition&& condition) {
    const auto deadline = base::mono_now() + std::chrono::seconds(20);
    const os::TimerId timer = loop_->every(std::chrono::microseconds(200), [&] {
      if (condition()) loop_->stop();
      if (base::mono_now() > deadline) {
        ADD_FAILURE() << "not in time";
        loop_->stop();
      }
    });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(timer);
  }
  void run_until_acknowledged(std::size_t count) {
    run_until([&] { return acknowledged_.size() >= count; });
  }

  os::ScratchDir dir_;
  TestHub hub_;
  std::unique_ptr<os::Loop> loop_;
  Session::Options options_;
  std::function<void(const Desired&)> wants_;
  std::deque<std::string> waiting_;
  std::vector<std::string> acknowledged_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, SpeaksAsTheHubExpects) {
  start();
  send("hello");
  run_until_acknowledged(1);
  EXPECT_EQ(acknowledged_, std::vector<std::string>{"hello"});

  const auto connected = hub_.connected().at(0);
  EXPECT_EQ(connected.client_id, "device 1/azureiotsecurity");
  const auto username = wire::parse_mqtt_username(connected.username).value();
  EXPECT_EQ(username.host, "localhost");
  EXPECT_EQ(username.client_type, "vedette-agent");
  EXPECT_FALSE(username.api_version.empty());
  EXPECT_FALSE(connected.clean_session);
  EXPECT_EQ(connected.keep_alive_seconds, 120);
  const auto token = wire::parse_sas(connected.token).value();
  EXPECT_EQ(token.target, "localhost/devices/device 1/modules/azureiotsecurity");
  EXPECT_TRUE(wire::verify_sas(token, TestHub::kKey, base::wall_now()));

  const auto published = hub_.published().at(0);
  EXPECT_EQ(published.payload, "hello");
  EXPECT_EQ(published.qos, 1);
  EXPECT_FALSE(published.dup);
  const auto topic = wire::parse_publish_topic(published.topic).value();
  EXPECT_EQ(topic.owner.device_id, "device 1");
  EXPECT_EQ(topic.owner.module_id, "azureiotsecurity");
  EXPECT_TRUE(wire::is_security_message(topic.bag));
  EXPECT_EQ(wire::find_property(topic.bag, "$.ct"), "application/json");
  EXPECT_EQ(wire::find_property(topic.bag, "$.ce"), "utf-8");

  const SessionStats stats = session_->stats();
  EXPECT_TRUE(stats.online);
  EXPECT_EQ(stats.connects, 1U);
  EXPECT_EQ(stats.messages_sent, 1U);
  EXPECT_EQ(stats.messages_under_4kb, 1U);
  EXPECT_EQ(stats.messages_acknowledged, 1U);
  EXPECT_EQ(stats.in_flight, 0U);
  EXPECT_EQ(stats.bytes_sent, 5U);
}

TEST_F(SessionTest, TriesAgainWhenItsCredentialsAreRefused) {
  std::atomic<int> attempts{0};
  hub_.on_connect = [&](const TestHub::Connected&) {
    return ++attempts < 3 ? ConnectCode::NotAuthorized : ConnectCode::Accepted;
  };
  start();
  send("patience");
  run_until([&] { return session_->stats().refused == 1; });
  EXPECT_EQ(session_->stats().last_error, "hub: refused the credentials (denied)");
  run_until_acknowledged(1);
  EXPECT_EQ(session_->stats().refused, 2U);
  EXPECT_EQ(session_->stats().connects, 1U);
}

TEST_F(SessionTest, SendsAgainWhatWasNotAcknowledged) {
  std::atomic<int> seen{0};
  // Takes three, acknowledges one of them, and is gone.
  hub_.on_publish = [&](const TestHub::Published& published) {
    if (published.connection > 1) return Answer::Ack;
    const int number = ++seen;
    return number == 1 ? Answer::Ack : number < 3 ? Answer::Silence : Answer::Cut;
  };
  start();
  for (const char* payload : {"a", "b", "c", "d"})
    send(payload);
  run_until_acknowledged(4);
  EXPECT_EQ(acknowledged_, (std::vector<std::string>{"a", "b", "c", "d"}));
  std::vector<TestHub::Published> first;
  std::vector<TestHub::Published> second;
  for (const auto& published : hub_.published())
    (published.connection == 1 ? first : second).push_back(published);
  ASSERT_GE(first.size(), 3U);
  ASSERT_EQ(second.size(), 3U);
  const std::string expected[] = {"b", "c", "d"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(second[i].payload, expected[i]);
    EXPECT_TRUE(second[i].dup);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(first[i + 1].dup);
    EXPECT_EQ(second[i].packet_id, first[i + 1].packet_id);
  }
  EXPECT_EQ(session_->stats().disconnects, 1U);
  EXPECT_EQ(session_->stats().messages_sent, 4U);
  EXPECT_EQ(session_->stats().messages_resent, 3U);
}

TEST_F(SessionTest, KeepsToItsWindow) {
  options_.window = 3;
  std::atomic<bool> silent{true};
  hub_.on_publish = [&](const TestHub::Published&) {
    return silent ? Answer::Silence : Answer::Ack;
  };
  start();
  for (int i = 0; i < 10; ++i)
    send(std::to_string(i));
  run_until([&] { return hub_.published().size() == 3; });
  EXPECT_EQ(session_->stats().in_flight, 3U);
  EXPECT_EQ(waiting_.size(), 7U);
  EXPECT_FALSE(session_->ready());
  silent = false;
  hub_.stop();
  hub_.restart();
  run_until_acknowledged(10);
}

TEST_F(SessionTest, LeavesAHubThatDoesNotAcknowledge) {
  options_.ack_timeout = milliseconds(30);
  hub_.on_publish = [](const TestHub::Published& published) {
    return published.connection < 3 ? Answer::Silence : Answer::Ack;
  };
  start();
  send("x");
  run_until_acknowledged(1);
  EXPECT_GE(session_->stats().disconnects, 2U);
  EXPECT_GE(session_->stats().messages_resent, 2U);
  EXPECT_EQ(session_->stats().last_error, "hub: no PUBACK in time (unavailable)");
}

TEST_F(SessionTest, WaitsForAHubThatIsNotThereYet) {
  hub_.stop();
  start();
  send("early");
  run_until([&] { return session_->stats().connect_failures >= 2; });
  EXPECT_FALSE(session_->stats().online);
  hub_.restart();
  run_until_acknowledged(1);
}

TEST_F(SessionTest, LeavesAHubThatDoesNotAnswerConnect) {
  options_.connect_timeout = milliseconds(100);
  hub_.answers_connect = false;
  start();
  run_until([&] { return session_->stats().connect_failures >= 1; });
  EXPECT_EQ(session_->stats().last_error, "hub: no CONNACK in time (unavailable)");
}

TEST_F(SessionTest, LeavesAHubThatTalksNonsense) {
  const std::vector<base::ByteVec> nonsense = {
      {0xff, 0xff, 0xff, 0xff, 0xff},  // no packet
      {0x20, 0x02, 0x00, 0x00},        // a second CONNACK
      {0x82, 0x05, 0, 1, 0, 1, 'a'},   // what only clients send
      {0x30, 0xff, 0xff, 0xff, 0x7f},  // a packet that is too large
  };
  std::atomic<std::size_t> turn{0};
  hub_.on_accepted = [&](os::TestPeer& peer) {
    const std::size_t now = turn++;
    if (now < nonsense.size()) peer.write(nonsense[now]);
  };
  start();
  run_until([&] { return session_->stats().connects > nonsense.size(); });
  EXPECT_EQ(session_->stats().disconnects, nonsense.size());
  send("still here");
  run_until_acknowledged(1);
}

TEST_F(SessionTest, IgnoresWhatIsHarmless) {
  hub_.on_accepted = [&](os::TestPeer& peer) {
    peer.write(base::ByteVec{0x40, 0x02, 0x12, 0x34});            // PUBACK of nothing
    peer.write(base::ByteVec{0x32, 0x06, 0, 1, 'a', 0, 1, 'x'});  // a message of a former session
  };
  start();
  send("x");
  run_until_acknowledged(1);
  EXPECT_EQ(session_->stats().disconnects, 0U);
  run_until([&] { return hub_.pubacks() == 1; });
}

TEST_F(SessionTest, KeepsTheTwin) {
  hub_.on_twin = [] {
    return R"({"desired":{"a":1,"$version":3},"reported":{"x":1,"$version":9}})";
  };
  std::vector<Desired> told;
  wants_ = [&](const Desired& desired) { told.push_back(desired); };
  create();
  EXPECT_TRUE(session_->report(R"({"x":{"y":2}})"));
  EXPECT_EQ(session_->report("x").error().code, Code::Malformed);
  session_->start();
  send("beside it");
  run_until([&] { return session_->stats().twin.accepted == 1; });
  run_until_acknowledged(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].version, 3);
  EXPECT_EQ(told[0].json, R"({"a":1})");
  const auto requests = hub_.published();
  const auto patch = std::ranges::find_if(
      requests, [](const auto& request) { return request.payload.starts_with(R"({"x")"); });
  ASSERT_NE(patch, requests.end());
  EXPECT_EQ(patch->payload, R"({"x":{"y":2}})");
  EXPECT_EQ(patch->qos, 0);
  EXPECT_FALSE(session_->stats().twin.report_pending);
}

TEST_F(SessionTest, AsksForTheTwinOnEachConnection) {
  hub_.on_twin = [] { return R"({"desired":{"$version":3},"reported":{}})"; };
  std::size_t told = 0;
  wants_ = [&](const Desired&) { ++told; };
  options_.token_life = milliseconds(200);
  start();
  run_until([&] { return told == 3; });
  EXPECT_EQ(session_->stats().twin.gets, 3U);
  EXPECT_EQ(session_->stats().disconnects, 0U);
}

TEST_F(SessionTest, DoesItsWorkWhereTwinsAreNotServed) {
  wants_ = [](const Desired&) { ADD_FAILURE(); };
  create();
  EXPECT_TRUE(session_->report(R"({"x":1})"));
  session_->start();
  send("all the same");
  run_until_acknowledged(1);
  EXPECT_EQ(session_->stats().disconnects, 0U);
  EXPECT_EQ(session_->stats().twin.gets, 0U);
}

TEST_F(SessionTest, ProvesItselfByACertificate) {
  options_.identity.key_base64.clear();
  options_.identity.certificate_pem = TestHub::certificates().certificate_pem;
  options_.identity.private_key_pem = TestHub::certificates().key_pem;
  options_.token_life = milliseconds(1);  // there is no token to renew
  start();
  send("x");
  run_until_acknowledged(1);
  const auto connected = hub_.connected().at(0);
  EXPECT_EQ(connected.token, "");
  EXPECT_EQ(connected.certificate_subject, "/CN=Test server");
  EXPECT_EQ(session_->stats().token_renewals, 0U);
}

TEST_F(SessionTest, WantsOneProofOfItsIdentity) {
  const auto refused = [&] {
    const auto session = Session::create(*loop_, options_, {});
    return session ? Code::Full : session.error().code;
  };
  options_.identity.certificate_pem = TestHub::certificates().certificate_pem;
  EXPECT_EQ(refused(), Code::Invalid);  // a key as well
  options_.identity.key_base64.clear();
  EXPECT_EQ(refused(), Code::Invalid);  // no key of the certificate
  options_.identity.private_key_pem = os::make_test_certificates().key_pem;
  EXPECT_EQ(refused(), Code::Invalid);  // another's
  options_.identity.certificate_pem.clear();
  EXPECT_EQ(refused(), Code::Invalid);  // neither
}

// A device's credentials, and a hub's REST API that has the module's key.
class ThroughDeviceTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    options_.identity.through_device = true;
    options_.identity.https_port = rest_.port();
    options_.identity.key_base64 = "ZGV2aWNl";
    hub_.on_connect = [this](const TestHub::Connected& connected) {
      const auto token = wire::parse_sas(connected.token);
      return token && wire::verify_sas(*token, accepted_.load(), base::wall_now())
                 ? ConnectCode::Accepted
                 : ConnectCode::NotAuthorized;
    };
  }
  void serve(os::TestPeer& peer) {
    std::array<std::uint8_t, 4096> buffer;
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const std::size_t count = peer.read(buffer);
      if (count == 0) return;
      request += base::as_text(base::ByteView(buffer).first(count));
    }
    std::string answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      subjects_.push_back(peer.certificate_subject());
      answer = answer_;
    }
    peer.write(base::as_bytes(answer));
  }
  static std::string with_key(std::string_view key) {
    const std::string body = R"({"moduleId":"azureiotsecurity","authentication":{"type":"sas",)"
                             R"("symmetricKey":{"primaryKey":")" +
                             std::string(key) + R"(","secondaryKey":""}}})";
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  void answer_with(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::size_t asked() {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }

  std::mutex mutex_;
  std::string answer_ = with_key(TestHub::kKey);  // guarded by mutex_
  std::vector<std::string> requests_;             // guarded by mutex_
  std::vector<std::string> subjects_;             // guarded by mutex_
  std::atomic<const char*> accepted_ = TestHub::kKey.data();
  os::TlsTestServer rest_{TestHub::certificates(), [this](os::TestPeer& peer) { serve(peer); }};
};

TEST_F(ThroughDeviceTest, AsksForTheModulesKey) {
  start();
  send("x");
  run_until_acknowledged(1);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_TRUE(requests_[0].starts_with(
      "GET /devices/device%201/modules/azureiotsecurity?api-version=2021-04-12 HTTP/1.1\r\n"))
      << requests_[0];
  const std::size_t at = requests_[0].find("Authorization: ");
  ASSERT_NE(at, std::string::npos);
  const auto token = wire::parse_sas(
      std::string_view(requests_[0]).substr(at + 15, requests_[0].find("\r\n", at) - at - 15));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->target, "localhost/devices/device 1");
  EXPECT_TRUE(wire::verify_sas(*token, "ZGV2aWNl", base::wall_now()));
  EXPECT_EQ(hub_.connected().at(0).client_id, "device 1/azureiotsecurity");
}

TEST_F(ThroughDeviceTest, AsksByCertificateAndConnectsWithoutIt) {
  options_.identity.key_base64.clear();
  options_.identity.certificate_pem = TestHub::certificates().certificate_pem;
  options_.identity.private_key_pem = TestHub::certificates().key_pem;
  start();
  send("x");
  run_until_acknowledged(1);
  EXPECT_EQ(subjects_.at(0), "/CN=Test server");
  EXPECT_EQ(requests_.at(0).find("Authorization"), std::string::npos);
  EXPECT_EQ(hub_.connected().at(0).certificate_subject, "");
}

TEST_F(ThroughDeviceTest, AsksAgainWhenTheKeyWasRotated) {
  start();
  send("x");
  run_until_acknowledged(1);
  accepted_ = "cm90YXRlZA==";
  hub_.stop();
  hub_.restart();
  run_until([&] { return session_->stats().refused >= 1; });
  answer_with(with_key("cm90YXRlZA=="));
  send("y");
  run_until_acknowledged(2);
  EXPECT_GE(asked(), 2U);
}

TEST_F(ThroughDeviceTest, SaysWhyItHasNoKeyAndKeepsTrying) {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "refused the device"},
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "create it"},
      {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answered 503"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no authentication"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", "truncated"},
      {"nonsense\r\n", "malformed"},
  };
  answer_with(cases[0].first);
  start();
  for (const auto& [answer, why] : cases) {
    answer_with(answer);
    run_until([&] { return session_->stats().last_error.find(why) != std::string::npos; });
  }
  answer_with(with_key(TestHub::kKey));
  send("x");
  run_until_acknowledged(1);
}

TEST_F(ThroughDeviceTest, MayBeStoppedWhileItAsks) {
  rest_.stop();
  start();
  session_->stop();
  session_.reset();
}

TEST_F(SessionTest, PingsWhenItHasNothingToSay) {
  options_.keep_alive = milliseconds(400);
  start();
  run_until([&] { return hub_.pings() >= 3; });
  EXPECT_EQ(session_->stats().disconnects, 0U);
  EXPECT_EQ(hub_.connected().at(0).keep_alive_seconds, 1);
}

TEST_F(SessionTest, LeavesAHubThatDoesNotAnswerPings) {
  options_.keep_alive = milliseconds(20);
  hub_.answers_pings = false;
  start();
  run_until([&] { return session_->stats().disconnects >= 1; });
  EXPECT_EQ(session_->stats().last_error, "hub: no answer to a ping in time (unavailable)");
}

TEST_F(SessionTest, RenewsItsTokenWithoutLosingAnything) {
  options_.token_life = milliseconds(80);
  start();
  std::size_t sent = 0;
  const os::TimerId timer = loop_->every(milliseconds(1), [&] { send(std::to_string(sent++)); });
  run_until([&] { return session_->stats().token_renewals >= 3; });
  loop_->cancel(timer);
  run_until_acknowledged(sent);
  EXPECT_GE(session_->stats().connects, 3U);
  EXPECT_EQ(session_->stats().disconnects, 0U);
  EXPECT_EQ(session_->stats().messages_resent, 0U);
  EXPECT_GE(hub_.disconnects(), 3U);
  for (std::size_t i = 0; i < sent; ++i)
    EXPECT_EQ(acknowledged_[i], std::to_string(i));
}

TEST_F(SessionTest, RenewsItsTokenEvenWhenTheHubIsSlowToAcknowledge) {
  options_.token_life = milliseconds(40);
  options_.renewal_grace = milliseconds(5);
  hub_.on_publish = [](const TestHub::Published& published) {
    return published.connection == 1 ? Answer::Silence : Answer::Ack;
  };
  start();
  send("slow");
  run_until_acknowledged(1);
  EXPECT_GE(session_->stats().messages_resent, 1U);
  EXPECT_EQ(session_->stats().disconnects, 0U);
}

TEST_F(SessionTest, SurvivesAClockThatSteps) {
  using std::chrono::hours;
  auto offset = std::make_shared<hours>(0);
  options_.wall_now = [offset] { return base::wall_now() + *offset; };
  start();
  send("a");
  run_until_acknowledged(1);
  for (const int years : {-10, 10}) {
    *offset = hours(years * 24 * 365);
    // Nothing that runs depends on it.
    send("b");
    run_until([&] { return waiting_.empty() && session_->stats().in_flight == 0; });
    EXPECT_EQ(session_->stats().disconnects, 0U);
  }
  // The next token is of the new time, on which the hub and we may agree or not.
  *offset = hours(-10 * 24 * 365);
  hub_.on_connect = [&](const TestHub::Connected& connected) {
    const auto token = wire::parse_sas(connected.token).value();
    return wire::verify_sas(token, TestHub::kKey, base::wall_now()) ? ConnectCode::Accepted
                                                                    : ConnectCode::NotAuthorized;
  };
  hub_.stop();
  hub_.restart();
  run_until([&] { return session_->stats().refused >= 1; });
  *offset = hours(0);
  send("c");
  run_until([&] { return acknowledged_.size() == 4; });
}

TEST_F(SessionTest, RenewsItsTokenAtItsPaceWhileTheClockJumps) {
  using std::chrono::hours;
  auto offset = std::make_shared<hours>(0);
  options_.token_life = milliseconds(200);
  options_.wall_now = [offset] { return base::wall_now() + *offset; };
  std::atomic<std::int64_t> hub_offset{0};  // the hub's clock is the device's
  hub_.on_connect = [&](const TestHub::Connected& connected) {
    const auto token = wire::parse_sas(connected.token).value();
    const base::WallTime now = base::wall_now() + hours(hub_offset);
    // Tokens tell whole seconds.
    const bool good = wire::verify_sas(token, TestHub::kKey, now - std::chrono::seconds(1)) &&
                      token.expires_at() < now + std::chrono::seconds(2);
    return good ? ConnectCode::Accepted : ConnectCode::NotAuthorized;
  };
  start();
  std::size_t sent = 0;
  const os::TimerId timer = loop_->every(milliseconds(2), [&] { send(std::to_string(sent++)); });
  const base::MonoTime begun = base::mono_now();
  std::uint64_t expected = 0;
  for (const int days : {1, -2, 3}) {
    *offset += hours(days * 24);
    hub_offset = offset->count();
    // The renewal that was planned comes when it was, whatever the wall clock says: not at once
    // after a jump forward, and not a day late after one back.
    run_until([&] { return session_->stats().token_renewals > expected; });
    EXPECT_EQ(session_->stats().token_renewals, ++expected);
    EXPECT_GE(base::mono_now() - begun, milliseconds(150) * expected);
  }
  loop_->cancel(timer);
  run_until_acknowledged(sent);
  EXPECT_EQ(session_->stats().refused, 0U);
  EXPECT_EQ(session_->stats().disconnects, 0U);
  for (std::size_t i = 0; i < sent; ++i)
    EXPECT_EQ(acknowledged_[i], std::to_string(i));
}

TEST_F(SessionTest, SaysGoodbyeAndComesBackWithWhatWasInFlight) {
  hub_.on_publish = [](const TestHub::Published& published) {
    return published.connection == 1 ? Answer::Silence : Answer::Ack;
  };
  start();
  send("x");
  run_until([&] { return hub_.published().size() == 1; });
  session_->stop();
  run_until([&] { return hub_.disconnects() == 1; });
  EXPECT_FALSE(session_->stats().online);
  EXPECT_EQ(session_->stats().in_flight, 1U);
  session_->pump();
  session_->start();
  run_until_acknowledged(1);
  EXPECT_TRUE(hub_.published().at(1).dup);
}

TEST_F(SessionTest, TellsNothingToAHubThatIsNotTheRightOne) {
  ASSERT_TRUE(os::write_file_atomic(dir_ / "ca.pem", os::make_test_certificates().ca_pem));
  start();
  run_until([&] { return session_->stats().connect_failures >= 2; });
  EXPECT_TRUE(session_->stats().last_error.starts_with("server certificate: "))
      << session_->stats().last_error;
  EXPECT_TRUE(hub_.connected().empty());
}

TEST_F(SessionTest, CarriesLargeMessagesThroughBackPressure) {
  start();
  std::vector<std::string> payloads;
  for (char c = 'a'; c < 'a' + 26; ++c)
    payloads.emplace_back(200U << 10U, c);
  for (const auto& payload : payloads)
    send(payload);
  run_until_acknowledged(payloads.size());
  EXPECT_EQ(acknowledged_, payloads);
}

TEST(PacketIds, AreUsedInTurnButForThoseInFlight) {
  PacketIds ids;
  const auto in_use = [](std::uint16_t id) { return id == 1 || id == 65535; };
  for (std::uint32_t expected = 2; expected < 65535; ++expected) {
    ASSERT_EQ(ids.next(in_use), expected);
  }
  EXPECT_EQ(ids.next(in_use), 2);
}

TEST_F(SessionTest, RefusesOptionsThatCannotWork) {
  const auto code_of = [&](auto&& change) {
    Session::Options options = options_;
    change(options);
    const auto session = Session::create(*loop_, options, {});
    return session ? std::optional<Code>() : std::optional(session.error().code);
  };
  EXPECT_EQ(code_of([](auto&) {}), std::nullopt);
  EXPECT_EQ(code_of([](auto& options) { options.identity.key_base64 = "not base64!"; }),
            Code::Malformed);
  EXPECT_EQ(code_of([](auto& options) { options.identity.ca_file = "/nowhere"; }), Code::NotFound);
  EXPECT_EQ(code_of([](auto& options) { options.identity.device_id = "a#b"; }), Code::Unsupported);
  EXPECT_EQ(code_of([](auto& options) { options.window = 0; }), Code::Invalid);
}

}  // namespace
}  // namespace uplink
