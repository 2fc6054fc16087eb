#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "dissect/reader.h"

namespace dissect::coap {

enum class Form : std::uint8_t { Empty, Opaque, Number, Text };

// RFC 7252 section 5.10 and the register of IANA.
struct Option {
  std::uint16_t number = 0;
  Form form = Form::Opaque;
  std::uint16_t least = 0;  // of its length
  std::uint16_t most = 0;
  bool repeats = false;
  std::string_view name;  // of its detail
};
enum Number : std::uint16_t {
  kUriHost = 3,
  kObserve = 6,
  kUriPath = 11,
  kUriQuery = 15,
  kBlock2 = 23,
  kBlock1 = 27,
  kProxyUri = 35,
};
// Null: not registered.
const Option* option(std::uint32_t number);

// Options behind each other, up to the payload (section 3.1).
class Options {
 public:
  explicit Options(Reader body) : body_(body) {}

  // False at the end, or when what follows cannot be: see good().
  bool next();
  std::uint32_t number() const { return number_; }
  base::ByteView value() const { return value_; }
  // A number of up to 4 bytes.
  std::uint32_t value_number() const;
  bool good() const { return good_; }
  // After the end: there was a marker, and what is behind it.
  bool has_payload() const { return has_payload_; }
  base::ByteView payload() const { return has_payload_ ? body_.rest() : base::ByteView(); }

 private:
  std::optional<std::uint32_t> extended(std::uint32_t nibble);

  Reader body_;
  std::uint32_t number_ = 0;
  base::ByteView value_;
  bool good_ = true;
  bool has_payload_ = false;
};

// "2.05" as one byte has it: its name; empty: not registered.
std::string_view code_name(std::uint8_t code);

}  // namespace dissect::coap
