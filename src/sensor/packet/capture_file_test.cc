#include "sensor/packet/capture_file.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "sensor/packet/testing.h"

namespace sensor::packet {

namespace {

using dissect::testing::bytes_of;
using testing::join;
using Kind = CaptureFile::Step::Kind;

struct Read {
  std::vector<RawPacket> packets;
  std::vector<std::string> payloads;
  std::string problem;
};

// As a source would: `chunk` bytes more whenever it asks.
Read read(base::ByteView file, std::size_t chunk = SIZE_MAX) {
  Read all;
  CaptureFile reader;
  std::size_t begin = 0;
  std::size_t end = std::min(chunk, file.size());
  while (begin < file.size()) {
    const auto step = reader.step(file.subspan(begin, end - begin));
    if (step.kind == Kind::Bad) {
      all.problem = step.what;
      break;
    }
    if (step.kind == Kind::Need) {
      if (end == file.size()) {
        all.problem = "cut";
        break;
      }
      EXPECT_GT(step.size, end - begin);
      end = std::min(file.size(), end + chunk);
      continue;
    }
    begin += step.size;
    end = std::max(begin, end);
    if (step.kind != Kind::Packet) continue;
    all.packets.push_back(step.packet);
    all.payloads.emplace_back(base::as_text(step.packet.bytes));
  }
  return all;
}

constexpr const char* kPcap =
    "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000"
    "00f15365 40420f00 03000000 05000000 616263"
    "01f15365 00000000 01000000 01000000 64";
// The same in big-endian, with nanoseconds.
constexpr const char* kPcapNano =
    "a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000065"
    "6553f100 3b9ac9ff 00000003 00000005 616263";
// Two interfaces: Ethernet in microseconds, Linux cooked in 2^-10 s with an offset of 10 s.
constexpr const char* kPcapng =
    "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000"
    "01000000 14000000 0100 0000 00000000 14000000"
    "01000000 28000000 7100 0000 00000000 0900 0100 8a000000 0e00 0800 0a00000000000000 28000000"
    "aa0b0000 10000000 78787878 10000000"
    "06000000 24000000 00000000 00000000 40420f00 03000000 05000000 61626300 24000000"
    "06000000 24000000 01000000 00000000 00060000 03000000 03000000 64656600 24000000"
    "03000000 14000000 02000000 67680000 14000000"
    "05000000 1c000000 00000000 00000000 00000000 00000000 1c000000";

}  // namespace

TEST(CaptureFile, ReadsPcap) {
  const auto file = bytes_of(kPcap);
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    const Read all = read(file, chunk);
    EXPECT_EQ(all.problem, "");
    ASSERT_EQ(all.packets.size(), 2U);
    EXPECT_EQ(all.payloads[0], "abc");
    EXPECT_EQ(all.packets[0].size, 5U);
    EXPECT_EQ(all.packets[0].number, 1U);
    EXPECT_EQ(all.packets[0].link, LinkType::Ethernet);
    EXPECT_EQ(base::format_rfc3339(all.packets[0].time, 6), "2023-11-14T22:13:21.000000Z");
    EXPECT_EQ(all.payloads[1], "d");
    EXPECT_EQ(all.packets[1].number, 2U);
  }
}

TEST(CaptureFile, ReadsNanosecondsOfEitherOrder) {
  const auto file = bytes_of(kPcapNano);
  const Read all = read(file);
  ASSERT_EQ(all.packets.size(), 1U);
  EXPECT_EQ(all.packets[0].link, LinkType::Raw);
  EXPECT_EQ(base::format_rfc3339(all.packets[0].time, 9), "2023-11-14T22:13:20.999999999Z");
}

TEST(CaptureFile, ReadsInterfacesOfTheirOwnKind) {
  const auto file = bytes_of(kPcapng);
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}}) {
    const Read all = read(file, chunk);
    EXPECT_EQ(all.problem, "");
    ASSERT_EQ(all.packets.size(), 3U);
    EXPECT_EQ(all.payloads[0], "abc");
    EXPECT_EQ(all.packets[0].time, base::WallTime(std::chrono::seconds(1)));
    EXPECT_EQ(all.packets[1].link, LinkType::Cooked);
    EXPECT_EQ(all.packets[1].time, base::WallTime(std::chrono::milliseconds(11500)));
    EXPECT_EQ(all.payloads[2], "gh");
  }
}

TEST(CaptureFile, EveryCutIsSaid) {
  for (const char* const hex : {kPcap, kPcapNano, kPcapng}) {
    const auto file = bytes_of(hex);
    const std::size_t whole = read(file).packets.size();
    for (std::size_t size = 1; size < file.size(); ++size) {
      const Read all = read(base::ByteView(file).first(size));
      EXPECT_LE(all.packets.size(), whole);
    }
  }
}

TEST(CaptureFile, RefusesWhatIsNone) {
  EXPECT_NE(read(bytes_of("25504446 2d312e37")).problem, "");
  // A packet longer than any, and blocks whose lengths cannot be.
  auto file = bytes_of(kPcap);
  file[24 + 11] = 0x7F;
  EXPECT_NE(read(file).problem, "");
  file = bytes_of(kPcapng);
  file[28 + 4] = 0x15;
  EXPECT_NE(read(file).problem, "");
  file = bytes_of(kPcapng);
  file[8] = 0;
  EXPECT_NE(read(file).problem, "");
}

}  // namespace sensor::packet
