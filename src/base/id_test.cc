#include "base/id.h"

#include <set>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(Guid, ManyRandomOnesDiffer) {
  std::set<Guid> seen;
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(seen.insert(Guid::random()).second);
}

TEST(Guid, ChildAndParentMakeDifferentOnes) {
  const Guid before = Guid::random();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Guid own = Guid::random();
    ::_exit(::write(ends[1], own.bytes.data(), own.bytes.size()) == 16 ? 0 : 1);
  }
  Guid of_child;
  ASSERT_EQ(::read(ends[0], of_child.bytes.data(), of_child.bytes.size()), 16);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_NE(of_child, Guid::random());
  EXPECT_NE(of_child, before);
}

TEST(Guid, DerivedOnesDependOnSpaceAndName) {
  EXPECT_EQ(Guid::derived("alert", "rule|device"), Guid::derived("alert", "rule|device"));
  EXPECT_NE(Guid::derived("alert", "x"), Guid::derived("aler", "tx"));
  EXPECT_EQ(Guid::derived("a", "b").to_string()[14], '8');
}

}  // namespace
}  // namespace base
