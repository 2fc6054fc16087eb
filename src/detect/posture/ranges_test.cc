#include "detect/posture/ranges.h"

#include <gtest/gtest.h>

#include "detect/posture/verdict.h"

namespace detect::posture {
namespace {

TEST(Ranges, ReadsPrefixes) {
  struct Case {
    std::string_view text;
    std::string_view expected;  // empty: none
  };
  for (const Case& c : std::initializer_list<Case>{{"10.1.2.3", "10.1.2.3/32"},
                                                   {"10.1.2.3/8", "10.0.0.0/8"},
                                                   {"10.0.0.0/255.0.0.0", "10.0.0.0/8"},
                                                   {"10.0.0.0/255.0.255.0", ""},
                                                   {"2001:db8::1/32", "2001:db8::/32"},
                                                   {"fe80::1%eth0", "fe80::1/128"},
                                                   {"[::1]", "::1/128"},
                                                   {"::ffff:10.1.2.3", "10.1.2.3/32"},
                                                   {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
                                                   {"10.0.0.0/33", ""},
                                                   {"10.0.0/8", ""},
                                                   {"any", ""},
                                                   {"", ""}}) {
    const auto prefix = parse_prefix(c.text);
    EXPECT_EQ(prefix ? prefix->to_string() : "", c.expected) << c.text;
  }
}

TEST(Ranges, KnowsWideAddresses) {
  for (const std::string_view wide :
       {"", "any", "*", "0.0.0.0/0", "::/0", "10.0.0.0/8", "172.16.0.0/15", "2001:db8::/31",
        "!=10.0.0.1", "10.0.0.0-10.2.0.0", "10.0.1.0-10.1.2.0", "{ 10.0.0.1, 0.0.0.0/0 }",
        "10.0.0.0/255.0.0.0"}) {
    EXPECT_TRUE(is_wide_address(wide)) << wide;
  }
  for (const std::string_view narrow :
       {"10.0.0.1", "10.1.0.0/16", "2001:db8::/32", "10.0.0.1-10.0.0.9", "10.0.255.0-10.1.0.9",
        "{ 10.0.0.1, 10.1.0.0/24 }", "@friends", "name.example"}) {
    EXPECT_FALSE(is_wide_address(narrow)) << narrow;
  }
}

TEST(Ranges, KnowsLoopbackAndMulticast) {
  for (const std::string_view own : {"127.0.0.1", "127.3.0.0/16", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback_address(own)) << own;
  for (const std::string_view other :
       {"", "0.0.0.0", "::", "127.0.0.0/7", "!=127.0.0.1", "{ 127.0.0.1, 10.0.0.1 }", "128.0.0.1"})
    EXPECT_FALSE(is_loopback_address(other)) << other;
  EXPECT_TRUE(is_multicast_address("224.0.0.251"));
  EXPECT_TRUE(is_multicast_address("ff02::fb"));
  EXPECT_TRUE(is_multicast_address("255.255.255.255"));
  EXPECT_FALSE(is_multicast_address("10.0.0.255"));
}

TEST(Ranges, CountsPorts) {
  struct Case {
    std::string_view text;
    std::optional<std::uint32_t> expected;
  };
  for (const Case& c : std::initializer_list<Case>{{"", 65'536},
                                                   {"*", 65'536},
                                                   {"any", 65'536},
                                                   {"22", 1},
                                                   {"1-65535", 65'535},
                                                   {"8000:8080", 81},
                                                   {"1024:", 64'512},
                                                   {"{ 22, 80-89 }", 11},
                                                   {"22;80;443", 3},
                                                   {"!=22", 65'535},
                                                   {"!1-65535", 1},
                                                   {"@ports", std::nullopt},
                                                   {"ssh", std::nullopt},
                                                   {"90-80", std::nullopt},
                                                   {"65536", std::nullopt}}) {
    EXPECT_EQ(count_ports(c.text), c.expected) << c.text;
  }
}

// Chains and devices have names that others choose, and commands are pasted into shells.
TEST(ShellWord, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("INPUT"), "INPUT");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("-rf"), "'-rf'");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(shell_word("it's; reboot"), "'it'\\''s; reboot'");
  EXPECT_EQ(shell_word("a\nreboot\n"), "'areboot'");
  EXPECT_EQ(shell_word("~root"), "'~root'");
}

}  // namespace
}  // namespace detect::posture
