#include "wire/http_answer.h"

#include <charconv>

#include "base/text.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr int kMaxHeaders = 100;
constexpr int kMaxInterim = 4;
constexpr std::string_view kLineEnd = "\r\n";

// What the header says about the body.
struct Head {
  int status = 0;
  std::optional<std::size_t> length;
  bool chunked = false;
};

// Takes a line and its end off the front; nullopt when it has no end yet.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find(kLineEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + kLineEnd.size());
  return line;
}

Result<int> read_status(std::string_view line) {
  // HTTP/1.1 200 OK
  const bool shaped = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                      (line.size() == 12 || line[12] == ' ');
  const auto status = shaped ? base::parse_int(line.substr(9, 3)) : std::nullopt;
  if (!status || *status < 100 || *status > 599) return fail(Code::Malformed, "HTTP status");
  return static_cast<int>(*status);
}

Result<void> read_header(std::string_view line, Head& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return fail(Code::Malformed, "HTTP header");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (base::equal_ignore_case(name, "content-length")) {
    const auto length = base::parse_int(value);
    if (!length || *length < 0) return fail(Code::Malformed, "HTTP Content-Length");
    const auto bytes = static_cast<std::size_t>(*length);
    if (bytes > kMaxHttpAnswer) return fail(Code::TooLarge, "HTTP answer");
    if (head.length && *head.length != bytes) return fail(Code::Malformed, "HTTP Content-Length");
    head.length = bytes;
  }
  if (base::equal_ignore_case(name, "transfer-encoding")) {
    if (!base::equal_ignore_case(value, "chunked"))
      return fail(Code::Unsupported, "HTTP transfer coding");
    head.chunked = true;
  }
  return {};
}

// The head at the front, taken off; nullopt when it is not all there.
Result<std::optional<Head>> take_head(std::string_view& text) {
  Head head;
  auto line = take_line(text);
  if (!line) return std::optional<Head>();
  head.status = TRY(read_status(*line));
  for (int headers = 0;; ++headers) {
    if (headers > kMaxHeaders) return fail(Code::TooLarge, "HTTP headers");
    line = take_line(text);
    if (!line) return std::optional<Head>();
    if (line->empty()) return std::optional(head);
    TRY(read_header(*line, head));
  }
}

// All chunks; nullopt when the last is not there.
Result<std::optional<std::string>> read_chunks(std::string_view text) {
  std::string body;
  for (;;) {
    const auto line = take_line(text);
    if (!line) return std::optional<std::string>();
    const std::string_view digits = base::trim(line->substr(0, line->find(';')));
    std::size_t size = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
      return fail(Code::Malformed, "HTTP chunk");
    if (size > kMaxHttpAnswer) return fail(Code::TooLarge, "HTTP answer");
    // Trailers are of no interest: we close.
    if (size == 0) return std::optional(std::move(body));
    if (text.size() < size + kLineEnd.size()) return std::optional<std::string>();
    body.append(text.substr(0, size));
    if (text.substr(size, kLineEnd.size()) != kLineEnd) return fail(Code::Malformed, "HTTP chunk");
    text.remove_prefix(size + kLineEnd.size());
  }
}

Result<std::optional<std::string>> read_body(const Head& head, std::string_view text, HttpEnd end) {
  if (head.status == 204 || head.status == 304) return std::optional<std::string>("");
  if (head.chunked) return read_chunks(text);
  if (head.length) {
    if (text.size() < *head.length) return std::optional<std::string>();
    return std::optional(std::string(text.substr(0, *head.length)));
  }
  if (end == HttpEnd::MoreMayCome) return std::optional<std::string>();
  return std::optional(std::string(text));
}

}  // namespace

Result<std::optional<HttpAnswer>> read_http_answer(std::string_view bytes, HttpEnd end) {
  if (bytes.size() > kMaxHttpAnswer) return fail(Code::TooLarge, "HTTP answer");
  const auto incomplete = [&]() -> Result<std::optional<HttpAnswer>> {
    if (end == HttpEnd::Closed) return fail(Code::Truncated, "HTTP answer");
    return std::optional<HttpAnswer>();
  };
  for (int interim = 0; interim <= kMaxInterim; ++interim) {
    const auto head = TRY(take_head(bytes));
    if (!head) return incomplete();
    if (head->status < 200) continue;
    auto body = TRY(read_body(*head, bytes, end));
    if (!body) return incomplete();
    return std::optional(HttpAnswer{head->status, std::move(*body)});
  }
  return fail(Code::Malformed, "HTTP answer", -1, "one interim answer after another");
}

}  // namespace wire
