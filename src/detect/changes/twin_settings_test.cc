#include "detect/changes/twin_settings.h"

#include "detect/changes/changes_testing.h"

namespace detect::changes {
namespace {

using Names = std::vector<std::string>;
const std::string kTitle =
    "IoT agent attempted and failed to parse the module twin configuration: ";
constexpr std::int64_t kDay = 86'400;

using Type = schema::ConfigurationErrorType;

schema::Event errors(std::int64_t second, std::vector<std::pair<const char*, Type>> all,
                     int version = 0) {
  std::vector<schema::ConfigurationError> items;
  for (const auto& [name, type] : all) {
    schema::ConfigurationError item;
    item.configuration_name = name;
    item.error_type = type;
    if (version != 0) item.extra_details = {{"DesiredVersion", std::to_string(version)}};
    items.push_back(std::move(item));
  }
  return event_of(second, std::move(items));
}

store::TwinRow row(std::int64_t version, std::string parts, std::string reported = "{}") {
  store::TwinRow row;
  row.device_id = "d1";
  row.module_id = "agent";
  row.operation = "updated";
  row.parts = std::move(parts);
  row.desired_version = version;
  row.reported = std::move(reported);
  return row;
}

std::string reported(int version, const char* error) {
  const std::string about =
      *error == 0 ? "" : R"(,"error":")" + std::string(error) + R"(","message":"expected text")";
  return R"({"ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration":{)"
         R"("snapshotFrequency":{"value":"PT13H","status":"lastGood")" +
         about + R"(}},"vedette":{"desiredVersion":)" + std::to_string(version) + "}}";
}

TEST(TwinSettings, OnlyWhatCannotBeReadIsAnAlert) {
  Bench<TwinSettings> bench;
  EXPECT_TRUE(bench.event(errors(0, {{"a", Type::NotOptimal}, {"b", Type::Conflict}}, 1)).empty());
  const auto found = bench.event(
      errors(1, {{"a", Type::TypeMismatch}, {"b", Type::Conflict}, {"c", Type::TypeMismatch}}, 1));
  ASSERT_EQ(named(found), Names{kTitle + "desired version 1"});
  EXPECT_EQ(found[0].rule.severity, Severity::Medium);
  EXPECT_EQ(found[0].related.size(), 1U);
  EXPECT_NE(found[0].why.find("a, c"), std::string::npos) << found[0].why;
}

TEST(TwinSettings, AnAlertForEachVersionThatEndsWithAGoodOne) {
  Bench<TwinSettings> bench;
  bench.twin(0, row(4, "Desired"));
  EXPECT_EQ(named(bench.event(errors(1, {{"a", Type::TypeMismatch}}))),
            Names{kTitle + "desired version 4"})
      << "the version is known from the twin";
  EXPECT_EQ(named(bench.event(errors(2, {{"b", Type::TypeMismatch}}, 4))),
            Names{kTitle + "desired version 4"});
  bench.restart();
  EXPECT_EQ(named(bench.event(errors(3, {{"a", Type::TypeMismatch}}, 5))),
            (Names{"-" + kTitle + "desired version 4", kTitle + "desired version 5"}));
  EXPECT_TRUE(bench.twin(4, row(5, "Reported", reported(5, "TypeMismatch"))).empty());
  EXPECT_TRUE(bench.twin(5, row(6, "Desired", reported(5, ""))).empty()) << "not reported yet";
  EXPECT_TRUE(bench.twin(6, row(6, "Reported", reported(6, "TypeMismatch"))).empty());
  bench.restart();
  EXPECT_TRUE(bench.twin(7, row(7, "Reported", "not json")).empty());
  EXPECT_EQ(named(bench.twin(8, row(7, "Tags,Reported", reported(7, "NotOptimal")))),
            Names{"-" + kTitle + "desired version 5"});
  bench.save();
  EXPECT_TRUE(bench.disk().empty());
}

TEST(TwinSettings, AgentsThatDoNotReportHaveADay) {
  Bench<TwinSettings> bench;
  bench.event(errors(0, {{"a", Type::TypeMismatch}}, 1));
  EXPECT_TRUE(bench.time(10 * kDay).empty()) << "nobody has changed anything";
  bench.twin(10 * kDay, row(2, "Desired"));
  bench.restart();
  EXPECT_TRUE(bench.time(11 * kDay - 100).empty());
  EXPECT_EQ(named(bench.time(11 * kDay + 100)), Names{"-" + kTitle + "desired version 1"});
  EXPECT_TRUE(bench.time(20 * kDay).empty());
}

TEST(TwinSettings, AModuleThatIsDeletedHasNoAlert) {
  Bench<TwinSettings> bench;
  bench.event(errors(0, {{"a", Type::TypeMismatch}}, 1));
  store::TwinRow gone = row(1, "");
  gone.operation = "deleted";
  EXPECT_EQ(named(bench.twin(1, gone)), Names{"-" + kTitle + "desired version 1"});
}

TEST(TwinSettings, DamagedMemoryIsFound) {
  Bench<TwinSettings> bench;
  bench.event(errors(0, {{"a", Type::TypeMismatch}}, 1));
  bench.expect_damage_is_found();
}

}  // namespace
}  // namespace detect::changes
