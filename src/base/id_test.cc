#include "base/id.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Guid, RoundTripsInEitherCase) {
  const Guid guid = Guid::parse("9C647395-b913-4997-a732-a7fe7303b649").value();
  EXPECT_EQ(guid.to_string(), "9c647395-b913-4997-a732-a7fe7303b649");
  for (const char* text :
       {"", "9c647395b9134997a732a7fe7303b649", "9c647395-b913-4997-a732-a7fe7303b64",
        "9c647395-b913-4997-a732-a7fe7303b64g", "9c647395-b9134-997-a732-a7fe7303b649"}) {
    EXPECT_FALSE(Guid::parse(text)) << text;
  }
}

TEST(Guid, RandomOnesDifferAndSayVersion4) {
  const Guid a = Guid::random();
  EXPECT_NE(a, Guid::random());
  EXPECT_EQ(a.to_string()[14], '4');
}

TEST(Guid, DerivedOnesDependOnSpaceAndName) {
  EXPECT_EQ(Guid::derived("alert", "rule|device"), Guid::derived("alert", "rule|device"));
  EXPECT_NE(Guid::derived("alert", "x"), Guid::derived("aler", "tx"));
  EXPECT_EQ(Guid::derived("a", "b").to_string()[14], '8');
}

}  // namespace
}  // namespace base
