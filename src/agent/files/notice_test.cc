#include "agent/files/notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fanotify.h>
#include <sys/inotify.h>

namespace agent::files {
namespace {

using testing::SizeIs;

constexpr std::uint64_t kFsid = 0x0102030405060708;
const base::ByteVec kHandle = {1, 2, 3, 4, 5, 6, 7, 8};

void add_place(base::ByteWriter& out, std::uint8_t type, const char* name) {
  const std::string_view text(name);
  const std::size_t length = 4 + 8 + 8 + kHandle.size() + text.size() + 1;
  const std::size_t padding = (4 - length % 4) % 4;
  out.u8(type);
  out.u8(0);
  out.u16le(static_cast<std::uint16_t>(length + padding));
  out.u64le(kFsid);
  out.u32le(static_cast<std::uint32_t>(kHandle.size()));
  out.u32le(1);
  out.bytes(kHandle);
  out.text(text);
  for (std::size_t i = 0; i <= padding; ++i)
    out.u8(0);
}

base::ByteVec event_of(std::uint64_t mask, const base::ByteWriter& infos) {
  base::ByteWriter out;
  out.u32le(static_cast<std::uint32_t>(24 + infos.size()));
  out.u8(FANOTIFY_METADATA_VERSION);
  out.u8(0);
  out.u16le(24);
  out.u64le(mask);
  out.u32le(0xFFFFFFFF);
  out.u32le(4711);
  out.bytes(infos.view());
  return std::move(out).take();
}

std::vector<Notice> read(base::ByteView bytes) {
  std::vector<Notice> notices;
  const auto read = read_fanotify(bytes, [&](const Notice& notice) { notices.push_back(notice); });
  EXPECT_TRUE(read) << read.error().to_string();
  return notices;
}

TEST(ReadFanotify, ANameInAFolder) {
  base::ByteWriter infos;
  add_place(infos, FAN_EVENT_INFO_TYPE_DFID_NAME, "passwd");
  const auto notices = read(event_of(FAN_CLOSE_WRITE, infos));
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].mask, FAN_CLOSE_WRITE);
  EXPECT_EQ(notices[0].pid, 4711U);
  EXPECT_EQ(notices[0].name, "passwd");
  EXPECT_EQ(notices[0].folder, folder_id(kFsid, 1, kHandle));
  EXPECT_FALSE(notices[0].new_folder);
}

TEST(ReadFanotify, ARename) {
  base::ByteWriter infos;
  add_place(infos, FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, "old");
  add_place(infos, FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, "newer");
  base::ByteVec two = event_of(FAN_RENAME, infos);
  const base::ByteVec one = two;
  two.insert(two.end(), one.begin(), one.end());
  const auto notices = read(two);
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[1].name, "old");
  EXPECT_EQ(notices[1].new_name, "newer");
  EXPECT_EQ(notices[1].new_folder, folder_id(kFsid, 1, kHandle));
}

TEST(ReadFanotify, AnOverflowHasNoPlace) {
  const auto notices = read(event_of(FAN_Q_OVERFLOW, {}));
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_TRUE(notices[0].folder.empty());
}

TEST(ReadFanotify, BadBytes) {
  base::ByteWriter infos;
  add_place(infos, FAN_EVENT_INFO_TYPE_DFID_NAME, "passwd");
  const base::ByteVec good = event_of(FAN_CREATE, infos);
  for (std::size_t size = 1; size < good.size(); ++size)
    EXPECT_FALSE(read_fanotify(base::ByteView(good).first(size), [](const Notice&) {})) << size;
  base::ByteVec bad = good;
  bad[4] = 9;  // version
  EXPECT_EQ(read_fanotify(bad, [](const Notice&) {}).error().code, base::Code::Unsupported);
  bad = good;
  bad[26] = 2;  // a record shorter than its head
  EXPECT_EQ(read_fanotify(bad, [](const Notice&) {}).error().code, base::Code::Malformed);
  bad = good;
  bad[36] = 0xFF;  // a handle longer than the record
  EXPECT_FALSE(read_fanotify(bad, [](const Notice&) {}));
}

TEST(ReadInotify, NamesAndOverflow) {
  base::ByteWriter out;
  const auto add = [&](std::uint32_t watch, std::uint32_t mask, std::string_view name) {
    out.u32le(watch);
    out.u32le(mask);
    out.u32le(7);
    out.u32le(name.empty() ? 0 : 16);
    out.text(name);
    for (std::size_t i = name.size(); !name.empty() && i < 16; ++i)
      out.u8(0);
  };
  add(3, IN_CREATE | IN_ISDIR, "cron.d");
  add(3, IN_MOVED_FROM, "old");
  add(0xFFFFFFFF, IN_Q_OVERFLOW, "");
  std::vector<Notice> notices;
  ASSERT_TRUE(read_inotify(out.view(), [&](const Notice& one) { notices.push_back(one); }));
  ASSERT_THAT(notices, SizeIs(3));
  EXPECT_EQ(notices[0].mask, std::uint64_t{FAN_CREATE} | FAN_ONDIR);
  EXPECT_EQ(notices[0].name, "cron.d");
  EXPECT_EQ(notices[0].folder, "3");
  EXPECT_EQ(notices[1].cookie, 7U);
  EXPECT_EQ(notices[2].mask, FAN_Q_OVERFLOW);
  EXPECT_TRUE(notices[2].folder.empty());
  for (const std::size_t size : {1U, 8U, 15U, 20U, 31U})
    EXPECT_FALSE(read_inotify(out.view().first(size), [](const Notice&) {})) << size;
}

}  // namespace
}  // namespace agent::files
