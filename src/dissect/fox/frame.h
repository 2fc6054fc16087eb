#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace dissect::fox {

// "fox a 1 -1 fox hello": who sends what, on which channel.
struct Header {
  char kind = 0;  // a: nobody answers; s: asks; r: answers; e: answers with an error
  std::uint64_t number = 0;
  std::optional<std::uint64_t> answers;  // whose number it answers
  std::string_view channel;
  std::string_view command;
};

// A line of a message: "app.version=s:3.7.44", "nonce=b:44[...]". `type` is what stands before the
// colon; `value` what is behind it, of a counted value its bytes.
struct Pair {
  std::string_view name;
  std::string_view type;
  std::string_view value;
  bool counted = false;
};

// Walks over a message; the bytes are borrowed. Threads: pure.
class Lines {
 public:
  enum class Step : std::uint8_t {
    Pair,    // there is one more
    Open,    // a message within begins, whose name is in the pair
    Close,   // the message, or one within, ends
    End,     // behind the last byte
    Wait,    // more bytes are needed
    Broken,  // that cannot be
  };

  explicit Lines(base::ByteView bytes) : text_(base::as_text(bytes)) {}

  // First, once. Nothing else is to be called unless it gives Pair.
  Step header(Header& header);
  Step next(Pair& pair);
  std::size_t offset() const { return at_; }

 private:
  // A line without its end; none: it is not all there.
  std::optional<std::string_view> line();
  Step counted(Pair& pair, std::size_t begin);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

inline constexpr std::size_t kMaxLine = 4096;
inline constexpr std::size_t kMaxDepth = 8;

}  // namespace dissect::fox
