#include "dissect/telnet/login.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "dissect/text.h"

namespace dissect::telnet {

namespace {

constexpr std::size_t kMaxLine = 64;
constexpr std::size_t kTail = 128;

constexpr std::array<std::string_view, 7> kAsksUser = {
    "login:", "login as:", "username:", "user name:", "user:", "user id:", "account:"};
constexpr std::array<std::string_view, 4> kAsksPassword = {
    "password:", "passwd:", "passcode:", "password?"};
constexpr std::array<std::string_view, 11> kRefuses = {
    "incorrect",   "invalid",  "denied",      "failed", "failure",     "bad password",
    "bad secrets", "rejected", "not correct", "wrong",  "unauthorized"};

template <std::size_t kCount>
bool ends_with_any(std::string_view text, const std::array<std::string_view, kCount>& words) {
  return std::ranges::any_of(words, [&](std::string_view one) { return text.ends_with(one); });
}

}  // namespace

Login::Step Login::server(std::string_view text) {
  tail_ += base::to_lower(text.substr(text.size() - std::min(text.size(), kTail)));
  if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  const std::string_view said = base::trim(tail_);
  const bool refused = std::ranges::any_of(
      kRefuses, [&](std::string_view one) { return said.find(one) != std::string_view::npos; });
  const bool asks_user = ends_with_any(said, kAsksUser);
  const bool asks_password = ends_with_any(said, kAsksPassword);
  // A shell's prompt.
  const bool prompt =
      !said.empty() && std::string_view("$#>%").find(said.back()) != std::string_view::npos;
  if (asks_user || asks_password) {
    wants_ = asks_user ? Wants::User : Wants::Password;
    line_.clear();
    if (asks_user) user_.clear();
  } else if (!said.empty()) {
    wants_ = Wants::Line;
  }
  if (!waiting_ || said.empty()) return Step::None;
  if (refused || asks_user || asks_password) {
    waiting_ = false;
    tail_.clear();
    return Step::Failed;
  }
  const bool welcome = said.find("last login") != std::string_view::npos ||
                       said.find("welcome") != std::string_view::npos;
  if (!prompt && !welcome) return Step::None;
  waiting_ = false;
  before_ = false;
  return Step::In;
}

void Login::character(char c) {
  if (c == '\r' || c == '\n' || c == '\0') {
    // CR LF and CR NUL are one end of a line.
    if (line_.empty() && wants_ != Wants::Password) return;
    if (wants_ == Wants::User) {
      user_ = printable(std::string_view(line_), kMaxLine);
      wants_ = Wants::Line;
    } else if (wants_ == Wants::Password) {
      done_ = true;
      wants_ = Wants::Line;
    } else {
      typed_ = true;
    }
    line_.clear();
  } else if (c == '\b' || c == '\x7f') {
    if (!line_.empty()) line_.pop_back();
  } else if (line_.size() < kMaxLine) {
    line_ += c;
  }
}

Login::Step Login::client(std::string_view text) {
  typed_ = false;
  done_ = false;
  for (const char c : text)
    character(c);
  if (!text.empty() && wants_ == Wants::Line) tail_.clear();
  if (!done_) return Step::None;
  tail_.clear();
  waiting_ = true;
  return Step::Asked;
}

}  // namespace dissect::telnet
