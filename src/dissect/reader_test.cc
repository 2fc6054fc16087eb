#include "dissect/reader.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect {
namespace {

using testing::bytes_of;

TEST(Reader, ReadsInBothOrders) {
  const base::ByteVec bytes = bytes_of("01 0203 040506 0708090a 0b0c 0d0e0f10");
  Reader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16be(), 0x0203);
  EXPECT_EQ(reader.u24be(), 0x040506U);
  EXPECT_EQ(reader.u32be(), 0x0708090aU);
  EXPECT_EQ(reader.u16le(), 0x0c0b);
  EXPECT_EQ(reader.peek(), 0x0d);
  EXPECT_EQ(reader.u32le(), 0x100f0e0dU);
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.ok());
}

TEST(Reader, WhatDoesNotFitStaysFailed) {
  const base::ByteVec bytes = bytes_of("01 02");
  Reader reader(bytes);
  EXPECT_EQ(reader.u32be(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.offset(), 0U);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_FALSE(reader.ok());
  EXPECT_TRUE(reader.bytes(2).empty());
}

TEST(Reader, ASubReaderCannotSeePastItsEnd) {
  const base::ByteVec bytes = bytes_of("01 02 03 04");
  Reader reader(bytes);
  Reader inner = reader.sub(2);
  EXPECT_EQ(inner.u16be(), 0x0102);
  EXPECT_EQ(inner.u8(), 0);
  EXPECT_FALSE(inner.ok());
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 2U);
  EXPECT_FALSE(reader.sub(3).ok());
}

TEST(Reader, TextEndsAtItsZero) {
  const base::ByteVec bytes = bytes_of("6162 00 63");
  Reader reader(bytes);
  EXPECT_EQ(reader.text_z(), "ab");
  EXPECT_EQ(reader.text_z(), "c");
  EXPECT_FALSE(reader.ok());
  EXPECT_TRUE(reader.done());
}

}  // namespace
}  // namespace dissect
