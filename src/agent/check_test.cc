#include "agent/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

class CheckTest : public ::testing::Test {
 protected:
  Config config(const std::vector<std::pair<std::string, std::string>>& flags) {
    auto all = flags;
    all.emplace_back("state.dir", dir_ / "state");
    auto loaded = load_config(std::nullopt, {}, all);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    return loaded ? std::move(*loaded) : Config();
  }
  std::string write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(os::write_file_atomic(dir_ / name, text));
    return dir_ / name;
  }
  std::string local_configuration(const std::string& more) {
    return write("LocalConfiguration.json",
                 R"({"Configuration":{)" + more + R"("Authentication":{"Identity":"SecurityModule",
                     "AuthenticationMethod":"SasToken","FilePath":")" +
                     write("key", "c2VjcmV0\n") +
                     R"(","DeviceId":"d","HostName":"localhost:8884"}}})");
  }

  os::ScratchDir dir_;
};

TEST_F(CheckTest, HasNothingToSayOfAGoodOne) {
  const std::string file =
      write("connection", "HostName=localhost;DeviceId=d;ModuleId=m;SharedAccessKey=c2VjcmV0\n");
  const CheckResult found = check(config({{"hub.connection_string_file", file}}));
  EXPECT_THAT(found.problems, IsEmpty());
  EXPECT_THAT(found.notes, Not(Contains(HasSubstr("secret"))));
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  const CheckResult open = check(config({{"hub.connection_string_file", file}}));
  EXPECT_THAT(open.problems, IsEmpty());
  EXPECT_THAT(open.notes, Contains(HasSubstr("others may read it (mode 0644)")));
}

TEST_F(CheckTest, NamesEveryProblem) {
  const std::string in_the_way = write("file", "");
  Config wrong = config(
      {{"hub.connection_string_file", dir_ / "absent"}, {"hub.ca_file", write("ca.pem", "none")}});
  wrong.state.dir = in_the_way + "/state";
  const CheckResult found = check(wrong);
  EXPECT_THAT(found.problems, Contains(HasSubstr("absent cannot be read")));
  EXPECT_THAT(found.problems, Contains(HasSubstr("holds no certificate in PEM form")));
  EXPECT_THAT(found.problems, Contains(HasSubstr("is in the way: no folder")));
  EXPECT_THAT(check(config({})).problems,
              Contains(HasSubstr("hub.connection_string_file: not set; put the module's")));
}

TEST_F(CheckTest, TakesOverWhatTheOtherAgentWasTold) {
  Config taken =
      config({{"hub.local_configuration",
               local_configuration(
                   R"("ConnectionTimeout":"PT7S","Logging":{"SystemLoggerMinimumSeverity":3},)")}});
  EXPECT_THAT(check(taken).problems, IsEmpty());
  ASSERT_TRUE(apply_local_configuration(taken));
  EXPECT_EQ(taken.hub.connect_timeout, 7s);
  EXPECT_EQ(taken.log_level, base::LogLevel::Error);
  // What was said here stays.
  Config own =
      config({{"hub.local_configuration", taken.hub.local_configuration}, {"log.level", "debug"}});
  ASSERT_TRUE(apply_local_configuration(own));
  EXPECT_EQ(own.log_level, base::LogLevel::Debug);
}

TEST_F(CheckTest, TakesTheNameOfTheSettingsInTheTwin) {
  EXPECT_EQ(config({}).hub.twin_object, settings::kObject);
  Config other =
      config({{"hub.local_configuration",
               local_configuration(R"("RemoteConfigurationObjectName":"ms_iotn:own\u00e9",)")}});
  EXPECT_THAT(check(other).problems, IsEmpty());
  ASSERT_TRUE(apply_local_configuration(other));
  EXPECT_EQ(other.hub.twin_object, "ms_iotn:own\u00e9");
  for (const char* wrong : {"a.b", "$own", "a b", "a\\u0007b", "vedette"}) {
    const std::string text = std::string(R"("RemoteConfigurationObjectName":")") + wrong + R"(",)";
    Config refused = config({{"hub.local_configuration", local_configuration(text)}});
    EXPECT_THAT(check(refused).problems,
                Contains(HasSubstr("RemoteConfigurationObjectName: a twin")))
        << wrong;
    EXPECT_FALSE(apply_local_configuration(refused)) << wrong;
  }
}

}  // namespace
}  // namespace agent
