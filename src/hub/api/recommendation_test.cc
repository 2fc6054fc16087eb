// Recommendations, exceptions and the score, over HTTP.
#include <gtest/gtest.h>

#include "detect/posture/posture.h"
#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

class RecommendationRoutes : public ServerTest {
 protected:
  ~RecommendationRoutes() override { server_->stop(); }

  void add_parts(Dependencies& dependencies) override {
    posture_ = must(detect::posture::Posture::open({.path = dir_ + "/state.db"}));
    dependencies.posture = posture_.get();
  }

  // A device with these ports open.
  void assess(const std::string& device, const std::vector<std::string>& keys) {
    detect::posture::Verdict verdict{.kind = detect::posture::Kind::OpenPorts};
    for (const std::string& key : keys) {
      detect::posture::Item& item = verdict.items.emplace_back();
      item.key = key;
      item.title = key + " is open";
      item.commands = {"sudo ss -ltnp"};
    }
    verdict.credit = keys.empty() ? 1 : 0;
    const detect::posture::Judgement judgement{device, base::wall_now(), verdict};
    ASSERT_TRUE(posture_->judge(std::span(&judgement, 1)));
  }

  base::json::Value got(const std::string& target) {
    const Reply reply = get("/api/v1" + target, owner());
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return *base::json::parse(reply.body);
  }
  static std::string text(const base::json::Value& value, std::string_view name) {
    return std::string(value.text_or(name, "?"));
  }
  static const base::json::Value& first(const base::json::Value& list) {
    return list.find("items")->if_array()->at(0);
  }

  std::unique_ptr<detect::posture::Posture> posture_;
};

TEST_F(RecommendationRoutes, TellWhatIsWrongAndWhere) {
  start();
  send("PUT", "/api/v1/devices/d1", "{}", owner());
  assess("d1", {"tcp/22", "tcp/80"});
  assess("d2", {});
  const auto list = got("/recommendations?state=active");
  ASSERT_EQ(list.find("items")->if_array()->size(), 1U);
  EXPECT_EQ(text(first(list), "name"), "IoT_OpenPorts");
  EXPECT_EQ(*first(list).find("healthy")->if_int(), 1);
  EXPECT_EQ(got("/recommendations").find("items")->if_array()->size(), 20U);
  EXPECT_EQ(text(got("/recommendations/IoT_OpenPorts"), "title"), "Open Ports on device");
  const auto devices = got("/recommendations/IoT_OpenPorts/devices?state=active");
  EXPECT_EQ(text(first(devices), "deviceId"), "d1");
  EXPECT_EQ(text(first(first(devices)), "key"), "tcp/22");
  EXPECT_EQ(text(first(got("/recommendations/IoT_OpenPorts/items")), "key"), "tcp/22");
  EXPECT_EQ(text(first(got("/devices/d1/recommendations")), "state"), "active");
  EXPECT_EQ(*got("/score").find("devices")->if_int(), 2);
  EXPECT_EQ(text(first(got("/score/groups")), "securityGroup"), "default");
}

TEST_F(RecommendationRoutes, SayWhatTheyDoNotKnow) {
  start();
  EXPECT_EQ(get("/api/v1/recommendations/none", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/recommendations/none/devices", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/devices/none/recommendations", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/recommendations?state=odd", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/recommendations?severity=odd", owner()).status, 400U);
  EXPECT_TRUE(got("/score").find("percent")->is_null());
  EXPECT_EQ(get("/api/v1/score").status, 401U);
}

TEST_F(RecommendationRoutes, ExceptionsNeedAReasonAndAnAnalyst) {
  start();
  assess("d1", {"tcp/22"});
  const std::string path = "/api/v1/recommendation-exceptions";
  const std::string draft = R"({"recommendation":"IoT_OpenPorts","item":"tcp/22")";
  const Reply preview = send("POST", path + "/test", draft + "}", token(Role::Reader));
  EXPECT_EQ(preview.body, R"({"items":1,"devices":1,"examples":["d1"]})");
  EXPECT_EQ(send("POST", path, draft + R"(,"reason":"bench"})", token(Role::Reader)).status, 403U);
  EXPECT_EQ(send("POST", path, draft + R"(,"reason":" "})", owner()).status, 400U);
  EXPECT_EQ(send("POST", path, R"({"recommendation":"x","reason":"y"})", owner()).status, 400U);
  const std::string past = R"(,"reason":"y","expires":"2020-01-01T00:00:00Z"})";
  EXPECT_EQ(send("POST", path, draft + past, owner()).status, 400U);
  const Reply made = send("POST", path, draft + R"(,"reason":"bench"})", token(Role::Analyst));
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(text(first(got("/recommendations?state=dismissed")), "name"), "IoT_OpenPorts");
  const std::string id = text(first(got("/recommendation-exceptions")), "id");
  EXPECT_EQ(send("DELETE", path + "/" + id, {}, owner()).status, 204U);
  EXPECT_EQ(send("DELETE", path + "/" + id, {}, owner()).status, 404U);
  EXPECT_EQ(text(first(got("/recommendations?state=active")), "name"), "IoT_OpenPorts");
}

}  // namespace
}  // namespace hub::api
