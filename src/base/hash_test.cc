#include "base/hash.h"

#include <string>

#include <gtest/gtest.h>

#include "base/text.h"

namespace base {
namespace {

TEST(Crc32c, MatchesRfc3720) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(ByteVec(32, 0x00)), 0x8A9136AAU);
  EXPECT_EQ(crc32c(ByteVec(32, 0xFF)), 0x62A8AB43U);
}

TEST(Crc32c, ContinuesFromASeed) {
  const std::string text = "a record of some length, checked in two pieces";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = crc32c(as_bytes(std::string_view(text).substr(0, cut)));
    EXPECT_EQ(crc32c(as_bytes(std::string_view(text).substr(cut)), first), crc32c(as_bytes(text)));
  }
}

TEST(HmacSha256, MatchesRfc4231) {
  const Sha256 digest = hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"));
  EXPECT_EQ(hex_encode(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // A key of more than a block, case 6; and one of none.
  EXPECT_EQ(
      hex_encode(hmac_sha256(ByteVec(131, 0xAA),
                             as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex_encode(hmac_sha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  // Not the key of before.
  EXPECT_EQ(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")), digest);
  EXPECT_NE(hmac_sha256(as_bytes("Jeff"), as_bytes("what do ya want for nothing?")), digest);
  EXPECT_EQ(hex_encode(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abcd")));
}

TEST(TableHash, DependsOnEveryByteAndTheLength) {
  std::string text(17, 'x');
  const std::uint64_t before = table_hash(as_bytes(text));
  EXPECT_EQ(table_hash(as_bytes(text)), before);
  for (char& c : text) {
    c = 'y';
    EXPECT_NE(table_hash(as_bytes(text)), before);
    c = 'x';
  }
  EXPECT_NE(table_hash(ByteVec(3, 0)), table_hash(ByteVec(4, 0)));
}

TEST(Sha256Stream, PiecesHashAsTheWhole) {
  base::Sha256Stream stream;
  stream.add(base::as_bytes("ab"));
  stream.add({});
  stream.add(base::as_bytes("c"));
  EXPECT_EQ(stream.finish(), base::sha256(base::as_bytes("abc")));
}

}  // namespace
}  // namespace base
