#include "base/bytes.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Cursor, ReadsBothByteOrders) {
  const ByteVec bytes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
  EXPECT_EQ(Cursor(bytes).u16be().value(), 0x0102);
  EXPECT_EQ(Cursor(bytes).u16le().value(), 0x0201);
  EXPECT_EQ(Cursor(bytes).u32be().value(), 0x01020304U);
  EXPECT_EQ(Cursor(bytes).u32le().value(), 0x04030201U);
  EXPECT_EQ(Cursor(bytes).u64be().value(), 0x0102030405060708U);
  EXPECT_EQ(Cursor(bytes).u64le().value(), 0x0807060504030201U);
}

TEST(Cursor, StaysWhereItWasWhenBytesAreMissing) {
  const ByteVec bytes{1, 2, 3};
  Cursor cursor(bytes);
  ASSERT_TRUE(cursor.u8());
  const auto failed = cursor.u32be();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Truncated);
  EXPECT_EQ(failed.error().at, 1);
  EXPECT_EQ(cursor.offset(), 1U);
  EXPECT_FALSE(cursor.bytes(3));
  EXPECT_FALSE(cursor.skip(SIZE_MAX));
  EXPECT_EQ(cursor.u16be().value(), 0x0203);
  EXPECT_TRUE(cursor.done());
  EXPECT_FALSE(cursor.peek());
}

TEST(Cursor, ConfinesASubCursorToItsLength) {
  const ByteVec bytes{1, 2, 3, 4};
  Cursor cursor(bytes);
  Cursor inner = cursor.sub(2).value();
  EXPECT_TRUE(inner.u16be());
  EXPECT_FALSE(inner.u8());
  EXPECT_EQ(cursor.u8().value(), 3);
}

TEST(ByteWriter, WritesWhatTheCursorReads) {
  ByteWriter writer;
  writer.u32le(0);
  writer.u8(9);
  writer.u16be(0x1234);
  writer.u64le(77);
  writer.text("ab");
  writer.patch_u32le(0, 5);
  Cursor cursor(writer.view());
  EXPECT_EQ(cursor.u32le().value(), 5U);
  EXPECT_EQ(cursor.u8().value(), 9);
  EXPECT_EQ(cursor.u16be().value(), 0x1234);
  EXPECT_EQ(cursor.u64le().value(), 77U);
  EXPECT_EQ(as_text(cursor.rest()), "ab");
}

}  // namespace
}  // namespace base
