#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace dissect::ber {

// Reads ASN.1 values in the Basic Encoding Rules, which DER and CER are subsets of. Views into the
// input, no memory of its own, no recursion but that of the caller: who goes down into elements
// counts the levels against kMaxDepth.
// Threads: pure. Source: ITU-T X.690 (02/2021), clause 8.

inline constexpr int kMaxDepth = 16;

enum class Class : std::uint8_t { Universal, Application, Context, Private };

// The universal tags that protocols use (X.680, clause 8.6).
enum Tag : std::uint32_t {
  kBoolean = 1,
  kInteger = 2,
  kBitString = 3,
  kOctetString = 4,
  kNull = 5,
  kOid = 6,
  kExternal = 8,
  kReal = 9,
  kEnumerated = 10,
  kUtf8String = 12,
  kSequence = 16,
  kSet = 17,
  kNumericString = 18,
  kPrintableString = 19,
  kTeletexString = 20,
  kIa5String = 22,
  kUtcTime = 23,
  kGeneralizedTime = 24,
  kVisibleString = 26,
  kGeneralString = 27,
  kUniversalString = 28,
  kBmpString = 30,
};

struct Element {
  Class tag_class = Class::Universal;
  bool constructed = false;
  std::uint32_t tag = 0;
  base::ByteView value;  // without tag and length; of an indefinite length, without its end mark
  base::ByteView whole;  // with all of it

  bool is(Class wanted, std::uint32_t number) const { return tag_class == wanted && tag == number; }
  bool universal(std::uint32_t number) const { return is(Class::Universal, number); }
  bool application(std::uint32_t number) const { return is(Class::Application, number); }
  bool context(std::uint32_t number) const { return is(Class::Context, number); }
};

// The elements that follow each other in some bytes.
//
//   for (Elements parts(value); parts.next();) use(parts.here());
//
// Ends after the last, or at the first that cannot be; ok() tells which. Tags up to 28 bits,
// lengths up to what is there. An indefinite length ends at its end mark, nested ones up to
// kMaxDepth. What is declared longer than there is makes truncated() true, and is not given.
class Elements {
 public:
  explicit Elements(base::ByteView bytes) : bytes_(bytes) {}

  bool next();
  const Element& here() const { return here_; }
  // The next element if there is one, without going on: false as next().
  bool peek(Element& element) const;

  bool ok() const { return state_ == State::Good; }
  bool truncated() const { return state_ == State::Truncated; }
  base::ByteView rest() const { return bytes_; }

 private:
  enum class State : std::uint8_t { Good, Truncated, Malformed };

  base::ByteView bytes_;
  Element here_;
  State state_ = State::Good;
};

// How long the element is that begins a stream, with tag and length: what a stream is cut by.
struct Size {
  enum class Kind : std::uint8_t {
    Known,
    Short,      // the tag and length are not all there
    Malformed,  // or of indefinite length: no stream of ours has these
  };
  Kind kind = Kind::Malformed;
  std::size_t bytes = 0;
};
Size size_of_first(base::ByteView bytes);

// The first element, or none when it cannot be read.
std::optional<Element> first(base::ByteView bytes);
// The first element with that context tag; none when there is none.
std::optional<Element> find_context(base::ByteView bytes, std::uint32_t tag);

// INTEGER and ENUMERATED of 1 to 8 bytes, with sign; none otherwise.
std::optional<std::int64_t> integer(base::ByteView value);
// The same read as a number that is never negative, as most protocols' fields are: up to 8 bytes,
// or 9 whose first is 0; none otherwise.
std::optional<std::uint64_t> natural(base::ByteView value);
// BOOLEAN: exactly one byte.
std::optional<bool> boolean(base::ByteView value);
// REAL in its binary and special forms, and as decimal text up to 32 characters; none otherwise.
std::optional<double> real(base::ByteView value);
// "1.3.6.1.2.1"; empty when it cannot be. At most 64 numbers.
std::string oid(base::ByteView value);
// Whether the value is that object identifier, given as its encoded bytes.
bool oid_is(base::ByteView value, base::ByteView encoded);

// BIT STRING, primitive.
struct Bits {
  base::ByteView bytes;
  std::size_t count = 0;

  // The first bit is 0; false beyond the end.
  bool at(std::size_t bit) const {
    return bit < count && (bytes[bit / 8] >> (7 - bit % 8) & 1U) != 0;
  }
};
std::optional<Bits> bits(base::ByteView value);

}  // namespace dissect::ber
