#include "agent/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/file.h"
#include "os/scratch_testing.h"
#include "schema/decode.h"

namespace agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using uplink::Desired;

const base::WallTime kNoon = base::parse_rfc3339("2026-11-22T12:00:00Z").value().utc;

Desired desired(Desired::Kind kind, std::int64_t version, const std::string& members) {
  return {kind, version, "{\"" + std::string(settings::kObject) + "\":{" + members + "}}"};
}

class SteeringTest : public ::testing::Test {
 protected:
  Steering open() { return Steering({.defaults = {}, .file = dir_ / "twin.json"}); }
  os::ScratchDir dir_;
};

TEST_F(SteeringTest, KeepsWhatTheHubSaidForAStartWithoutIt) {
  {
    Steering steering = open();
    EXPECT_EQ(steering.settings(), settings::Settings());
    steering.take(desired(Desired::Kind::Whole, 4, R"("snapshotFrequency":{"value":"PT1H"})"));
    steering.take(desired(Desired::Kind::Patch, 5, R"("processHash":{"value":false})"));
  }
  Steering steering = open();
  EXPECT_EQ(steering.settings().snapshot_frequency, 1h);
  EXPECT_FALSE(steering.settings().process_hash);
  EXPECT_THAT(steering.reported("1.0", {}), HasSubstr(R"("desiredVersion":5)"));
}

TEST_F(SteeringTest, StartsWithTheDefaultsWhenTheFileIsDamaged) {
  ASSERT_TRUE(os::write_file_atomic(dir_ / "twin.json", "{\"version\":"));
  Steering steering = open();
  EXPECT_EQ(steering.settings(), settings::Settings());
  steering.take({Desired::Kind::Whole, 1, "not JSON"});
  EXPECT_EQ(steering.settings(), settings::Settings());
  steering.take(desired(Desired::Kind::Whole, 2, R"("processHash":{"value":false})"));
  EXPECT_FALSE(open().settings().process_hash);
}

TEST_F(SteeringTest, TellsEachProblemOnce) {
  Steering steering = open();
  EXPECT_FALSE(steering.untold(kNoon));
  steering.take(
      desired(Desired::Kind::Whole, 1,
              R"("snapshotFrequency":{"value":1},"maxMessageSizeInBytes":{"value":9000})"));
  const auto told = steering.untold(kNoon);
  ASSERT_TRUE(told);
  ASSERT_EQ(told->item_count(), 2U);
  const auto& items = std::get<std::vector<schema::ConfigurationError>>(told->payload);
  EXPECT_EQ(items[0].configuration_name, "snapshotFrequency");
  EXPECT_EQ(items[0].error_type, schema::ConfigurationErrorType::TypeMismatch);
  EXPECT_EQ(items[0].used_configuration, "PT13H");
  EXPECT_EQ(items[1].error_type, schema::ConfigurationErrorType::NotOptimal);
  std::string json;
  schema::encode_event(*told, json);
  const auto verdict = schema::validate(
      schema::encode_envelope("1", base::Guid::random(), std::vector<std::string_view>{json}),
      schema::Mode::Classic);
  EXPECT_TRUE(verdict.valid());
  EXPECT_FALSE(steering.untold(kNoon));
  steering.take(desired(Desired::Kind::Patch, 2, R"("processHash":{"value":3})"));
  EXPECT_EQ(steering.untold(kNoon)->item_count(), 1U);
  // Gone, and back again: news.
  steering.take(desired(Desired::Kind::Patch, 3, R"("processHash":null)"));
  EXPECT_FALSE(steering.untold(kNoon));
  steering.take(desired(Desired::Kind::Patch, 4, R"("processHash":{"value":3})"));
  EXPECT_EQ(steering.untold(kNoon)->item_count(), 1U);
}

TEST_F(SteeringTest, TellsWhatWasFoundOnTheDevice) {
  Steering steering = open();
  steering.set_found("baselineCustomChecksFileHash", "the file is another");
  const auto told = steering.untold(kNoon);
  ASSERT_TRUE(told);
  EXPECT_THAT(steering.reported("1", {}), HasSubstr("the file is another"));
  steering.set_found("baselineCustomChecksFileHash", "");
  EXPECT_FALSE(steering.untold(kNoon));
}

TEST_F(SteeringTest, ReportsWhereEventsComeFrom) {
  Steering steering = open();
  const std::vector<SourceReport> sources = {
      {schema::EventName::ProcessCreate, "proc", "ebpf: no", true, 3},
      {schema::EventName::ConnectedHardware, "udev", "", false, 0},
      {schema::EventName::ConnectedHardware, "sysfs", "", false, 0}};
  const auto reported = base::json::parse(steering.reported("1.2", sources)).value();
  const auto* ours = reported.find("vedette");
  ASSERT_NE(ours, nullptr);
  EXPECT_EQ(ours->text_or("agentVersion", ""), "1.2");
  const auto* told = ours->find("sources");
  EXPECT_EQ(told->find("ProcessCreate")->to_json(),
            R"({"tier":"proc","lossy":true,"reason":"ebpf: no"})");
  EXPECT_EQ(told->find("ConnectedHardware")->text_or("tier", ""), "udev+sysfs");
  EXPECT_NE(reported.find(settings::kObject)->find("snapshotFrequency"), nullptr);
}

TEST(DeliveryOf, FollowsTheSettings) {
  settings::Settings settings;
  settings.high_frequency = 7min;
  settings.low_frequency = 5h;
  settings.max_cache_bytes = 10000;
  settings.max_message_bytes = 9000;
  settings.process_create = {true, 1h};
  settings.connection_create = {false, 1h};
  const auto delivery = delivery_of(settings);
  EXPECT_EQ(delivery.high_every, 7min);
  EXPECT_EQ(delivery.low_every, 5h);
  EXPECT_EQ(delivery.max_cache_bytes, 10000U);
  EXPECT_EQ(delivery.max_message_bytes, 9000U);
  EXPECT_EQ(delivery.aggregate, (uplink::Outbox::Windows{{schema::EventName::ProcessCreate, 1h}}));
}

}  // namespace
}  // namespace agent
