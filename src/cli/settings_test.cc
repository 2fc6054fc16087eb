#include "cli/settings.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kConnection =
    "HostName=hub.example;SharedAccessKeyName=iothubowner;SharedAccessKey=c2VjcmV0a2V5";

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() {
    std::string pattern = ::testing::TempDir() + "settings.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    environment_.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }
  ~SettingsTest() override { std::filesystem::remove_all(dir_); }

  std::string file(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << content;
    return dir_ + "/" + name;
  }
  Settings load() {
    auto settings = load_settings(flags_, environment_);
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? *settings : Settings{};
  }
  Failure failure() {
    auto settings = load_settings(flags_, environment_);
    EXPECT_FALSE(settings);
    return settings ? Failure{} : settings.error();
  }

  std::string dir_;
  Flags flags_;
  std::map<std::string, std::string> variables_;
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{in_, out_, err_};
};

TEST_F(SettingsTest, DefaultsToThisMachine) {
  const Settings settings = load();
  EXPECT_EQ(settings.hub.host, "127.0.0.1");
  EXPECT_EQ(settings.hub.port, 8443);
  EXPECT_EQ(settings.policy, "");
  EXPECT_EQ(settings.ca_file, "");
}

TEST_F(SettingsTest, TheConnectionStringNamesTheHub) {
  flags_.connection_string_file = file("svc", std::string(kConnection) + "\n");
  EXPECT_EQ(load().hub.host, "hub.example");
  EXPECT_EQ(load().hub.port, 8443);
  EXPECT_EQ(load().policy, "iothubowner");
  EXPECT_EQ(load().host_name, "hub.example");
  flags_.connection_string_file = file("svc", std::string(kConnection) + ";HttpsPort=9443");
  EXPECT_EQ(load().hub.port, 9443);
  flags_.hub = "https://10.0.0.1:1234";
  EXPECT_EQ(load().hub.host, "10.0.0.1");
  EXPECT_EQ(load().host_name, "hub.example") << "signatures are for the hub's own name";
}

TEST_F(SettingsTest, FlagsBeatVariablesBeatTheFile) {
  variables_["XDG_CONFIG_HOME"] = dir_;
  file("vedette/cli.toml",
       "hub = \"https://from-file:1\"\nca_file = \"ca.pem\"\nconnection_string_file = \"svc\"\n");
  file("vedette/svc", kConnection);
  EXPECT_EQ(load().hub.host, "from-file");
  EXPECT_EQ(load().policy, "iothubowner");
  EXPECT_EQ(load().ca_file, dir_ + "/vedette/ca.pem") << "relative to the file";
  variables_["VEDETTE_HUB"] = "https://from-variable";
  variables_["VEDETTE_CA_FILE"] = "/ca";
  EXPECT_EQ(load().hub.host, "from-variable");
  EXPECT_EQ(load().hub.port, 443);
  EXPECT_EQ(load().ca_file, "/ca");
  flags_.hub = "https://from-flag/";
  EXPECT_EQ(load().hub.host, "from-flag");

  variables_["VEDETTE_CONNECTION_STRING_FILE"] =
      file("other", "HostName=h;SharedAccessKeyName=service;SharedAccessKey=YQ==");
  EXPECT_EQ(load().policy, "service");
  variables_["VEDETTE_CONNECTION_STRING"] =
      "HostName=h;SharedAccessKeyName=registryRead;SharedAccessKey=YQ==";
  EXPECT_EQ(load().policy, "registryRead");
  flags_.connection_string_file = dir_ + "/vedette/svc";
  EXPECT_EQ(load().policy, "iothubowner");
}

TEST_F(SettingsTest, SaysWhatIsWrong) {
  for (const char* url :
       {"http://hub", "hub:8443", "https://", "https://hub:0", "https://hub:70000", "https://hub:x",
        "https://user@hub", "https://hub/path", "https://[::1"}) {
    flags_.hub = url;
    EXPECT_EQ(failure().status, Exit::Usage) << url;
  }
  flags_.hub = "https://[::1]:8443";
  EXPECT_EQ(load().hub.host, "::1");

  flags_.connection_string_file = dir_ + "/none";
  EXPECT_THAT(failure().message, HasSubstr("none"));
  flags_.connection_string_file =
      file("svc", "HostName=h;SharedAccessKeyNam=x;SharedAccessKey=c2VjcmV0a2V5");
  EXPECT_THAT(failure().message, HasSubstr("SharedAccessKeyName"));
  EXPECT_THAT(failure().message, Not(HasSubstr("c2VjcmV0a2V5")));
  flags_.connection_string_file = file("svc", "HostName=h;DeviceId=d;SharedAccessKey=YQ==");
  EXPECT_THAT(failure().hint, HasSubstr("service connection string"));
}

TEST_F(SettingsTest, UnknownKeysOfTheFileAreErrors) {
  variables_["VEDETTE_CLI_CONFIG"] = file("cli.toml", "hubb = \"https://h\"\n");
  EXPECT_EQ(failure().status, Exit::Usage);
  EXPECT_THAT(failure().message, HasSubstr("cli.toml:1:1"));
  EXPECT_THAT(failure().message, HasSubstr("did you mean 'hub'"));
  variables_["VEDETTE_CLI_CONFIG"] = dir_ + "/none.toml";
  EXPECT_EQ(failure().status, Exit::Usage) << "a file that was named must be there";
}

TEST_F(SettingsTest, ChoosesTheFormat) {
  EXPECT_EQ(choose_format(flags_, environment_), Format::Json);
  environment_.out_is_terminal = true;
  EXPECT_EQ(choose_format(flags_, environment_), Format::Table);
  variables_["VEDETTE_CLI_CONFIG"] = file("cli.toml", "output = \"csv\"\n");
  EXPECT_EQ(choose_format(flags_, environment_), Format::Csv);
  flags_.output = "json";
  EXPECT_EQ(choose_format(flags_, environment_), Format::Json);
}

TEST_F(SettingsTest, ColourIsForTerminalsThatWantIt) {
  EXPECT_FALSE(wants_color(environment_));
  environment_.out_is_terminal = true;
  EXPECT_TRUE(wants_color(environment_));
  variables_["NO_COLOR"] = "1";
  EXPECT_FALSE(wants_color(environment_));
  variables_["NO_COLOR"] = "";
  EXPECT_TRUE(wants_color(environment_)) << "an empty one does not count";
  variables_["TERM"] = "dumb";
  EXPECT_FALSE(wants_color(environment_));
}

}  // namespace
}  // namespace cli
