#include "os/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace os {
namespace {

using namespace std::chrono_literals;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "config-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }

  std::string write(const std::string& name, std::string_view content) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(make_dirs(path.substr(0, path.rfind('/'))));
    EXPECT_TRUE(write_file_atomic(path, content));
    return path;
  }

  // Loads a main file with that content.
  Config load(std::string_view content) {
    auto config = Config::load({.file = write("main.toml", content)});
    EXPECT_TRUE(config) << config.error().to_string();
    return std::move(*config);
  }

  std::string folder_;
};

TEST_F(ConfigTest, ReadsEachType) {
  Config config = load(
      "[a]\ntext = 'x'\nnumber = -7\nflag = true\nreal = 1.5\nlist = ['p', 'q']\nsize = '8 "
      "MiB'\nraw = 4096\n"
      "wait = '250ms'\nlong = 'PT7M'\n");
  EXPECT_EQ(config.text("a.text", ""), "x");
  EXPECT_EQ(config.integer("a.number", 0), -7);
  EXPECT_TRUE(config.boolean("a.flag", false));
  EXPECT_DOUBLE_EQ(config.real("a.real", 0, 0, 2), 1.5);
  EXPECT_EQ(config.texts("a.list", {}), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(config.bytes("a.size", 0, 0, 1U << 30U), 8U << 20U);
  EXPECT_EQ(config.bytes("a.raw", 0, 0, 1U << 30U), 4096U);
  EXPECT_EQ(config.duration("a.wait", 0s, 0s, 1h), 250ms);
  EXPECT_EQ(config.duration("a.long", 0s, 0s, 1h), 7min);
  EXPECT_TRUE(config.finish());
}

TEST_F(ConfigTest, AbsentKeysGiveTheDefault) {
  Config config = load("");
  EXPECT_EQ(config.text("a.b", "d"), "d");
  EXPECT_EQ(config.integer("a.c", 3), 3);
  EXPECT_FALSE(config.has("a.b"));
  EXPECT_TRUE(config.finish());
}

TEST_F(ConfigTest, LaterLayersWin) {
  const std::string main = write("main.toml", "[a]\none = 1\ntwo = 1\nthree = 1\nfour = 1\n");
  write("conf.d/20-b.toml", "[a]\ntwo = 20\nthree = 20\nfour = 20\n");
  write("conf.d/10-a.toml", "[a]\ntwo = 10\n");
  write("conf.d/ignored.txt", "nonsense");
  auto config =
      Config::load({.file = main,
                    .file_required = true,
                    .folder = folder_ + "/conf.d",
                    .environment = {"VEDETTE_A__THREE=30", "VEDETTE_A__FOUR=30", "OTHER_A__ONE=9"},
                    .flags = {{"a.four", "40"}}});
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->integer("a.one", 0), 1);
  EXPECT_EQ(config->integer("a.two", 0), 20);
  EXPECT_EQ(config->integer("a.three", 0), 30);
  EXPECT_EQ(config->integer("a.four", 0), 40);
  EXPECT_EQ(config->origin("a.one"), main + ":2:1");
  EXPECT_EQ(config->origin("a.three"), "VEDETTE_A__THREE");
  EXPECT_TRUE(config->finish());
}

TEST_F(ConfigTest, EnvironmentWithoutSectionIsNotConfiguration) {
  auto config = Config::load({.environment = {"VEDETTE_CONNECTION_STRING_FILE=/x"}});
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->finish());
}

TEST_F(ConfigTest, UnknownKeyNamesPlaceAndNearest) {
  Config config = load("[listen]\nmqtt_prot = 1\n");
  config.integer("listen.mqtt_port", 8883);
  config.integer("listen.https_port", 8443);
  const auto finished = config.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, base::Code::Invalid);
  EXPECT_EQ(
      finished.error().detail,
      folder_ + "/main.toml:2:1: unknown key 'listen.mqtt_prot'; did you mean 'listen.mqtt_port'?");
}

TEST_F(ConfigTest, UnknownVariableIsRefusedToo) {
  auto config = Config::load({.environment = {"VEDETTE_STATE__DIRR=/x"}});
  ASSERT_TRUE(config);
  config->text("state.dir", "");
  const auto finished = config->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().detail,
            "VEDETTE_STATE__DIRR: unknown key 'state.dirr'; did you mean 'state.dir'?");
}

TEST_F(ConfigTest, ReportsEveryWrongValueAtOnce) {
  Config config =
      load("[a]\nport = 'x'\nflag = 1\nlevel = 'warnin'\nwait = 5\nlow = 3\nlist = [1]\n");
  constexpr std::string_view kLevels[] = {"warning", "error"};
  EXPECT_EQ(config.integer("a.port", 7), 7);
  EXPECT_TRUE(config.boolean("a.flag", true));
  EXPECT_EQ(config.choice("a.level", "error", kLevels), "error");
  EXPECT_EQ(config.duration("a.wait", 1s, 0s, 1h), 1s);
  EXPECT_EQ(config.integer("a.low", 10, 5, 20), 10);
  EXPECT_TRUE(config.texts("a.list", {}).empty());
  const std::string main = folder_ + "/main.toml";
  const auto finished = config.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(
      finished.error().detail,
      main + ":2:1: a.port: expected an integer, found text \"x\"\n" + main +
          ":3:1: a.flag: expected true or false, found the integer 1\n" + main +
          ":4:1: a.level: expected one of warning, error (did you mean warning?), found "
          "\"warnin\"\n" +
          main +
          ":5:1: a.wait: expected a duration with its unit, such as \"250ms\", \"30s\" or "
          "\"PT7M\", "
          "from PT0S to PT1H, found the integer 5\n" +
          main + ":6:1: a.low: expected an integer from 5 to 20, found the integer 3\n" + main +
          ":7:1: a.list: expected an array of text, found an array of something other than text");
}

TEST_F(ConfigTest, SyntaxErrorNamesLineAndColumn) {
  const std::string main = write("main.toml", "[a]\nb = \n");
  const auto config = Config::load({.file = main});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, base::Code::Malformed);
  EXPECT_TRUE(config.error().detail.starts_with(main + ":2:")) << config.error().detail;
}

TEST_F(ConfigTest, NamedFileMustExist) {
  EXPECT_TRUE(Config::load({.file = folder_ + "/none.toml"}));
  const auto config = Config::load({.file = folder_ + "/none.toml", .file_required = true});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, base::Code::NotFound);
}

TEST_F(ConfigTest, RelativePathsFollowTheFile) {
  const std::string main = write("main.toml", "[a]\nkey = 'secret.txt'\nroot = '/x/y'\n");
  auto config = Config::load({.file = main, .environment = {"VEDETTE_A__OTHER=here.txt"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->path("a.key", ""), folder_ + "/secret.txt");
  EXPECT_EQ(config->path("a.root", ""), "/x/y");
  EXPECT_EQ(config->path("a.other", ""), "here.txt");
  EXPECT_EQ(config->path("a.none", "d"), "d");
}

TEST_F(ConfigTest, CallersMayRejectValues) {
  Config config = load("[a]\nb = 'c'\n");
  config.text("a.b", "");
  config.reject("a.b", "a host name", "\"c\"");
  const auto finished = config.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().detail,
            folder_ + "/main.toml:2:1: a.b: expected a host name, found \"c\"");
}

TEST_F(ConfigTest, NamesWhatIsBelowAPrefix) {
  Config config = load(
      "[forward.b]\nurl='x'\n[forward.a]\nurl='y'\ndeep.er='z'\n[forwarder.c]\nurl='x'\n"
      "[other]\nforward='x'\n");
  EXPECT_EQ(config.names("forward"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.names("none"), std::vector<std::string>{});
  EXPECT_FALSE(config.finish()) << "naming is not reading";
}

}  // namespace
}  // namespace os
