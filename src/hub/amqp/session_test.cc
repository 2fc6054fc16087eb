#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "hub/amqp/session_testing.h"
#include "wire/property_bag.h"

namespace hub::amqp {

using operations::Reason;

namespace {

constexpr const char* kEvents = "/devices/d1/messages/events";

Message text_message(std::string_view body) {
  Message message;
  message.data = {body};
  return message;
}

TEST_F(SessionTest, TakesATokenAndAMessage) {
  TestClient& client = connect_device();
  EXPECT_TRUE(session_->logged_in());
  pn_link_t* link = client.sender(kEvents);
  client.run();
  ASSERT_TRUE(TestClient::open(link));
  Message message = text_message("hello");
  message.message_id = Value::text("m1");
  message.application = {{"colour", Value::text("red")}};
  pn_delivery_t* delivery = client.send(link, message);
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
  ASSERT_EQ(sink_.taken.size(), 1U);
  EXPECT_EQ(sink_.taken[0].payload, "hello");
  EXPECT_EQ(wire::find_property(sink_.taken[0].bag, "colour"), "red");
  EXPECT_EQ(wire::find_property(sink_.taken[0].bag, "$.mid"), "m1");
  EXPECT_EQ(sink_.taken[0].peer.device_id, "d1");
  EXPECT_EQ(sink_.taken[0].peer.protocol, operations::Protocol::Amqp);
  EXPECT_EQ(sink_.taken[0].peer.client_type, "test/1.0");
  EXPECT_FALSE(sink_.taken[0].security);
  const auto connects = records("deviceConnect");
  ASSERT_EQ(connects.size(), 1U);
  EXPECT_EQ(connects[0].status_code, 200);
  EXPECT_EQ(connects[0].ip, "192.0.2.7");
  EXPECT_EQ(connects[0].sdk_version, "test/1.0");
  EXPECT_TRUE(registry_->activity({"d1", ""}).connected);
}

TEST_F(SessionTest, AcceptsOnlyWhatIsDurable) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  sink_.hold = true;
  pn_delivery_t* first = client.send(link, text_message("1"));
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(first), 0U);
  sink_.settle(true);
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(first), std::uint64_t{PN_ACCEPTED});
  pn_delivery_t* second = client.send(link, text_message("2"));
  client.run();
  sink_.settle(false);
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(second), std::uint64_t{PN_REJECTED});
  EXPECT_EQ(TestClient::rejection(second), "com.microsoft:timeout");
  EXPECT_EQ(service_->counters.not_durable.value(), 1U);
}

TEST_F(SessionTest, HoldsWhatTheSinkHasNoRoomForAndKeepsItsOrder) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  sink_.room = 1;
  std::vector<pn_delivery_t*> deliveries;
  for (const char* body : {"1", "2", "3"})
    deliveries.push_back(client.send(link, text_message(body)));
  client.run();
  EXPECT_EQ(session_->take(), Session::Next::Hold);
  ASSERT_EQ(sink_.taken.size(), 1U);
  sink_.room = 10;
  client.run();
  ASSERT_EQ(sink_.taken.size(), 3U);
  EXPECT_EQ(sink_.taken[1].payload, "2");
  EXPECT_EQ(sink_.taken[2].payload, "3");
  for (pn_delivery_t* delivery : deliveries)
    EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
}

TEST_F(SessionTest, TakesABatchAsItsMessages) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  base::ByteVec part;
  Message message = text_message("x");
  message.annotations = {{"iothub-interface-id", Value::text(wire::kSecurityInterface)}};
  encode(message, part);
  Message batch;
  batch.data = {base::as_text(part), base::as_text(part)};
  sink_.hold = true;
  pn_delivery_t* delivery = client.send(link, batch);
  client.run();
  ASSERT_EQ(sink_.taken.size(), 2U);
  EXPECT_TRUE(sink_.taken[0].security);
  EXPECT_EQ(pn_delivery_remote_state(delivery), 0U);
  // One of them is lost: the whole comes again.
  std::exchange(sink_.held.front(), nullptr)(false);
  sink_.held.pop_front();
  sink_.settle(true);
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_REJECTED});
}

TEST_F(SessionTest, RefusesBadTokensAndSaysWhy) {
  struct Bad {
    std::string audience;
    std::string token;
    int status;
    Reason reason;
  };
  const std::string d1 = audience("/devices/d1");
  shared_->options.max_failed_logins = 100;
  TestClient& client = connect();
  for (const Bad& bad :
       {Bad{d1, "nonsense", 401, Reason::SasMalformed},
        Bad{d1, token("/devices/d1", 1'500'000'000), 401, Reason::SasExpired},
        Bad{d1, token("/devices/d1", 2'000'000'000, "AAAA"), 401, Reason::SasSignature},
        Bad{d1, token("/devices/d3"), 401, Reason::SasScope},
        Bad{audience("/devices/nobody"), token("/devices/nobody"), 404, Reason::Unknown},
        Bad{kHost, token("/devices/d1"), 401, Reason::SasScope}}) {
    EXPECT_EQ(put_token(client, bad.audience, bad.token), bad.status) << bad.audience;
    const auto last = operations_.recent(1);
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last[0].level, operations::Level::Error);
    EXPECT_EQ(last[0].reason, bad.reason) << bad.token;
  }
  EXPECT_FALSE(session_->logged_in());
  EXPECT_EQ(service_->counters.logins_refused.value(), 6U);
}

TEST_F(SessionTest, GivesUpOnWhoFailsTooOften) {
  TestClient& client = connect();
  for (std::size_t i = 0; i < shared_->options.max_failed_logins; ++i)
    put_token(client, audience("/devices/d1"), "nonsense");
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.farewell(), "amqp:unauthorized-access");
}

TEST_F(SessionTest, RefusesLinksOfOthers) {
  TestClient& client = connect_device();
  struct Foreign {
    const char* address;
    const char* condition;
  };
  for (const Foreign& foreign :
       {Foreign{"/devices/d3/messages/events", "amqp:unauthorized-access"},
        Foreign{"/devices/d2/messages/events", "amqp:unauthorized-access"},
        Foreign{"/devices/d1/modules/m1/messages/events", "amqp:unauthorized-access"},
        Foreign{"/devices/d1/messages/devicebound", "amqp:not-allowed"},
        Foreign{"/nothing", "amqp:not-found"},
        Foreign{"/messages/devicebound", "amqp:unauthorized-access"}}) {
    pn_link_t* link = client.sender(foreign.address);
    client.run();
    EXPECT_EQ(TestClient::refusal(link), foreign.condition) << foreign.address;
  }
  EXPECT_FALSE(client.closed());
}

TEST_F(SessionTest, TakesSaslPlain) {
  TestClient& client = connect({"PLAIN", "d1@sas.hub", token("/devices/d1")});
  EXPECT_TRUE(session_->logged_in());
  pn_link_t* link = client.sender(kEvents);
  client.run();
  EXPECT_TRUE(TestClient::open(link));
}

TEST_F(SessionTest, RefusesSaslPlainWithAWrongPassword) {
  TestClient& client = connect({"PLAIN", "d1@sas.hub", token("/devices/d3")});
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(session_->reason(), Reason::SasScope);
  EXPECT_EQ(pn_sasl_outcome(pn_sasl(client.transport())), PN_SASL_AUTH);
  EXPECT_EQ(records("deviceConnect").size(), 1U);
}

TEST_F(SessionTest, TakesACertificateWithoutSasl) {
  TestClient& client = connect({"", "", ""}, certificate('A'));
  pn_link_t* link = client.sender("/devices/d2/messages/events");
  client.run();
  EXPECT_TRUE(TestClient::open(link));
  EXPECT_TRUE(registry_->activity({"d2", ""}).connected);
  pn_link_t* other = client.sender(kEvents);
  client.run();
  EXPECT_EQ(TestClient::refusal(other), "amqp:unauthorized-access");
}

TEST_F(SessionTest, TakesACertificateBySaslExternal) {
  connect({"EXTERNAL", "x", ""}, certificate('A'));
  pn_link_t* link = client_->sender("/devices/d2/messages/events");
  client_->run();
  EXPECT_TRUE(TestClient::open(link));
}

TEST_F(SessionTest, RefusesTheCertificateOfAnother) {
  TestClient& client = connect({"", "", ""}, certificate('B'));
  pn_link_t* link = client.sender("/devices/d2/messages/events");
  client.run();
  EXPECT_EQ(TestClient::refusal(link), "amqp:unauthorized-access");
  ASSERT_EQ(records("deviceConnect").size(), 1U);
  EXPECT_EQ(records("deviceConnect")[0].reason, Reason::Thumbprint);
}

TEST_F(SessionTest, EndsWhenTheTokenDoesUnlessItIsRenewed) {
  TestClient& client = connect();
  const std::string d1 = audience("/devices/d1");
  EXPECT_EQ(put_token(client, d1, token("/devices/d1", 1'600'000'100)), 200);
  wall_ = 1'600'000'050;
  EXPECT_EQ(session_->tick(), Session::Next::Continue);
  EXPECT_EQ(put_token(client, d1, token("/devices/d1", 1'600'000'200)), 200);
  EXPECT_EQ(records("deviceConnect").size(), 1U) << "a renewal is no connection";
  wall_ = 1'600'000'150;
  EXPECT_EQ(session_->tick(), Session::Next::Continue);
  wall_ = 1'600'000'200;
  EXPECT_EQ(session_->tick(), Session::Next::Close);
  EXPECT_EQ(session_->reason(), Reason::SasExpired);
  client.run();
  EXPECT_EQ(client.farewell(), "amqp:unauthorized-access");
  session_->end(session_->reason());
  const auto ends = records("deviceDisconnect");
  EXPECT_TRUE(std::ranges::any_of(ends, [](const operations::Record& record) {
    return record.reason == Reason::SasExpired && record.sub_code == 401003;
  }));
  EXPECT_FALSE(registry_->activity({"d1", ""}).connected);
}

TEST_F(SessionTest, KeepsTheOtherIdentitiesWhenOneExpires) {
  TestClient& client = connect();
  EXPECT_EQ(put_token(client, audience("/devices/d1"), token("/devices/d1", 1'600'000'100)), 200);
  EXPECT_EQ(put_token(client, audience("/devices/d3"), token("/devices/d3")), 200);
  pn_link_t* first = client.sender(kEvents);
  pn_link_t* second = client.sender("/devices/d3/messages/events");
  client.run();
  wall_ = 1'600'000'100;
  EXPECT_EQ(session_->tick(), Session::Next::Continue);
  client.run();
  EXPECT_EQ(TestClient::refusal(first), "amqp:unauthorized-access");
  pn_delivery_t* delivery = client.send(second, text_message("still here"));
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
}

TEST_F(SessionTest, GivesWayToANewerConnection) {
  connect_device();
  TestHost other;
  Session second(*service_, other, 9, {}, shared_);
  EXPECT_EQ(second.put_token(audience("/devices/d1"), token("/devices/d1")).status, 200);
  ASSERT_EQ(host_.cuts.size(), 1U);
  EXPECT_EQ(host_.cuts[0].second, Reason::TakenOver);
  second.end(Reason::PeerClosed);
}

TEST_F(SessionTest, LetsThePolicyOfDevicesSpeakForAll) {
  TestClient& client = connect();
  EXPECT_EQ(put_token(client, kHost, policy_token("device")), 200);
  pn_link_t* first = client.sender(kEvents);
  pn_link_t* second = client.sender("/devices/d3/messages/events");
  client.run();
  EXPECT_TRUE(TestClient::open(first));
  EXPECT_TRUE(TestClient::open(second));
}

TEST_F(SessionTest, ReadsAndPatchesTwins) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender("/devices/d1/twin");
  client.receiver("/devices/d1/twin");
  client.run();
  const auto ask = [&](const char* operation, const char* resource, const char* body) {
    Message request = text_message(body);
    request.correlation_id = Value::text("c1");
    request.annotations = {{"operation", Value::text(operation)}};
    if (*resource != '\0') request.annotations.emplace_back("resource", Value::text(resource));
    client.came.clear();
    client.send(link, request);
    client.run();
    if (client.came.empty()) {
      host_.wait_for_delivery();
      client.run();
    }
    EXPECT_EQ(client.came.size(), 1U);
    return client.came.back();
  };
  const auto status = [](const Message& message) {
    return find(message.annotations, "status")->number;
  };
  auto answer = ask("PATCH", "/properties/reported", R"({"colour":"red"})");
  EXPECT_EQ(status(answer.message()), 204);
  EXPECT_EQ(answer.message().correlation_id, Value::text("c1"));
  EXPECT_EQ(find(answer.message().annotations, "version")->type, Value::Type::Long);
  answer = ask("GET", "", " ");
  EXPECT_EQ(status(answer.message()), 200);
  std::string scratch;
  EXPECT_NE(answer.message().body(scratch).find(R"("colour":"red")"), std::string_view::npos);
  answer = ask("PATCH", "/properties/reported", "no json");
  EXPECT_EQ(status(answer.message()), 400);
  answer = ask("BURN", "", "");
  EXPECT_EQ(status(answer.message()), 400);
  answer = ask("PUT", "/notifications/twin/properties/desired", " ");
  EXPECT_EQ(status(answer.message()), 200);
  client.came.clear();
  session_->deliver(link::TwinDesired{5, R"({"a":1,"$version":5})", {"d1", ""}});
  session_->deliver(link::TwinDesired{6, R"({"b":1,"$version":6})", {"d3", ""}});
  client.run();
  ASSERT_EQ(client.came.size(), 1U);
  EXPECT_TRUE(client.came[0].message().correlation_id.is_null());
  EXPECT_EQ(client.came[0].message().data[0], R"({"a":1,"$version":5})");
  ask("DELETE", "/notifications/twin/properties/desired", " ");
  client.came.clear();
  session_->deliver(link::TwinDesired{7, R"({"c":1,"$version":7})", {"d1", ""}});
  client.run();
  EXPECT_TRUE(client.came.empty());
}

TEST_F(SessionTest, RefusesAMessageAboveTheLimit) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  const std::string fits(256 * 1024, 'x');
  pn_delivery_t* delivery = client.send(link, text_message(fits));
  client.run();
  EXPECT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
  const std::string above(256 * 1024 + 1, 'x');
  delivery = client.send(link, text_message(above));
  client.run();
  EXPECT_EQ(TestClient::rejection(delivery), "amqp:link:message-size-exceeded");
  const std::string far_above(400 * 1024, 'x');
  client.send(link, text_message(far_above));
  client.run();
  EXPECT_EQ(TestClient::refusal(link), "amqp:link:message-size-exceeded");
  EXPECT_EQ(service_->counters.oversize.value(), 2U);
  EXPECT_EQ(sink_.taken.size(), 1U);
}

TEST_F(SessionTest, RejectsWhatIsNoMessage) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  pn_delivery_t* delivery = client.send_bytes(link, "garbage");
  client.run();
  EXPECT_EQ(TestClient::rejection(delivery), "amqp:decode-error");
}

TEST_F(SessionTest, LimitsLinks) {
  shared_->options.max_links = 4;
  TestClient& client = connect();
  for (int i = 0; i < 5; ++i)
    client.sender(("/nothing/" + std::to_string(i)).c_str());
  client.run();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.farewell(), "amqp:resource-limit-exceeded");
}

TEST_F(SessionTest, EndsAfterLongSilence) {
  connect_device();
  mono_ += 100'000;
  EXPECT_EQ(session_->tick(), Session::Next::Continue);
  client_->run();
  mono_ += 250'000;
  EXPECT_EQ(session_->tick(), Session::Next::Close);
  EXPECT_EQ(session_->reason(), Reason::KeepAlive);
}

TEST_F(SessionTest, EndsOnWhatIsNoAmqp) {
  connect();
  const auto room = session_->room();
  std::string_view garbage = "GET / HTTP/1.1\r\n\r\n";
  std::copy_n(garbage.begin(), garbage.size(), room.begin());
  session_->filled(garbage.size());
  EXPECT_EQ(session_->take(), Session::Next::Close);
  EXPECT_EQ(session_->reason(), Reason::Protocol);
  EXPECT_EQ(service_->counters.malformed.value(), 1U);
}

TEST_F(SessionTest, EndsOnFramesThatCannotBeDecoded) {
  connect_device();
  // An open whose list has more elements than bytes.
  constexpr std::array<std::uint8_t, 20> kFrame = {
      0, 0, 0, 20, 2, 0, 0, 0, 0, 0x53, 0x10, 0xd0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  std::ranges::copy(kFrame, session_->room().begin());
  session_->filled(kFrame.size());
  EXPECT_EQ(session_->take(), Session::Next::Close);
  EXPECT_EQ(session_->reason(), Reason::Protocol);
  EXPECT_EQ(service_->counters.malformed.value(), 1U);
}

TEST_F(SessionTest, SettlesNothingOfALinkThatIsGone) {
  TestClient& client = connect_device();
  pn_link_t* link = client.sender(kEvents);
  client.run();
  sink_.hold = true;
  client.send(link, text_message("1"));
  client.run();
  pn_link_close(link);
  client.run();
  sink_.settle(true);
  client.run();
  EXPECT_FALSE(client.closed());
  // The connection goes on.
  pn_link_t* again = client.sender("/devices/d1/messages/events/");
  client.run();
  EXPECT_TRUE(TestClient::open(again));
}

TEST_F(SessionTest, ClosesWhenTheClientDoes) {
  TestClient& client = connect_device();
  pn_connection_close(client.connection());
  client.run();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(session_->reason(), Reason::None);
  session_->end(Reason::None);
  ASSERT_EQ(records("deviceDisconnect").size(), 1U);
  EXPECT_EQ(records("deviceDisconnect")[0].status_code, 200);
}

}  // namespace
}  // namespace hub::amqp
