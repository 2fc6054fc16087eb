#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace base {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::Truncated:
      return "truncated";
    case Code::Malformed:
      return "malformed";
    case Code::TooLarge:
      return "too large";
    case Code::Invalid:
      return "invalid";
    case Code::NotFound:
      return "not found";
    case Code::Exists:
      return "exists";
    case Code::Denied:
      return "denied";
    case Code::Expired:
      return "expired";
    case Code::Conflict:
      return "conflict";
    case Code::Unavailable:
      return "unavailable";
    case Code::Full:
      return "full";
    case Code::Corrupt:
      return "corrupt";
    case Code::Unsupported:
      return "unsupported";
    case Code::Closed:
      return "closed";
    case Code::Io:
      return "io";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string text = what;
  if (!detail.empty()) text.append(text.empty() ? "" : ": ").append(detail);
  if (code == Code::Io && at > 0) {
    text.append(": ").append(std::generic_category().message(static_cast<int>(at)));
  } else {
    text.append(" (").append(code_name(code));
    if (at >= 0) text.append(" at ").append(std::to_string(at));
    text.append(")");
  }
  return text;
}

std::unexpected<Error> fail_errno(const char* what, std::string detail) {
  return std::unexpected(Error{Code::Io, what, errno, std::move(detail)});
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "<2>assertion.failed condition=\"%s\" file=%s line=%d\n", condition, file,
               line);
  std::abort();
}

}  // namespace base
