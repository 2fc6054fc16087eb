#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hub::api {

// Ordered: each may do what those before it may.
enum class Role : std::uint8_t { Reader, Analyst, Admin };
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view name);

struct User {
  std::string name;
  Role role = Role::Reader;
};

struct Session {
  User user;
  base::WallTime expires;  // when it ends if nothing more is asked of it
};

struct Token {
  std::string id;
  std::string name;
  Role role = Role::Reader;
  base::WallTime created;
  std::string created_by;
  base::WallTime expires;
  std::optional<base::WallTime> last_used;
};

// A secret that was just made: shown once, stored only as a hash.
struct Issued {
  std::string secret;
  base::WallTime expires;
};

// Users, sessions, login links and API tokens, in state.db.
//
// Of secrets only hashes are stored: passwords Argon2id (19 MiB, t=2, p=1), the others, which are
// 256 random bits, SHA-256. Several objects and processes may have the same file open (WAL), so
// that a login link can be made while the hub runs. Threads: one at a time; each worker of the
// server has an object of its own.
class Accounts {
 public:
  static constexpr std::chrono::minutes kSessionIdle{30};
  static constexpr std::chrono::hours kSessionLife{12};
  static constexpr std::chrono::minutes kLoginTokenLife{10};
  static constexpr std::size_t kMinPassword = 12;
  static constexpr std::size_t kMaxPassword = 1024;

  // Makes the tables where they are missing. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Accounts>> open(const std::string& path);
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  // Errors: Exists, Invalid (name: 1 to 128 of letters, digits and -_.@; password: 12 to 1024
  // bytes).
  base::Result<void> create_user(std::string_view name, std::string_view password, Role role,
                                 base::WallTime now);
  // Ends the user's sessions except `keep_session`. Errors: NotFound, Invalid.
  base::Result<void> set_password(std::string_view name, std::string_view password,
                                  std::string_view keep_session = {});
  base::Result<std::vector<User>> users();

  // Checks name and password; takes equally long for an unknown user. Errors: Denied.
  base::Result<User> verify_password(std::string_view name, std::string_view password);

  // A token that signs `user` in, once, within ten minutes. Errors: NotFound.
  base::Result<Issued> issue_login_token(std::string_view user, base::WallTime now);
  // Errors: Denied (unknown, used or expired).
  base::Result<User> redeem_login_token(std::string_view secret, base::WallTime now);

  base::Result<Issued> create_session(const User& user, base::WallTime now);
  // The session of that cookie; a use of it (Touch::Yes) extends it. Errors: Denied.
  enum class Touch : std::uint8_t { No, Yes };
  base::Result<Session> use_session(std::string_view secret, base::WallTime now,
                                    Touch touch = Touch::Yes);
  base::Result<void> end_session(std::string_view secret);

  // Errors: Invalid (name).
  base::Result<std::pair<Token, Issued>> create_token(std::string_view name, Role role,
                                                      std::chrono::days life,
                                                      std::string_view created_by,
                                                      base::WallTime now);
  // Errors: Denied.
  base::Result<Token> use_token(std::string_view secret, base::WallTime now);
  base::Result<std::vector<Token>> tokens();
  // Errors: NotFound.
  base::Result<void> delete_token(std::string_view id);

  // Forgets what has expired. Called once in a while.
  base::Result<void> purge(base::WallTime now);

 private:
  struct State;
  explicit Accounts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The link that redeems the token in a browser; the token is in the fragment, which browsers do not
// send: https://HOST:PORT/login#token=...
std::string login_link(std::string_view base_url, std::string_view login_token);

}  // namespace hub::api
