#include "agent/dns/names.h"

#include <gtest/gtest.h>

namespace agent::dns {
namespace {

using namespace std::chrono_literals;
using connections::Address;

Answer answer(const char* name, std::uint8_t last, std::chrono::seconds ttl) {
  return {name, {{Address::v4({192, 0, 2, last}), ttl}}};
}

TEST(DnsNames, AreKnownAsLongAsTheAnswerSays) {
  Names names;
  const base::MonoTime now{1h};
  names.add(answer("a.example", 1, 3600s), now);
  EXPECT_EQ(names.find(Address::v4({192, 0, 2, 1}), now + 3599s), "a.example");
  EXPECT_EQ(names.find(Address::v4({192, 0, 2, 1}), now + 3600s), std::nullopt);
  EXPECT_EQ(names.find(Address::v4({192, 0, 2, 2}), now), std::nullopt);
}

TEST(DnsNames, ShortAndEndlessTimesAreBounded) {
  Names names;
  const base::MonoTime now{1h};
  names.add(answer("short.example", 1, 0s), now);
  EXPECT_TRUE(names.find(Address::v4({192, 0, 2, 1}), now + 299s));
  names.add(answer("long.example", 2, 0x7FFFFFFFs), now);
  EXPECT_FALSE(names.find(Address::v4({192, 0, 2, 2}), now + 24h));
}

TEST(DnsNames, TheLastNameCounts) {
  Names names;
  const base::MonoTime now{1h};
  names.add(answer("a.example", 1, 60s), now);
  names.add(answer("b.example", 1, 60s), now + 1s);
  EXPECT_EQ(names.find(Address::v4({192, 0, 2, 1}), now + 2s), "b.example");
  EXPECT_EQ(names.size(), 1U);
}

TEST(DnsNames, TheOldestMakesRoom) {
  Names names(2);
  const base::MonoTime now{1h};
  names.add(answer("a.example", 1, 60s), now);
  names.add(answer("b.example", 2, 60s), now);
  names.add(answer("a.example", 1, 60s), now);
  names.add(answer("c.example", 3, 60s), now);
  EXPECT_TRUE(names.find(Address::v4({192, 0, 2, 1}), now));
  EXPECT_FALSE(names.find(Address::v4({192, 0, 2, 2}), now));
  EXPECT_EQ(names.size(), 2U);
}

}  // namespace
}  // namespace agent::dns
