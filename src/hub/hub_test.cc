#include "hub/hub.h"

#include <gtest/gtest.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "hub/api/accounts.h"
#include "hub/data_dir.h"
#include "hub/identity/registry.h"
#include "hub/listen/listener_testing.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "schema/message.h"
#include "store/events.h"
#include "store/query.h"
#include "wire/connection_string.h"

namespace hub {
namespace {

using base::Code;

class HubTest : public testing::Test {
 protected:
  HubTest() {
    EXPECT_TRUE(init(dir_, "localhost", base::wall_now()).has_value());
    config_.data_dir = dir_;
    config_.host_name = "localhost";
    config_.mqtt_port = 0;
    config_.amqp_port = 0;
    config_.https_port = 0;
    config_.certificate_file = config_.in_data_dir(kServerCertificate);
    config_.key_file = config_.in_data_dir(kServerKey);
    config_.mqtt_threads = 1;
  }

  void start() {
    auto started = Hub::start(config_);
    ASSERT_TRUE(started.has_value()) << started.error().to_string();
    hub_ = std::move(*started);
  }

  std::uint16_t mqtt_port() const {
    const auto ready = base::json::parse(hub_->ready_json()).value();
    const std::string_view endpoint = ready.text_or("mqtts", "");
    return static_cast<std::uint16_t>(*base::parse_int(endpoint.substr(endpoint.rfind(':') + 1)));
  }

  // Makes the device, as the API of another process would, and gives its key.
  std::string make_device(const std::string& id) {
    operations::Operations operations;
    const auto registry =
        identity::Registry::open({config_.in_data_dir(kStateFile), "localhost"}, operations)
            .value();
    return registry->create({{id, ""}, identity::Status::Enabled, "", {}}, "test")->keys.primary;
  }

  // Connects, sends and gives the packet id of the PUBACK.
  std::uint16_t send(const std::string& device, const std::string& key,
                     const std::string& payload) {
    listen::TestClient client(mqtt_port());
    EXPECT_TRUE(client.shake_hands());
    const std::string username = wire::mqtt_username("localhost", {device, ""}, "test");
    const std::string token =
        wire::make_sas("localhost/devices/" + device, key, base::wall_now() + std::chrono::hours(1))
            .value();
    wire::mqtt::Connect connect;
    connect.client_id = device;
    connect.username = username;
    connect.password = base::as_bytes(token);
    client.send(connect);
    const auto answer = client.receive();
    if (!answer) return 0;
    EXPECT_EQ(std::get<wire::mqtt::Connack>(*answer).code, wire::mqtt::ConnectCode::Accepted);
    const std::string topic =
        wire::events_topic({device, ""}, "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1");
    wire::mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = base::as_bytes(payload);
    publish.qos = 1;
    publish.packet_id = 7;
    client.send(publish);
    return client.puback();
  }

  std::int64_t stored(const std::string& marker) {
    store::EventStoreOptions options;
    options.path = config_.in_data_dir(kEventsFile);
    const auto events = store::EventStore::open(std::move(options)).value();
    const auto queries = store::Queries::open(*events).value();
    const auto result =
        queries->run_kql("SecurityIoTRawEvent | where EventDetails has '" + marker + "' | count",
                         {.now = base::wall_now()});
    EXPECT_TRUE(result.has_value());
    return result ? std::get<std::int64_t>(result->rows.at(0).at(0)) : -1;
  }

  static std::string message(const std::string& command_line) {
    schema::Event event;
    event.id = base::Guid::random();
    event.time = {base::wall_now()};
    schema::ProcessCreate process;
    process.executable = "/bin/sh";
    process.command_line = command_line;
    process.user_id = "0";
    event.payload = std::vector{process};
    return schema::encode_message({"1.0", base::Guid::random(), {event}});
  }

  os::ScratchDir folder_;
  std::string dir_ = folder_ / "hub";
  Config config_;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, WhatWasAcknowledgedIsStoredAfterAStop) {
  start();
  const std::string key = make_device("d1");
  EXPECT_EQ(send("d1", key, message("marker-one")), 7);
  hub_->stop();
  hub_.reset();
  EXPECT_EQ(stored("marker-one"), 1);
  start();
  EXPECT_EQ(send("d1", key, message("marker-two")), 7);
  hub_.reset();
  EXPECT_EQ(stored("marker-two"), 1);
  EXPECT_EQ(stored("marker-one"), 1);
}

TEST_F(HubTest, SaysWhereItAnswersWhileItRuns) {
  start();
  const auto ready = base::json::parse(hub_->ready_json());
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->text_or("event", ""), "ready");
  EXPECT_TRUE(ready->text_or("mqtts", "").starts_with("127.0.0.1:"));
  EXPECT_TRUE(ready->text_or("https", "").starts_with("https://127.0.0.1:"));
  EXPECT_TRUE(os::file_exists(config_.in_data_dir(kRunFile)));
  hub_->stop();
  EXPECT_FALSE(os::file_exists(config_.in_data_dir(kRunFile)));
}

TEST_F(HubTest, MakesALoginLinkForTheRunningHub) {
  start();
  const auto ready = base::json::parse(hub_->ready_json()).value();
  const auto link = login_link(config_, base::wall_now());
  ASSERT_TRUE(link.has_value()) << link.error().to_string();
  const std::string begin = std::string(ready.text_or("https", "")) + "/login#token=";
  ASSERT_TRUE(link->starts_with(begin)) << *link;
  const auto accounts = api::Accounts::open(config_.in_data_dir(kStateFile)).value();
  const std::string token = link->substr(begin.size());
  EXPECT_EQ(accounts->redeem_login_token(token, base::wall_now())->name, "admin");
  EXPECT_EQ(accounts->redeem_login_token(token, base::wall_now()).error().code, Code::Denied)
      << "once only";
}

TEST_F(HubTest, OneHubOnAFolderAndAPort) {
  start();
  const auto second = Hub::start(config_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_NE(second.error().detail.find("in use by another vedette-hub"), std::string::npos);

  const std::string other_dir = folder_ / "other";
  ASSERT_TRUE(init(other_dir, "localhost", base::wall_now()).has_value());
  Config other = config_;
  other.data_dir = other_dir;
  other.mqtt_port = mqtt_port();
  const auto squatter = Hub::start(other);
  ASSERT_FALSE(squatter.has_value());
  EXPECT_EQ(squatter.error().code, Code::Conflict);
  EXPECT_NE(squatter.error().detail.find(std::to_string(other.mqtt_port)), std::string::npos);
  // The one that runs is none the worse.
  EXPECT_EQ(send("d1", make_device("d1"), message("still-here")), 7);
}

TEST_F(HubTest, NeedsAFolderThatInitMade) {
  config_.data_dir = folder_ / "nothing";
  const auto started = Hub::start(config_);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Code::NotFound);
  EXPECT_NE(started.error().detail.find("vedette-hub init"), std::string::npos);
  EXPECT_EQ(login_link(config_, base::wall_now()).error().code, Code::NotFound);
}

TEST_F(HubTest, RenewsItsCertificateBeforeItEnds) {
  const std::string file = config_.certificate_file;
  start();
  hub_.reset();
  const std::string fresh = os::read_file(file).value();
  // One that was made 750 days ago ends in 50.
  const os::ScratchDir old;
  const std::string old_dir = old / "hub";
  ASSERT_TRUE(init(old_dir, "localhost", base::wall_now() - std::chrono::days(750)).has_value());
  config_.data_dir = old_dir;
  config_.certificate_file = config_.in_data_dir(kServerCertificate);
  config_.key_file = config_.in_data_dir(kServerKey);
  const std::string before = os::read_file(config_.certificate_file).value();
  start();
  EXPECT_NE(os::read_file(config_.certificate_file).value(), before);
  EXPECT_EQ(os::read_file(file).value(), fresh) << "a fresh one stays";
}

}  // namespace
}  // namespace hub
