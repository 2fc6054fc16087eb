#include "detect/custom/document.h"

#include <gtest/gtest.h>

namespace detect::custom {
namespace {

TEST(ReadDocument, TakesYamlAndJson) {
  const auto yaml = read_document(
      "# what pumps may do\n"
      "customAlerts:\n"
      "  - group: pumps\n"
      "    type: ActiveConnectionsNotInAllowedRange\n"
      "    window: PT1H\n"
      "    max: 100\n"
      "    severity: Medium\n"
      "  - type: LocalUserNotAllowed\n"
      "    allow: [root, 1000, true]\n"
      "    enabled: false\n");
  ASSERT_TRUE(yaml) << yaml.error().to_string();
  ASSERT_EQ(yaml->size(), 2U);
  EXPECT_EQ((*yaml)[0].group, "pumps");
  EXPECT_EQ((*yaml)[0].max, 100);
  EXPECT_EQ((*yaml)[1].values, (std::vector<std::string>{"root", "1000", "true"}));
  EXPECT_FALSE((*yaml)[1].enabled);
  const auto json = read_document(
      R"({"customAlerts":[{"type":"ProcessNotAllowed","deny":["nc"],"description":"no \"nc\""}]})");
  ASSERT_TRUE(json) << json.error().to_string();
  EXPECT_EQ((*json)[0].mode, ListMode::Deny);
  EXPECT_EQ((*json)[0].description, "no \"nc\"");
  EXPECT_TRUE(read_document("customAlerts:\n")->empty());
  EXPECT_TRUE(read_document("customAlerts: []")->empty());
}

TEST(ReadDocument, ReadsWhatIsWritten) {
  Definition range;
  range.group = "group: #1";
  range.max = 3;
  range.description = "two\nlines";
  Definition list;
  list.type = Type::Process;
  list.values = {"a b", "- x", "7", "yes"};
  const std::vector<Definition> all = {range, list};
  const std::string text = write_document(all);
  const auto read = read_document(text);
  ASSERT_TRUE(read) << text << read.error().to_string();
  EXPECT_EQ(*read, all) << text;
  EXPECT_TRUE(read_document(write_document({}))->empty());
}

TEST(ReadDocument, SaysWhereItIsWrong) {
  struct Case {
    const char* text;
    const char* says;
  };
  for (const Case& each : {
           Case{"", "expected 'customAlerts'"},
           Case{"- 1", "expected 'customAlerts'"},
           Case{"customAlerts: 1", "line 1: customAlerts: expected a list"},
           Case{"customAlerts: []\nother: 1\n", "line 2: expected 'customAlerts' alone"},
           Case{"customAlerts:\n  - typ: x\n", "line 2: there is no 'typ'"},
           Case{"customAlerts:\n  - 7\n", "line 2: expected an object"},
           Case{"customAlerts:\n  - {type: ProcessNotAllowed, allow: [a]}\n"
                "  - {type: ProcessNotAllowed, allow: [b]}\n",
                "line 3: ProcessNotAllowed is there already, in line 2"},
           Case{"customAlerts: [", "line"},
           Case{"customAlerts:\n  - {type: ProcessNotAllowed, allow: [[[[[[[[[[a]]]]]]]]]]}\n",
                "nested"},
           Case{"\xFF", "UTF-8"},
       }) {
    const auto refused = read_document(each.text);
    ASSERT_FALSE(refused) << each.text;
    EXPECT_NE(refused.error().detail.find(each.says), std::string::npos)
        << each.text << ": " << refused.error().detail;
  }
}

}  // namespace
}  // namespace detect::custom
