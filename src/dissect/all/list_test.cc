#include "dissect/all/list.h"

#include <set>

#include <gtest/gtest.h>

namespace dissect::all {

TEST(Protocols, AreWholeAndThereOnce) {
  std::set<std::string_view> names;
  for (const Protocol* const one : protocols()) {
    EXPECT_TRUE(names.insert(one->name).second) << one->name << " is listed twice";
    EXPECT_FALSE(one->title.empty()) << one->name;
    EXPECT_FALSE(one->transports.empty()) << one->name;
    EXPECT_NE(one->open, nullptr) << one->name;
    EXPECT_NE(one->probe, nullptr) << one->name;
    EXPECT_EQ(find(one->name), one);
  }
  EXPECT_EQ(find("no such protocol"), nullptr);
}

}  // namespace dissect::all
