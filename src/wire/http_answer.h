#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// Answers of HTTP/1.1 servers to a GET with "Connection: close". Threads: pure.
// Source: RFC 9112.
namespace wire {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

enum class HttpEnd : bool { MoreMayCome, Closed };

inline constexpr std::size_t kMaxHttpAnswer = 64U << 10U;

// What all that came so far says; nullopt: it is not complete, and more may come. The body is
// delimited by Content-Length, by chunks, or by the end of the connection. Interim answers (1xx)
// are passed over. Errors: Malformed, TooLarge (more than kMaxHttpAnswer), Truncated (the
// connection ended too early), Unsupported (a transfer coding other than chunked).
base::Result<std::optional<HttpAnswer>> read_http_answer(std::string_view bytes, HttpEnd end);

}  // namespace wire
