#pragma once

#include <string>
#include <string_view>

namespace dissect::telnet {

// Follows the words by which people log in: a prompt for a name, one for a password, and what comes
// of it. Bounded. Threads: one.
class Login {
 public:
  enum class Step { None, Asked, Failed, In };

  // Text of the server. Failed, In: what became of the login; both at most once after Asked.
  Step server(std::string_view text);
  // Text of the client. Asked: name and password were given.
  Step client(std::string_view text);

  // What the client sends is a password, or a name that one may follow at once.
  bool secret() const { return wants_ != Wants::Line; }
  // Nobody has logged in yet.
  bool before() const { return before_; }
  const std::string& user() const { return user_; }
  // A whole line was typed by the latest text of the client, other than for a login.
  bool typed() const { return typed_; }

 private:
  enum class Wants { Line, User, Password };

  void character(char c);

  Wants wants_ = Wants::Line;
  bool waiting_ = false;  // for what becomes of it
  bool before_ = true;
  bool typed_ = false;
  bool done_ = false;  // a password was completed
  std::string tail_;   // of what the server said last
  std::string line_;
  std::string user_;
};

}  // namespace dissect::telnet
