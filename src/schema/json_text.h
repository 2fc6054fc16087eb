#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <simdjson.h>

// JSON text as its readers want it; for the sources of this folder.
namespace schema {

// Why a text is no JSON.
struct JsonError {
  std::size_t offset = 0;
  std::string expected;
  std::string found;  // with line and column
};

// Parses JSON texts with one set of buffers, which are given back after a large one.
//
// JavaScript reads two kinds of text that simdjson refuses: numbers beyond the range of its types
// and escapes of lone surrogates. They are read here too, as the nearest number there is and as
// U+FFFD. Such text costs a second pass, and so does one with an error.
class JsonText {
 public:
  // The document lives until the next call.
  std::expected<simdjson::dom::element, JsonError> parse(std::string_view text);

 private:
  simdjson::dom::parser parser_;
};

}  // namespace schema
