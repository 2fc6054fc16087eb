#include "agent/logins/utmp.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "agent/logins/readers.h"

namespace agent::logins {
namespace {

struct Entry {
  std::uint16_t type = 7;
  std::uint32_t pid = 4711;
  std::string line = "pts/3";
  std::string user = "joe";
  std::string host = "192.0.2.7";
  std::int64_t seconds = 1'700'000'000;
  std::int64_t microseconds = 250'000;
  std::array<std::uint8_t, 16> address{};
};

void text(base::ByteWriter& out, const std::string& value, std::size_t size) {
  const std::string cut = value.substr(0, size);
  out.text(cut);
  for (std::size_t i = cut.size(); i < size; ++i) {
    out.u8(0);
  }
}

base::ByteVec record(const Entry& entry, UtmpLayout layout) {
  base::ByteWriter out;
  out.u16le(entry.type);
  out.u16le(0);
  out.u32le(entry.pid);
  text(out, entry.line, 32);
  text(out, "ts/3", 4);
  text(out, entry.user, 32);
  text(out, entry.host, 256);
  out.u32le(0);
  if (layout == UtmpLayout::Times32) {
    out.u32le(0);
    out.u32le(static_cast<std::uint32_t>(entry.seconds));
    out.u32le(static_cast<std::uint32_t>(entry.microseconds));
  } else {
    out.u32le(0);
    out.u64le(0);
    out.u64le(static_cast<std::uint64_t>(entry.seconds));
    out.u64le(static_cast<std::uint64_t>(entry.microseconds));
  }
  out.bytes(entry.address);
  text(out, "", 20);
  return std::move(out).take();
}

class Layouts : public ::testing::TestWithParam<UtmpLayout> {
 protected:
  static std::optional<Observation> read(const Entry& entry, UtmpFile file = UtmpFile::Wtmp) {
    const auto bytes = record(entry, GetParam());
    EXPECT_EQ(bytes.size(), utmp_size(GetParam()));
    const auto answer = read_utmp(bytes, GetParam(), file);
    if (!answer) {
      ADD_FAILURE() << answer.error().to_string();
      return std::nullopt;
    }
    return *answer;
  }
};
INSTANTIATE_TEST_SUITE_P(Both, Layouts,
                         ::testing::Values(UtmpLayout::Times32, UtmpLayout::Times64));

TEST_P(Layouts, ALogin) {
  const auto login = read({});
  ASSERT_TRUE(login);
  EXPECT_EQ(login->outcome, Outcome::Success);
  EXPECT_EQ(login->account, "joe");
  EXPECT_EQ(login->tty, "pts/3");
  EXPECT_EQ(login->address, "192.0.2.7");
  EXPECT_EQ(login->pid, 4711U);
  EXPECT_EQ(base::format_rfc3339(login->time, 2), "2023-11-14T22:13:20.25Z");
}

TEST_P(Layouts, ALogoutAndAFailure) {
  const auto logout = read({.type = 8, .user = "", .host = ""});
  ASSERT_TRUE(logout);
  EXPECT_EQ(logout->outcome, Outcome::Logout);
  const auto failure = read({.type = 6, .line = "ssh:notty"}, UtmpFile::Btmp);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->outcome, Outcome::Fail);
  EXPECT_EQ(failure->tty, "");
}

TEST_P(Layouts, BootsAndGettysAreNobodys) {
  EXPECT_FALSE(read({.type = 2, .user = "reboot"}));
  EXPECT_FALSE(read({.type = 6, .user = "LOGIN"}));
  EXPECT_FALSE(read({.type = 7, .user = ""}));
  EXPECT_FALSE(read({.type = 0}));
}

TEST_P(Layouts, TheAddressStandsInForAName) {
  Entry entry;
  entry.host = "";
  entry.address = {198, 51, 100, 9};
  EXPECT_EQ(read(entry)->address, "198.51.100.9");
  entry.address = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  EXPECT_EQ(read(entry)->address, "2001:0db8:0000:0000:0000:0000:0000:0007");
  entry.host = "bastion.example";
  EXPECT_EQ(read(entry)->host, "bastion.example");
  EXPECT_FALSE(read(entry)->address.empty());
}

TEST_P(Layouts, TheFieldsNeedNoNul) {
  Entry entry;
  entry.user = std::string(32, 'u');
  entry.host = std::string(256, 'h');
  EXPECT_EQ(read(entry)->account.size(), 32U);
}

TEST_P(Layouts, OtherBytesAreNone) {
  auto bytes = record({}, GetParam());
  EXPECT_FALSE(read_utmp({bytes.data(), bytes.size() - 1}, GetParam(), UtmpFile::Wtmp));
  bytes[0] = 99;
  EXPECT_FALSE(read_utmp(bytes, GetParam(), UtmpFile::Wtmp));
  const base::ByteVec noise(800, 0xEE);
  EXPECT_EQ(utmp_layout(noise), std::nullopt);
  EXPECT_EQ(utmp_layout({}), std::nullopt);
}

TEST_P(Layouts, AFileTellsItsLayout) {
  base::ByteVec file;
  for (int i = 0; i < 5; ++i) {
    const auto one = record({.seconds = 1'700'000'000 + i}, GetParam());
    file.insert(file.end(), one.begin(), one.end());
  }
  EXPECT_EQ(utmp_layout(file), GetParam());
}

TEST_P(Layouts, TheReaderTakesWholeRecords) {
  std::vector<Observation> seen;
  UtmpReader reader("/var/log/wtmp", UtmpFile::Wtmp,
                    [&seen](const Observation& one) { seen.push_back(one); });
  auto bytes = record({}, GetParam());
  const auto second = record({.type = 8}, GetParam());
  const auto third = record({.type = 77}, GetParam());
  bytes.insert(bytes.end(), second.begin(), second.end());
  bytes.insert(bytes.end(), third.begin(), third.end());
  bytes.resize(bytes.size() + 50);
  EXPECT_EQ(reader(bytes, {1, 2, 0}), 3 * utmp_size(GetParam()));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0].origin, seen[1].origin);
  EXPECT_EQ(reader.malformed(), 1U);
}

TEST(Utmp, TimesBeyondTheClockAreNone) {
  const auto bytes = record({.seconds = 30'098'374'656}, UtmpLayout::Times64);
  EXPECT_FALSE(read_utmp(bytes, UtmpLayout::Times64, UtmpFile::Wtmp));
}

TEST(Utmp, TimesReachBeyond2038) {
  Entry entry;
  entry.seconds = 2'500'000'000;
  const auto bytes = record(entry, UtmpLayout::Times32);
  const auto read = read_utmp(bytes, UtmpLayout::Times32, UtmpFile::Wtmp);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ(base::format_rfc3339((*read)->time, 0), "2049-03-22T04:26:40Z");
}

}  // namespace
}  // namespace agent::logins
