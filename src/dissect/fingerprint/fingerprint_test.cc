#include "dissect/fingerprint/fingerprint.h"

#include <gtest/gtest.h>

namespace dissect::fingerprint {
namespace {

// The test suites of RFC 1321 and FIPS 180.
TEST(Fingerprint, Digests) {
  EXPECT_EQ(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(sha256_12("abc"), "ba7816bf8f01");
}

}  // namespace
}  // namespace dissect::fingerprint
