#include "hub/listen/listener.h"

#include <gtest/gtest.h>

#include "hub/listen/listener_testing.h"
#include "wire/property_bag.h"

namespace hub::listen {
namespace {

using operations::Reason;
namespace mqtt = wire::mqtt;

constexpr const char* kSecurityBag = "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1";

TEST_F(ListenerTest, AcknowledgesOnlyWhatIsDurable) {
  start();
  sink_.hold();
  const auto client = connected();
  ASSERT_TRUE(client->send(publish(7, "one")));
  ASSERT_TRUE(client->send(publish(8, "two")));
  sink_.wait_for(2);
  EXPECT_TRUE(client->alive()) << "a PUBACK came before the message was durable";
  sink_.settle(true);
  EXPECT_EQ(client->puback(), 7);
  EXPECT_EQ(client->puback(), 8);
  EXPECT_EQ(service_->counters.messages.value(), 2U);
  EXPECT_EQ(service_->counters.pubacks.value(), 2U);
}

TEST_F(ListenerTest, HandsOnWhoSentItFromTheConnectionOnly) {
  start();
  const auto client = connected({"d1", "m1"});
  const std::string topic =
      std::string("devices/d1/modules/m1/messages/events/") + kSecurityBag + "&a=b";
  ASSERT_TRUE(client->send(publish(1, R"({"deviceId":"d2"})", topic)));
  EXPECT_EQ(client->puback(), 1);
  const auto taken = sink_.wait_for(1);
  EXPECT_EQ(taken[0].peer.device_id, "d1");
  EXPECT_EQ(taken[0].peer.module_id, "m1");
  EXPECT_EQ(taken[0].peer.generation_id, registry_->get({"d1", "m1"})->generation_id);
  EXPECT_EQ(taken[0].peer.auth_method, R"({"scope":"module","type":"sas","issuer":"iothub"})");
  EXPECT_EQ(taken[0].peer.ip, "127.0.0.1");
  EXPECT_EQ(taken[0].peer.client_type, "test/1.0");
  EXPECT_EQ(taken[0].bag, std::string(kSecurityBag) + "&a=b");
  EXPECT_TRUE(taken[0].security);
  EXPECT_EQ(service_->counters.security_messages.value(), 1U);
}

TEST_F(ListenerTest, QosZeroIsTakenWithoutAnswer) {
  start();
  const auto client = connected();
  ASSERT_TRUE(client->send(publish(0, "x")));
  sink_.wait_for(1);
  EXPECT_TRUE(client->alive());
}

TEST_F(ListenerTest, ARetainedMessageIsMarkedAndNotKept) {
  start();
  const auto client = connected();
  mqtt::Publish packet = publish(1, "x", "devices/d1/messages/events/a=1/");
  packet.retain = true;
  ASSERT_TRUE(client->send(packet));
  EXPECT_EQ(client->puback(), 1);
  EXPECT_EQ(sink_.wait_for(1)[0].bag, "a=1&mqtt-retain=true");
}

TEST_F(ListenerTest, RecordsConnectAndDisconnect) {
  start();
  auto client = connected();
  ASSERT_TRUE(client->send(publish(1, "12345")));
  EXPECT_EQ(client->puback(), 1);
  EXPECT_TRUE(registry_->activity({"d1", ""}).connected);
  ASSERT_TRUE(client->send(mqtt::Disconnect{}));
  EXPECT_TRUE(client->closed());
  ASSERT_TRUE(soon([&] { return operations_.recent(1)[0].operation == "deviceDisconnect"; }));
  const auto records = operations_.recent(3);
  EXPECT_EQ(records[0].status_code, 200);
  EXPECT_EQ(records[0].bytes, 5U);
  EXPECT_EQ(records[1].operation, "ingress");
  EXPECT_EQ(records[1].count, 1U);
  EXPECT_EQ(records[2].operation, "deviceConnect");
  EXPECT_EQ(records[2].device_id, "d1");
  EXPECT_EQ(records[2].ip, "127.0.0.1");
  EXPECT_EQ(records[2].sdk_version, "test/1.0");
  EXPECT_TRUE(records[2].tls_version.starts_with("TLSv1."));
  EXPECT_FALSE(registry_->activity({"d1", ""}).connected);
  EXPECT_EQ(registry_->activity({"d1", ""}).messages, 1U);
}

struct BadLogin {
  const char* name;
  Reason reason;
  std::string (*password)(const std::string& good);
  const char* client_id = "d1";
};

class ListenerRefuses : public ListenerTest, public testing::WithParamInterface<BadLogin> {};

TEST_P(ListenerRefuses, WithCodeFiveAndARecordOfTheReason) {
  start();
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  const std::string name = GetParam().client_id;
  const std::string password = GetParam().password(token({"d1", ""}));
  client.send(connect_packet(name, "hub.example/" + name + "/?api-version=2021-04-12", password));
  const auto answer = client.receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::get<mqtt::Connack>(*answer).code, mqtt::ConnectCode::NotAuthorized);
  EXPECT_TRUE(client.closed());
  const auto record = recorded(GetParam().reason);
  EXPECT_EQ(record.operation, "deviceConnect");
  EXPECT_EQ(record.device_id, name);
  EXPECT_EQ(record.level, operations::Level::Error);
  EXPECT_EQ(service_->counters.logins_refused.value(), 1U);
  EXPECT_EQ(service_->counters.logins.value(), 0U);
}

std::string with_other_signature(const std::string& token) {
  const std::size_t begin = token.find("&sig=");
  return token.substr(0, begin) + "&sig=YWJjZA%3D%3D" + token.substr(token.find("&se="));
}

INSTANTIATE_TEST_SUITE_P(
    Logins, ListenerRefuses,
    testing::Values(BadLogin{"WrongSignature", Reason::SasSignature, with_other_signature},
                    BadLogin{"NoToken", Reason::SasMalformed,
                             [](const std::string&) { return std::string("x"); }},
                    BadLogin{"UnknownDevice", Reason::Unknown,
                             [](const std::string& good) { return good; }, "nobody"},
                    BadLogin{"AnotherDevicesToken", Reason::SasScope,
                             [](const std::string& good) { return good; }, "d2"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(ListenerTest, RefusesAnExpiredTokenAndADisabledDevice) {
  start();
  {
    TestClient client(listener_->port());
    ASSERT_TRUE(client.shake_hands());
    EXPECT_EQ(log_in(client, {"d1", ""}, token({"d1", ""}, std::chrono::seconds(-1))), 5);
    EXPECT_EQ(recorded(Reason::SasExpired).sub_code, 401003U);
  }
  identity::Change change;
  change.status = identity::Status::Disabled;
  ASSERT_TRUE(registry_->update({"d1", ""}, change, "test").has_value());
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  EXPECT_EQ(log_in(client, {"d1", ""}, token({"d1", ""})), 5);
  EXPECT_EQ(recorded(Reason::Disabled).device_id, "d1");
}

TEST_F(ListenerTest, AnswersOtherProtocolLevelsWithCodeOne) {
  start();
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  const std::uint8_t level_three[] = {0x10, 0x0f, 0, 6, 'M', 'Q', 'I', 's', 'd',
                                      'p',  3,    2, 0, 60,  0,   1,   'x'};
  client.send(base::ByteView(level_three));
  const auto answer = client.receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::get<mqtt::Connack>(*answer).code, mqtt::ConnectCode::UnacceptableProtocol);
  EXPECT_TRUE(client.closed());
}

TEST_F(ListenerTest, TheNewerConnectionWins) {
  start();
  const auto older = connected();
  const auto module = connected({"d1", "m1"});
  const auto newer = connected();
  EXPECT_TRUE(older->closed());
  EXPECT_TRUE(newer->alive());
  EXPECT_TRUE(module->alive()) << "a module is another identity";
  const auto record = recorded(Reason::TakenOver);
  EXPECT_EQ(record.sub_code, 400027U);
  EXPECT_EQ(record.device_id, "d1");
  EXPECT_EQ(service_->counters.taken_over.value(), 1U);
  EXPECT_TRUE(registry_->activity({"d1", ""}).connected);
}

TEST_F(ListenerTest, OneIdentityTakenOverAgainAndAgainKeepsOneConnection) {
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i)
    clients.push_back(connected());
  for (int i = 0; i < 19; ++i)
    EXPECT_TRUE(clients[static_cast<std::size_t>(i)]->closed());
  EXPECT_TRUE(clients.back()->alive());
  EXPECT_EQ(registry_->connected_count(), 1U);
}

TEST_F(ListenerTest, ATokenThatExpiresEndsTheSession) {
  start();
  const auto client = connected();
  wall_ += 3'599;
  EXPECT_TRUE(client->alive());
  wall_ += 1;
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(recorded(Reason::SasExpired).operation, "deviceDisconnect");
  EXPECT_EQ(service_->counters.token_expired.value(), 1U);
}

TEST_F(ListenerTest, AWallClockThatStepsBackCutsNobodyOff) {
  start();
  const auto client = connected();
  wall_ -= 86'400;
  ASSERT_TRUE(client->send(publish(1, "x")));
  EXPECT_EQ(client->puback(), 1);
  EXPECT_TRUE(client->alive());
  EXPECT_EQ(service_->counters.keep_alive_expired.value(), 0U);
}

TEST_F(ListenerTest, SilenceBeyondOneAndAHalfKeepAlivesEndsTheSession) {
  start();
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  ASSERT_EQ(log_in(client, {"d1", ""}, token({"d1", ""}), {}, 10), 0);
  mono_ += 14'900;
  ASSERT_TRUE(client.send(publish(1, "x")));
  EXPECT_EQ(client.puback(), 1);
  // What was heard counts from the next tick, which is when the registry learns of it.
  EXPECT_TRUE(soon([&] { return registry_->activity({"d1", ""}).messages == 1; }));
  mono_ += 15'100;
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(recorded(Reason::KeepAlive).sub_code, 404104U);
}

TEST_F(ListenerTest, WithoutKeepAliveTheHubsOwnLimitHolds) {
  start();
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  ASSERT_EQ(log_in(client, {"d1", ""}, token({"d1", ""}, std::chrono::hours(24)), {}, 0), 0);
  mono_ += 1'766'000;
  ASSERT_TRUE(client.send(publish(1, "x")));
  EXPECT_EQ(client.puback(), 1);
  // What was heard counts from the next tick, which is when the registry learns of it.
  EXPECT_TRUE(soon([&] { return registry_->activity({"d1", ""}).messages == 1; }));
  mono_ += 1'768'000;
  EXPECT_TRUE(client.closed());
}

TEST_F(ListenerTest, WhoDoesNotLogInInTimeIsCut) {
  start();
  TestClient silent(listener_->port());
  TestClient shaken(listener_->port());
  ASSERT_TRUE(shaken.shake_hands());
  const auto good = connected();
  ASSERT_TRUE(soon([&] { return service_->connections.load() == 3; }));
  mono_ += 10'001;
  EXPECT_TRUE(shaken.closed());
  EXPECT_TRUE(soon([&] { return service_->counters.login_timeouts.value() == 2; }));
  EXPECT_TRUE(good->alive());
  EXPECT_TRUE(soon([&] { return service_->connections.load() == 1; }));
}

TEST_F(ListenerTest, PendingLoginsAndConnectionsAreLimited) {
  options_.max_connections = 3;
  options_.max_pending_logins = 1;
  start();
  {
    TestClient pending(listener_->port());
    ASSERT_TRUE(soon([&] { return service_->connections.load() == 1; }));
    TestClient refused(listener_->port());
    EXPECT_FALSE(refused.shake_hands());
    EXPECT_EQ(service_->counters.refused_limit.value(), 1U);
    ASSERT_TRUE(pending.shake_hands());
    EXPECT_EQ(log_in(pending, {"d1", ""}, token({"d1", ""})), 0);
    const auto second = connected({"d2", ""});
    const auto third = connected({"d1", "m1"});
    TestClient fourth(listener_->port());
    EXPECT_FALSE(fourth.shake_hands());
    EXPECT_EQ(service_->counters.refused_limit.value(), 2U);
  }
  EXPECT_TRUE(soon([&] { return service_->connections.load() == 0; }));
  EXPECT_TRUE(connected()->alive());
}

struct BadPacket {
  const char* name;
  Reason reason;
  mqtt::Packet packet;
};

class ListenerCuts : public ListenerTest, public testing::WithParamInterface<BadPacket> {};

TEST_P(ListenerCuts, TheConnectionAndNothingElse) {
  start();
  const auto neighbour = connected({"d2", ""});
  const auto client = connected();
  ASSERT_TRUE(client->send(GetParam().packet));
  EXPECT_TRUE(client->closed());
  const auto record = recorded(GetParam().reason);
  EXPECT_EQ(record.operation, "deviceDisconnect");
  EXPECT_EQ(record.device_id, "d1");
  EXPECT_FALSE(record.detail.empty());
  EXPECT_TRUE(neighbour->alive());
  EXPECT_TRUE(connected()->alive()) << "the device may come back";
}

mqtt::Publish publish_to(const char* topic, std::uint8_t qos = 1) {
  mqtt::Publish packet;
  packet.topic = topic;
  packet.qos = qos;
  packet.packet_id = 1;
  return packet;
}

INSTANTIATE_TEST_SUITE_P(
    Packets, ListenerCuts,
    testing::Values(
        BadPacket{"QosTwo", Reason::QosNotServed, publish_to("devices/d1/messages/events/", 2)},
        BadPacket{"UnknownTopic", Reason::TopicNotServed, publish_to("hello")},
        BadPacket{"AnotherDevice", Reason::TopicNotServed,
                  publish_to("devices/d2/messages/events/")},
        BadPacket{"ItsModule", Reason::TopicNotServed,
                  publish_to("devices/d1/modules/m1/messages/events/")},
        BadPacket{"TwinWithoutRequest", Reason::TopicNotServed, publish_to("$iothub/twin/GET/")},
        BadPacket{"SecondConnect", Reason::Protocol, mqtt::Connect{.client_id = "d1"}},
        BadPacket{"ServersPacket", Reason::Protocol, mqtt::Pingresp{}},
        BadPacket{"Pubrel", Reason::Protocol, mqtt::Pubrel{1}},
        BadPacket{
            "SixSubscriptions", Reason::Subscriptions,
            mqtt::Subscribe{1, {{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}, {"e", 0}, {"f", 0}}}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(ListenerTest, CountsWhatIsNotMqtt) {
  start();
  const std::vector<std::string> noises = {"GET / HTTP/1.1\r\n\r\n", std::string(64, '\xff'),
                                           std::string(2, '\0')};
  for (const std::string& noise : noises) {
    TestClient client(listener_->port());
    ASSERT_TRUE(client.shake_hands());
    client.send(base::as_bytes(noise));
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(service_->counters.malformed.value(), 3U);
  const auto client = connected();
  client->send(base::as_bytes(std::string_view("\x32\xff\xff\xff\xff\xff", 6)));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(recorded(Reason::Protocol).device_id, "d1");
  EXPECT_EQ(service_->counters.malformed.value(), 4U);
}

TEST_F(ListenerTest, NothingComesBeforeConnect) {
  start();
  for (const mqtt::Packet& packet :
       {mqtt::Packet(mqtt::Pingreq{}), mqtt::Packet(publish_to("devices/d1/messages/events/"))}) {
    TestClient client(listener_->port());
    ASSERT_TRUE(client.shake_hands());
    client.send(packet);
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(service_->counters.malformed.value(), 2U);
}

TEST_F(ListenerTest, AMessageOfTheLimitIsTakenAndALargerOneIsNot) {
  start();
  const std::string_view bag = "a=1";
  const std::string largest(256 * 1024 - bag.size(), 'x');
  const std::string topic = "devices/d1/messages/events/" + std::string(bag);
  auto client = connected();
  ASSERT_TRUE(client->send(publish(1, largest, topic)));
  EXPECT_EQ(client->puback(), 1);
  client->send(publish(2, largest + "x", topic));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(recorded(Reason::Oversize).status_code, 413);
  EXPECT_EQ(service_->counters.oversize.value(), 1U);

  // What is far above is refused by its length, before it has come.
  client = connected();
  const std::uint8_t announced[] = {0x32, 0xff, 0xff, 0xff, 0x7f};
  client->send(base::ByteView(announced));
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(service_->counters.oversize.value(), 2U);
  EXPECT_EQ(sink_.wait_for(1).size(), 1U);
}

TEST_F(ListenerTest, ALargeConnectIsRefusedByItsLength) {
  start();
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  const std::uint8_t announced[] = {0x10, 0x80, 0x80, 0x04};
  client.send(base::ByteView(announced));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(service_->counters.oversize.value(), 1U);
}

TEST_F(ListenerTest, GrantsTheTopicsOfTheIdentityAtMostAtQosOne) {
  start();
  const auto client = connected();
  ASSERT_TRUE(client->send(mqtt::Subscribe{9,
                                           {{"devices/d1/messages/devicebound/#", 2},
                                            {"$iothub/twin/res/#", 0},
                                            {"$iothub/methods/POST/#", 1},
                                            {"devices/d2/messages/devicebound/#", 1}}}));
  const auto answer = client->receive();
  ASSERT_TRUE(answer.has_value());
  const auto& suback = std::get<mqtt::Suback>(*answer);
  EXPECT_EQ(suback.packet_id, 9);
  EXPECT_EQ(suback.codes, (std::vector<std::uint8_t>{1, 0, 1, mqtt::kSubscribeFailure}));
  ASSERT_TRUE(client->send(mqtt::Unsubscribe{10, {"$iothub/twin/res/#"}}));
  EXPECT_EQ(std::get<mqtt::Unsuback>(*client->receive()).packet_id, 10);
}

TEST_F(ListenerTest, AcknowledgesInTheOrderOfTheMessages) {
  start();
  sink_.hold();
  const auto client = connected();
  ASSERT_TRUE(client->send(publish(1, "x")));
  ASSERT_TRUE(client->send(publish(2, " ", "$iothub/twin/GET/?$rid=1")));
  ASSERT_TRUE(client->send(publish(3, "y")));
  sink_.wait_for(2);
  EXPECT_TRUE(client->alive());
  sink_.settle(true);
  EXPECT_EQ(client->puback(), 1);
  EXPECT_EQ(client->puback(), 2);
  EXPECT_EQ(client->puback(), 3);
}

TEST_F(ListenerTest, AFullSinkStopsTheReadingAndNothingIsLost) {
  start();
  sink_.set_room(10);
  const auto client = connected();
  const auto neighbour = connected({"d2", ""});
  base::ByteVec bytes;
  for (std::uint16_t id = 1; id <= 100; ++id) {
    ASSERT_TRUE(mqtt::encode_publish(publish(id, std::to_string(id)), bytes).has_value());
  }
  ASSERT_TRUE(client->send(bytes));
  sink_.wait_for_refusal();
  EXPECT_TRUE(neighbour->alive()) << "who sends nothing is served meanwhile";
  EXPECT_EQ(sink_.wait_for(10).size(), 10U);
  sink_.set_room(40);
  sink_.wait_for(50);
  sink_.set_room(1'000);
  const auto taken = sink_.wait_for(100);
  for (std::uint16_t id = 1; id <= 100; ++id) {
    EXPECT_EQ(taken[id - 1U].payload, std::to_string(id));
    ASSERT_EQ(client->puback(), id);
  }
  EXPECT_GE(service_->counters.paused.value(), 1U);
}

TEST_F(ListenerTest, OneSenderHasOnlySoManyMessagesOnTheirWay) {
  options_.max_unacknowledged = 8;
  start();
  sink_.hold();
  const auto client = connected();
  base::ByteVec bytes;
  for (std::uint16_t id = 1; id <= 64; ++id) {
    ASSERT_TRUE(mqtt::encode_publish(publish(id, "x"), bytes).has_value());
  }
  ASSERT_TRUE(client->send(bytes));
  std::uint16_t next = 1;
  while (next <= 64) {
    sink_.wait_for(next + 7U);
    EXPECT_EQ(sink_.wait_for(next + 7U).size(), next + 7U);
    sink_.settle(true);
    for (int i = 0; i < 8; ++i)
      ASSERT_EQ(client->puback(), next++);
  }
}

TEST_F(ListenerTest, WhatCannotBeStoredIsNotAcknowledgedAndTheSenderComesBack) {
  start();
  sink_.hold();
  const auto client = connected();
  ASSERT_TRUE(client->send(publish(1, "x")));
  sink_.wait_for(1);
  sink_.settle(false);
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(recorded(Reason::NotDurable).status_code, 503);
  EXPECT_EQ(service_->counters.not_durable.value(), 1U);
  EXPECT_EQ(service_->counters.pubacks.value(), 0U);
  EXPECT_TRUE(connected()->alive());
}

TEST_F(ListenerTest, SendsTheWillOfWhoGoesWithoutAWord) {
  start();
  const mqtt::Will will{"devices/d1/messages/events/a=1", base::as_bytes(std::string_view("gone")),
                        1, false};
  {
    TestClient polite(listener_->port());
    ASSERT_TRUE(polite.shake_hands());
    ASSERT_EQ(log_in(polite, {"d1", ""}, token({"d1", ""}), will), 0);
    polite.send(mqtt::Disconnect{});
    EXPECT_TRUE(polite.closed());
  }
  TestClient client(listener_->port());
  ASSERT_TRUE(client.shake_hands());
  ASSERT_EQ(log_in(client, {"d1", ""}, token({"d1", ""}), will), 0);
  client.vanish();
  const auto taken = sink_.wait_for(1);
  EXPECT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].payload, "gone");
  EXPECT_EQ(taken[0].bag, "a=1&iothub-MessageType=Will");
  EXPECT_EQ(recorded(Reason::PeerClosed).sub_code, 404104U);
  EXPECT_TRUE(soon([&] { return service_->counters.wills.value() == 1; }));
}

TEST_F(ListenerTest, RefusesAWillForAnothersTopic) {
  start();
  const auto payload = base::as_bytes(std::string_view("gone"));
  for (const mqtt::Will& will : {mqtt::Will{"devices/d2/messages/events/", payload, 1, false},
                                 mqtt::Will{"anywhere", payload, 0, false},
                                 mqtt::Will{"devices/d1/messages/events/", payload, 2, false}}) {
    TestClient client(listener_->port());
    ASSERT_TRUE(client.shake_hands());
    EXPECT_EQ(log_in(client, {"d1", ""}, token({"d1", ""}), will), 5);
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(recorded(Reason::WillTopic).device_id, "d1");
}

TEST_F(ListenerTest, CutsWhoIsDisabledOrDeleted) {
  start();
  const auto device = connected();
  const auto module = connected({"d1", "m1"});
  const auto other = connected({"d2", ""});
  identity::Change change;
  change.status = identity::Status::Disabled;
  ASSERT_TRUE(registry_->update({"d1", ""}, change, "anna").has_value());
  EXPECT_TRUE(device->closed());
  EXPECT_TRUE(module->closed());
  EXPECT_EQ(recorded(Reason::Disabled).operation, "deviceDisconnect");
  EXPECT_TRUE(other->alive());
  ASSERT_TRUE(registry_->remove({"d2", ""}, "", "anna").has_value());
  EXPECT_TRUE(other->closed());
  EXPECT_EQ(recorded(Reason::Deleted).device_id, "d2");
}

TEST_F(ListenerTest, RefusesOldTlsAndNoise) {
  start();
  TestClient old(listener_->port(), TLS1_1_VERSION);
  EXPECT_FALSE(old.shake_hands());
  EXPECT_TRUE(soon([&] { return service_->counters.tls_failed.value() == 1; }));
  TestClient newer(listener_->port(), TLS1_2_VERSION);
  ASSERT_TRUE(newer.shake_hands());
  EXPECT_EQ(log_in(newer, {"d1", ""}, token({"d1", ""})), 0);
  EXPECT_EQ(recorded(Reason::None).tls_version, "TLSv1.2");
}

TEST_F(ListenerTest, ManyMessagesOfAllSizesArriveWhole) {
  start();
  const auto client = connected();
  std::thread sender([&] {
    for (std::uint16_t id = 1; id <= 300; ++id) {
      const std::string payload(id * 397U % 70'000U, static_cast<char>('a' + id % 26));
      ASSERT_TRUE(client->send(publish(id, payload)));
    }
  });
  sender.join();
  const auto taken = sink_.wait_for(300);
  for (std::uint16_t id = 1; id <= 300; ++id) {
    EXPECT_EQ(taken[id - 1U].payload.size(), id * 397U % 70'000U);
    EXPECT_EQ(client->puback(), id);
  }
}

TEST_F(ListenerTest, WhatWasTakenIsAcknowledgedEvenWhileStopping) {
  start();
  sink_.hold();
  const auto client = connected();
  ASSERT_TRUE(client->send(publish(1, "x")));
  sink_.wait_for(1);
  listener_->stop_reading();
  sink_.settle(true);
  EXPECT_EQ(client->puback(), 1);
  listener_->stop();
  EXPECT_TRUE(client->closed());
  EXPECT_EQ(recorded(Reason::Stopping).device_id, "d1");
  EXPECT_EQ(service_->connections.load(), 0U);
}

TEST_F(ListenerTest, StartsOnlyWithAPortAndACertificate) {
  start();
  const Options same = listen_options(listener_->port());
  auto second = Listener::create(same, *service_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, base::Code::Conflict);
  EXPECT_NE(second.error().detail.find(std::to_string(listener_->port())), std::string::npos);
  EXPECT_NE(second.error().detail.find("in use"), std::string::npos);

  Options bad = listen_options();
  bad.certificate_file = folder_ / "absent.pem";
  EXPECT_EQ(Listener::create(bad, *service_).error().code, base::Code::Invalid);
  bad = listen_options();
  bad.key_file = bad.certificate_file;
  EXPECT_EQ(Listener::create(bad, *service_).error().code, base::Code::Invalid);
  bad = listen_options();
  bad.address = "not-an-address";
  EXPECT_EQ(Listener::create(bad, *service_).error().code, base::Code::Invalid);
  bad.address = "192.0.2.1";
  EXPECT_EQ(Listener::create(bad, *service_).error().code, base::Code::Invalid);
}

}  // namespace
}  // namespace hub::listen
