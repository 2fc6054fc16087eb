#include "hub/amqp/file_courier.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/amqp/session_testing.h"

namespace hub::amqp {
namespace {

constexpr const char* kFiles = "/messages/serviceBound/filenotifications";

class FileCourierTest : public SessionTest {
 protected:
  void connect_service(const char* policy = "service") {
    TestClient& client = connect();
    ASSERT_EQ(put_token(client, kHost, policy_token(policy)), 200);
    client.came.clear();
  }
  void upload(std::string_view name) {
    const auto link = uploads_->begin({"d1", ""}, "g", name, {}).value();
    auto incoming = uploads_->receive(
        uploads::read_blob_request("/" + link.container + "/" + link.blob + link.token).value(),
        {});
    ASSERT_TRUE(incoming.has_value());
    ASSERT_TRUE((*incoming)->write(base::as_bytes("content")).has_value());
    ASSERT_TRUE((*incoming)->commit("text/plain").has_value());
    ASSERT_TRUE(uploads_->finish({"d1", ""}, link.id, {true, 200, ""}, {}).has_value());
  }
  static void dispose(const TestClient::Came& came, std::uint64_t state) {
    pn_delivery_update(came.delivery, state);
    pn_delivery_settle(came.delivery);
  }
  static std::string blob_of(const TestClient::Came& came) {
    const Message message = came.message();
    const auto json = base::json::parse(message.data.at(0));
    return std::string(json ? json->text_or("blobName", "") : "");
  }
};

TEST_F(FileCourierTest, TellsServicesOfFiles) {
  connect_service();
  client_->receiver(kFiles);
  client_->run();
  upload("a.txt");
  await_messages(*client_, 1);
  ASSERT_EQ(client_->came.size(), 1U);
  EXPECT_EQ(client_->came[0].message().content_type, "application/json");
  EXPECT_EQ(blob_of(client_->came[0]), "d1/a.txt");
  dispose(client_->came[0], PN_ACCEPTED);
  client_->run();
  upload("b.txt");
  await_messages(*client_, 2);
  ASSERT_EQ(client_->came.size(), 2U);
  EXPECT_EQ(blob_of(client_->came[1]), "d1/b.txt");
  EXPECT_EQ(records("completeNotification").size(), 1U);
  EXPECT_EQ(records("completeNotification")[0].device_id, "d1");
  EXPECT_EQ(records("completeNotification")[0].actor, "policy:service");
  EXPECT_EQ(shared_->counters.files_told.value(), 2U);
}

TEST_F(FileCourierTest, WhatIsGivenBackComesAgain) {
  upload("a.txt");
  connect_service();
  client_->receiver(kFiles, 1);
  await_messages(*client_, 1);
  ASSERT_EQ(client_->came.size(), 1U);
  dispose(client_->came[0], PN_RELEASED);
  pn_link_flow(client_->came[0].link, 1);
  await_messages(*client_, 2);
  ASSERT_EQ(client_->came.size(), 2U);
  EXPECT_EQ(blob_of(client_->came[1]), "d1/a.txt");
  EXPECT_EQ(client_->came[1].message().delivery_count, 1U);
}

TEST_F(FileCourierTest, WhatWasOnItsWayComesAgainAfterTheConnection) {
  upload("a.txt");
  connect_service();
  client_->receiver(kFiles, 1);
  await_messages(*client_, 1);
  client_.reset();
  session_->end(operations::Reason::PeerClosed);
  shared_->files->stop();
  const auto again = uploads_->receive_notification().value();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->upload.name, "a.txt");
}

TEST_F(FileCourierTest, IsForServicesOnly) {
  connect_service("registryRead");
  pn_link_t* link = client_->receiver(kFiles);
  client_->run();
  EXPECT_EQ(TestClient::refusal(link), condition::kUnauthorized);
  TestClient& device = connect_device();
  pn_link_t* own = device.receiver(kFiles);
  device.run();
  EXPECT_EQ(TestClient::refusal(own), condition::kUnauthorized);
}

}  // namespace
}  // namespace hub::amqp
