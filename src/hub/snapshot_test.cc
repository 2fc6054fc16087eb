#include "hub/snapshot.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/identity/ip_filter.h"
#include "store/store_testing.h"

namespace hub {
namespace {

constexpr std::string_view kBefore =
    R"({"settings":{"tls.min_version":"1.2","forward.siem.url":"https://a","log.level":"info"}})";

TEST(SettingsChanges, NamesEachSectionThatDiffers) {
  const auto changes = settings_changes(
      kBefore,
      R"({"settings":{"tls.min_version":"1.3","forward.file.path":"/x","log.level":"info"}})");
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 3U);
  EXPECT_EQ(changes->at(0).section, "forward.file");
  EXPECT_FALSE(changes->at(0).removed);
  EXPECT_EQ(changes->at(1).section, "forward.siem");
  EXPECT_TRUE(changes->at(1).removed);
  EXPECT_EQ(changes->at(2).section, "tls");
  EXPECT_EQ(changes->at(2).properties,
            R"({"before":{"tls.min_version":"1.2"},"after":{"tls.min_version":"1.3"}})");
}

TEST(SettingsChanges, AreNoneWhereNothingDiffers) {
  EXPECT_TRUE(settings_changes(kBefore, kBefore)->empty());
  EXPECT_TRUE(settings_changes("{}", "{}")->empty());
  EXPECT_FALSE(settings_changes("", kBefore));
}

TEST(RecordStart, KeepsThePictureAndWhatChangedSinceTheLast) {
  const store::TempDir dir;
  const std::string path = dir.path() + "/state.db";
  operations::Operations operations;
  const auto registry = std::move(*identity::Registry::open({path, "hub"}, operations));
  ASSERT_TRUE(registry->ip_filter().set({{"office", identity::Access::Allow, "192.0.2.0/24"}},
                                        identity::Access::Deny, ""));
  const auto audit = std::move(*operations::AuditLog::open(path));
  Config config;
  config.host_name = "hub";
  config.settings = {{"forward.siem.secret", "\"(secret)\""}, {"state.dir", "\"/a\""}};
  const base::WallTime now(std::chrono::seconds(1'800'000'000));
  ASSERT_TRUE(record_start(*audit, config, *registry, now));
  config.settings = {{"state.dir", "\"/b\""}};
  config.tls_min_version = "1.3";
  ASSERT_TRUE(record_start(*audit, config, *registry, now));
  const auto log = audit->list(10, 0);
  ASSERT_TRUE(log);
  ASSERT_EQ(log->size(), 3U);
  EXPECT_EQ(log->at(2).action, "hub.start");
  EXPECT_EQ(log->at(1).action, "forward.delete");
  EXPECT_EQ(log->at(1).target, "forward.siem");
  EXPECT_EQ(log->at(1).actor, "system");
  const auto picture = base::json::parse(log->at(0).properties);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->find("tls")->text_or("minVersion", ""), "1.3");
  EXPECT_EQ(picture->find("ipFilter")->text_or("default", ""), "deny");
  EXPECT_EQ(picture->find("ipFilter")->find("rules")->if_array()->at(0).text_or("name", ""),
            "office");
  EXPECT_EQ(picture->find("policies")->if_array()->size(), 5U);
}

}  // namespace
}  // namespace hub
