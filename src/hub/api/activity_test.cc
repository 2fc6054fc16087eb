// What devices were seen doing, over the API.
#include <gmock/gmock.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerTest, SaysWhatDevicesWereSeenDoing) {
  start();
  for (const char* device : {"busy", "quiet"})
    ASSERT_EQ(send("PUT", std::string("/api/v1/devices/") + device, "", owner()).status, 201U);
  ASSERT_EQ(send("PUT", "/api/v1/devices/busy/modules/m", "", owner()).status, 201U);
  const base::WallTime now = base::wall_now();
  registry_->active({"busy", "m"}, 4, 4, 1);
  registry_->observe_clock({"busy", "m"}, now + std::chrono::seconds(7), now);

  const auto module = get("/api/v1/devices/busy/modules/m", owner()).json();
  const auto* activity = module.find("activity");
  ASSERT_NE(activity, nullptr);
  EXPECT_EQ(*activity->find("securityMessagesToday")->if_int(), 4);
  EXPECT_EQ(*activity->find("smallSecurityMessagesToday")->if_int(), 1);
  EXPECT_EQ(*activity->find("clockAheadMs")->if_int(), 7000);
  const auto device = get("/api/v1/devices/quiet", owner()).json();
  EXPECT_TRUE(device.find("activity")->find("lastTelemetry")->is_null());

  const auto items = [this](const std::string& query) {
    const Reply reply = get("/api/v1/activity" + query, owner());
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.body;
  };
  EXPECT_THAT(items(""), HasSubstr(R"("deviceId":"quiet")"));
  EXPECT_THAT(items("?silentHours=72"), Not(HasSubstr(R"("moduleId":"m")")));
  EXPECT_THAT(items("?silentHours=72"), HasSubstr(R"("deviceId":"quiet")"));
  EXPECT_THAT(items("?smallPercent=10"), HasSubstr(R"("moduleId":"m")"));
  EXPECT_THAT(items("?smallPercent=26"), HasSubstr(R"("items":[])"));
  EXPECT_THAT(items("?clockOffSeconds=7"), HasSubstr(R"("moduleId":"m")"));
  EXPECT_THAT(items("?clockOffSeconds=8"), HasSubstr(R"("items":[])"));
  for (const char* wrong : {"smallPercent=101", "silentHours=x", "clockOffSeconds=-1", "cursor=!"})
    EXPECT_EQ(get(std::string("/api/v1/activity?") + wrong, owner()).status, 400U) << wrong;
}

TEST_F(ServerTest, RecordsRequestsOfWhoDidNotProveWhoTheyAre) {
  start();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(get("/api/v1/devices").status, 401U);
  EXPECT_EQ(operations_.count(operations::Reason::SasMalformed), 3U);
  const auto recent = operations_.recent(10);
  ASSERT_FALSE(recent.empty());
  EXPECT_EQ(recent[0].operation, "serviceConnect");
  EXPECT_EQ(recent[0].ip, "127.0.0.1");
}

}  // namespace
}  // namespace hub::api
