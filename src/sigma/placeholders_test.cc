#include "sigma/placeholders.h"

#include <gtest/gtest.h>

namespace sigma {
namespace {

std::string plain(std::string_view text) {
  return std::string(text);
}

TEST(Placeholders, AListIsAValueALine) {
  EXPECT_EQ(read_list("# who may\nroot\n\n  admin \r\n"),
            (std::vector<std::string>{"root", "admin"}));
  EXPECT_TRUE(read_list("").empty());
}

TEST(Placeholders, ListsInYaml) {
  Placeholders lists = {{"old", {"x"}}, {"kept", {"y"}}};
  ASSERT_TRUE(read_lists("old: [a, b]\none: c\n", lists));
  EXPECT_EQ(lists["old"], (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(lists["one"], std::vector<std::string>{"c"});
  EXPECT_EQ(lists["kept"], std::vector<std::string>{"y"});
  const auto wrong = read_lists("a: [b]\nc: {d: e}\n", lists);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().line, 2);
  EXPECT_FALSE(lists.contains("a")) << "nothing of a wrong file is taken";
  EXPECT_FALSE(read_lists("- a", lists));
  EXPECT_FALSE(read_lists("{{", lists));
}

TEST(Placeholders, StandForEveryCombination) {
  const Placeholders lists = {{"user", {"a", "b"}}, {"host", {"x", "y"}}, {"none", {}}};
  using Texts = std::vector<std::string>;
  EXPECT_EQ(*expand("%user%", lists, plain), (Texts{"a", "b"}));
  EXPECT_EQ(*expand("<%user%@%host%>", lists, plain), (Texts{"<a@x>", "<a@y>", "<b@x>", "<b@y>"}));
  EXPECT_EQ(*expand("100% of 50%", lists, plain), Texts{"100% of 50%"});
  EXPECT_EQ(*expand("", lists, plain), Texts{""});
  EXPECT_EQ(expand("%usr%", lists, plain).error(),
            "expected a list for the placeholder '%usr%' (did you mean '%user%'?)");
  EXPECT_FALSE(expand("%none%", lists, plain));
}

TEST(Placeholders, DoNotMultiplyWithoutEnd) {
  Placeholders lists;
  for (int i = 0; i < 100; ++i)
    lists["l"].push_back(std::to_string(i));
  EXPECT_EQ(expand("%l%%l%", lists, plain)->size(), 10'000U);
  EXPECT_FALSE(expand("%l%%l%%l%", lists, plain));
}

}  // namespace
}  // namespace sigma
