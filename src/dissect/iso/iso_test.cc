#include "dissect/iso/iso.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::iso {
namespace {

using testing::bytes_of;
using testing::Kept;

TEST(FrameTpkt, CutsAStream) {
  EXPECT_EQ(frame(bytes_of("03")).kind, Frame::Kind::Incomplete);
  EXPECT_EQ(frame(bytes_of("0300001902f080")).size, 25U);
  EXPECT_EQ(frame(bytes_of("04")).kind, Frame::Kind::Lost);
  EXPECT_EQ(frame(bytes_of("0300000602f0")).kind, Frame::Kind::Lost);  // shorter than its header
  EXPECT_EQ(frame(bytes_of("0300001902a0")).kind, Frame::Kind::Lost);  // no such TPDU
  EXPECT_EQ(frame(bytes_of("0301001902f0")).kind, Frame::Kind::Lost);
}

TEST(ReadCotp, ReadsWhoConnectsToWhom) {
  const base::ByteVec bytes =
      bytes_of("0300 0016 11 e0 0000 000c 00 c0 01 0a c1 02 0100 c2 02 0302");
  Kept kept;
  const auto cotp = read(bytes, &kept);
  ASSERT_TRUE(cotp);
  EXPECT_EQ(cotp->type, Tpdu::ConnectRequest);
  EXPECT_EQ(cotp->source, 12);
  EXPECT_EQ(cotp->size_code, 10);
  EXPECT_EQ(cotp->calling[0], 1);
  EXPECT_EQ(cotp->called[1], 2);
  tell(bytes, *cotp, kept);
  EXPECT_EQ(kept.detail("cotp_type"), "14");
  EXPECT_EQ(kept.detail("tpkt_length"), "22");
}

TEST(ReadCotp, RefusesWhatEndsTooEarly) {
  Kept kept;
  EXPECT_FALSE(read(bytes_of("0300 0009 06 e0 0000 00"), &kept));
  EXPECT_FALSE(read(bytes_of("0300 0009 04 e0 0000 00"), &kept));
  EXPECT_FALSE(read(bytes_of("0300 0007 02 90 80"), &kept));
  EXPECT_EQ(kept.issues.size(), 3U);
}

TEST(Assembly, PutsPiecesTogether) {
  Assembly assembly;
  const base::ByteVec one = bytes_of("0300 0009 02 f0 00 0102");
  const base::ByteVec two = bytes_of("0300 0009 02 f0 80 0304");
  EXPECT_FALSE(assembly.add(*read(one, nullptr)));
  const auto whole = assembly.add(*read(two, nullptr));
  ASSERT_TRUE(whole);
  EXPECT_EQ(base::ByteVec(whole->begin(), whole->end()), bytes_of("01020304"));
  const auto single = assembly.add(*read(two, nullptr));
  ASSERT_TRUE(single);
  EXPECT_EQ(single->size(), 2U);
}

TEST(Assembly, GivesUpWhatIsTooLong) {
  Assembly assembly;
  const base::ByteVec part(60'000, 7);
  Cotp cotp;
  cotp.data = part;
  cotp.last = false;
  EXPECT_FALSE(assembly.add(cotp));
  EXPECT_FALSE(assembly.add(cotp));
  cotp.last = true;
  EXPECT_FALSE(assembly.add(cotp));
  EXPECT_EQ(assembly.add(cotp)->size(), part.size());
}

TEST(Look, FindsTheFirstData) {
  const base::ByteVec bytes = bytes_of(
      "0300 0016 11 e0 0000 000c 00 c0 01 0a c1 02 0100 c2 02 0302"
      "0300 0009 02 f0 80 3201");
  const Opening opening = look(bytes);
  EXPECT_TRUE(opening.tpkt);
  EXPECT_TRUE(opening.connecting);
  ASSERT_TRUE(opening.data);
  EXPECT_EQ(opening.carried[0], 0x32);
  EXPECT_FALSE(look(bytes_of("47455420")).tpkt);
  EXPECT_TRUE(look(bytes_of("0300")).tpkt);
}

}  // namespace
}  // namespace dissect::iso
