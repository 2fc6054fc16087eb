#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agent::collect {

// An argv as it lies in memory, made readable. Threads: pure.
//
// A process chooses every byte of its argv, so each text has a bound on its size as JSON, where one
// byte may become six: an event must not grow past what a message takes.
struct CommandLine {
  std::string text;        // arguments joined by one blank
  std::string json;        // the arguments as a JSON array of text
  std::string base64;      // the exact bytes, when they are not UTF-8; else empty
  bool shortened = false;  // something did not fit: of argv, or of these texts
};

struct CommandLineLimits {
  std::size_t text_json_bytes = 48U << 10U;   // of `text`, as JSON
  std::size_t array_json_bytes = 24U << 10U;  // of `json`, which is encoded once more
  std::size_t raw_bytes = 8U << 10U;          // of argv in `base64`
};

// `argv`: each argument with its NUL; when `head` is less than its size, what is after it is the
// end of a longer argv, of `total` bytes.
CommandLine read_command_line(std::string_view argv, std::size_t head, std::size_t total,
                              const CommandLineLimits& limits = {});

// Bytes of `text` as JSON, without quotes.
std::size_t json_size(std::string_view text);
// The longest beginning of `text` that takes at most `limit` bytes as JSON, cut between characters.
std::string_view fit_json(std::string_view text, std::size_t limit);

}  // namespace agent::collect
