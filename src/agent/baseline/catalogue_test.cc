#include "agent/baseline/catalogue.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "agent/baseline/distro.h"
#include "agent/baseline/verbs.h"

namespace agent::baseline {
namespace {

std::string id_of(const YAML::Node& check, const char* name) {
  const YAML::Node ids = check["ids"];
  return ids && ids[name] ? ids[name].as<std::string>() : "";
}

TEST(Catalogue, HasEveryCheckOnceWithAVerbThatExists) {
  std::set<std::string> ids;
  each_check(packed_catalogue(), [&](const Check& check) {
    EXPECT_TRUE(ids.insert(std::string(check.id)).second) << check.id;
    EXPECT_NE(find_verb(check.verb), nullptr) << check.id << ": " << check.verb;
    EXPECT_TRUE(distro_matches(check.distro, Distro{.name = "debian", .version = {12}}).has_value())
        << check.id;
    EXPECT_FALSE(check.title.empty()) << check.id;
    EXPECT_FALSE(check.remedy.empty()) << check.id;
  });
  EXPECT_EQ(ids.size(), 187U);
}

// The generator reads a part of YAML with its own few lines; here a real reader judges it.
TEST(Catalogue, IsWhatTheFilesSay) {
  const char* const source = std::getenv("VEDETTE_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "VEDETTE_SOURCE_DIR is not set";
  std::map<std::string, YAML::Node> checks;
  std::map<std::string, std::string> groups;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(source) + "/content/baseline")) {
    const YAML::Node document = YAML::LoadFile(file.path().string());
    for (const YAML::Node& check : document["checks"]) {
      const auto id = check["id"].as<std::string>();
      checks[id] = check;
      groups[id] = document["group"].as<std::string>();
    }
  }
  std::size_t seen = 0;
  each_check(packed_catalogue(), [&](const Check& check) {
    const std::string id(check.id);
    ASSERT_TRUE(checks.contains(id)) << id;
    const YAML::Node& node = checks[id];
    ++seen;
    EXPECT_EQ(check.title, node["title"].as<std::string>());
    EXPECT_EQ(check.remedy, node["remedy"].as<std::string>());
    EXPECT_EQ(check.group, groups[id]);
    EXPECT_EQ(schema::to_string(check.severity), node["severity"].as<std::string>());
    EXPECT_EQ(check.cce, id_of(node, "cce"));
    EXPECT_EQ(check.cis, id_of(node, "cis"));
    for (const auto& parameter : node["check"]) {
      const auto name = parameter.first.as<std::string>();
      const auto value = parameter.second.as<std::string>();
      EXPECT_EQ(name == "verb" ? check.verb : check.parameters.get(name), value)
          << id << " " << name;
    }
  });
  EXPECT_EQ(seen, checks.size());
}

}  // namespace
}  // namespace agent::baseline
