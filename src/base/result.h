#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace base {

// What went wrong, in classes a caller can act on.
enum class Code : std::uint8_t {
  Truncated,  // more input may help: wait
  Malformed,  // no further input can help: stop
  TooLarge,   // a named limit was exceeded
  Invalid,    // well-formed, but not acceptable here
  NotFound,
  Exists,
  Denied,  // known, and not allowed
  Expired,
  Conflict,     // a version or ownership changed in between
  Unavailable,  // try again later
  Full,         // a bound was reached: disk, queue, quota
  Corrupt,      // stored bytes are not what was written
  Unsupported,
  Closed,
  Io,  // the operating system said no; `at` holds errno
};

std::string_view code_name(Code code);

// A failure of input or environment, as a value. Small enough to return everywhere.
// `what` is a literal that names the failed step; `at` is an errno (code Io) or an offset into the
// input (Truncated, Malformed), -1 when neither applies; `detail` is for people.
struct Error {
  Code code = Code::Invalid;
  const char* what = "";
  std::int64_t at = -1;
  std::string detail;

  // One line: "what: detail (code, at ...)".
  std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;

template <std::size_t N>
[[nodiscard]] std::unexpected<Error> fail(Code code, const char (&what)[N], std::int64_t at = -1,
                                          std::string detail = {}) {
  return std::unexpected(Error{code, what, at, std::move(detail)});
}

// An Io error with the current errno.
[[nodiscard]] std::unexpected<Error> fail_errno(const char* what, std::string detail = {});

// Ends the process with the place and the condition: a broken invariant, never input.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace base

// TRY(expression): the value of a Result, or return its error from the enclosing function.
// A statement expression, so that `auto x = TRY(f());` reads straight; the counter lets one TRY
// stand inside another.
#define TRY(...) TRY_NAMED(TRY_JOIN(try_result_, __COUNTER__), __VA_ARGS__)
#define TRY_JOIN(a, b) TRY_JOIN_AGAIN(a, b)
#define TRY_JOIN_AGAIN(a, b) a##b
#define TRY_NAMED(name, ...)                                    \
  __extension__({                                               \
    auto&& name = (__VA_ARGS__);                                \
    if (!name) return std::unexpected(std::move(name).error()); \
    std::move(name).value();                                    \
  })

// On in release: a broken invariant must not go on writing.
#define ASSERT(condition)                                       \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::base::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)
