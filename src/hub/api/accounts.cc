#include "hub/api/accounts.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"
#include "hub/api/password.h"
#include "store/sqlite.h"

namespace hub::api {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;

// The audit log is operations::AuditLog's now; it takes over the table.
constexpr std::array<std::string_view, 1> kSchema{R"(
CREATE TABLE user (
  name TEXT PRIMARY KEY COLLATE NOCASE, password TEXT NOT NULL, role TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
  hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE, created INTEGER NOT NULL,
  used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE login_token (
  hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE, expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE api_token (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
  created INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER NOT NULL, used INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL,
  method TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, result TEXT NOT NULL,
  remote TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_time ON audit (time);
)"};

// A use is written at most this often, so that reading pages does not mean writing to disk.
constexpr std::chrono::minutes kUseGranularity{1};
constexpr std::size_t kMaxName = 128;
constexpr std::size_t kSecretBytes = 32;

std::int64_t to_store(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_store(std::int64_t value) {
  return WallTime(std::chrono::nanoseconds(value));
}

std::string make_secret(std::string_view prefix) {
  std::array<std::uint8_t, kSecretBytes> bytes{};
  base::random_bytes(bytes);
  return std::string(prefix) + base::hex_encode(bytes);
}

// The secrets are random bits, so a fast hash is enough and the search for it tells nothing.
base::Sha256 hash_of(std::string_view secret) {
  return base::sha256(base::as_bytes(secret));
}

Result<void> check_name(std::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.@").find(c) != std::string_view::npos;
  });
  if (name.empty() || name.size() > kMaxName || !good) {
    return fail(Code::Invalid, "user name", -1,
                "expected 1 to 128 letters, digits and any of -_.@");
  }
  return {};
}

Result<void> check_password(std::string_view password) {
  if (password.size() < Accounts::kMinPassword || password.size() > Accounts::kMaxPassword) {
    return fail(Code::Invalid, "password", -1, "expected 12 to 1024 bytes");
  }
  return {};
}

Result<Role> stored_role(std::string_view name) {
  const auto role = parse_role(name);
  if (!role) return fail(Code::Corrupt, "unknown role in state.db", -1, std::string(name));
  return *role;
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::Reader:
      return "reader";
    case Role::Analyst:
      return "analyst";
    case Role::Admin:
      return "admin";
  }
  return "reader";
}

std::optional<Role> parse_role(std::string_view name) {
  for (const Role role : {Role::Reader, Role::Analyst, Role::Admin}) {
    if (name == to_string(role)) return role;
  }
  return std::nullopt;
}

struct Accounts::State {
  store::Sqlite database;
};

Accounts::Accounts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Accounts::~Accounts() = default;

Result<std::unique_ptr<Accounts>> Accounts::open(const std::string& path) {
  auto state = std::make_unique<State>(State{TRY(store::Sqlite::open(path))});
  TRY(state->database.migrate("accounts", kSchema));
  return std::unique_ptr<Accounts>(new Accounts(std::move(state)));
}

Result<void> Accounts::create_user(std::string_view name, std::string_view password, Role role,
                                   WallTime now) {
  TRY(check_name(name));
  TRY(check_password(password));
  const std::string encoded = hash_password(password);
  auto made = state_->database.run("INSERT INTO user VALUES (?, ?, ?, ?)", name, encoded,
                                   to_string(role), to_store(now));
  if (!made && made.error().code == Code::Exists) {
    return fail(Code::Exists, "user exists", -1, std::string(name));
  }
  return made;
}

Result<void> Accounts::set_password(std::string_view name, std::string_view password,
                                    std::string_view keep_session) {
  TRY(check_password(password));
  const std::string encoded = hash_password(password);
  auto transaction = TRY(store::Transaction::begin(state_->database));
  TRY(state_->database.run("UPDATE user SET password = ? WHERE name = ?", encoded, name));
  if (state_->database.changes() == 0) {
    return fail(Code::NotFound, "no such user", -1, std::string(name));
  }
  const base::Sha256 keep = hash_of(keep_session);
  TRY(state_->database.run("DELETE FROM session WHERE user = ? AND hash <> ?", name,
                           base::ByteView(keep)));
  TRY(state_->database.run("DELETE FROM login_token WHERE user = ?", name));
  return transaction.commit();
}

Result<std::vector<User>> Accounts::users() {
  auto statement = TRY(state_->database.prepare("SELECT name, role FROM user ORDER BY name"));
  std::vector<User> users;
  while (TRY(statement.step())) {
    users.push_back({statement.string(0), TRY(stored_role(statement.text(1)))});
  }
  return users;
}

Result<User> Accounts::verify_password(std::string_view name, std::string_view password) {
  auto statement =
      TRY(state_->database.prepare("SELECT name, role, password FROM user WHERE name = ?"));
  statement.bind(1, name.substr(0, kMaxName + 1));
  const bool known = TRY(statement.step());
  // Both branches cost one Argon2 computation: the time does not tell which names exist.
  const std::string_view tried = password.substr(0, kMaxPassword + 1);
  const bool fits = known ? api::verify_password(statement.text(2), tried) : verify_nobody(tried);
  if (!fits) return fail(Code::Denied, "wrong user name or password");
  return User{statement.string(0), TRY(stored_role(statement.text(1)))};
}

Result<Issued> Accounts::issue_login_token(std::string_view user, WallTime now) {
  auto statement = TRY(state_->database.prepare("SELECT 1 FROM user WHERE name = ?"));
  statement.bind(1, user);
  if (!TRY(statement.step())) {
    return fail(Code::NotFound, "no such user", -1, std::string(user));
  }
  statement.reset();
  Issued issued{make_secret("vdo_"), now + kLoginTokenLife};
  const base::Sha256 hash = hash_of(issued.secret);
  TRY(state_->database.run("INSERT INTO login_token VALUES (?, ?, ?)", base::ByteView(hash), user,
                           to_store(issued.expires)));
  return issued;
}

Result<User> Accounts::redeem_login_token(std::string_view secret, WallTime now) {
  const base::Sha256 hash = hash_of(secret);
  // One statement takes it out: of two that come at once, one finds nothing.
  auto statement = TRY(
      state_->database.prepare("DELETE FROM login_token WHERE hash = ? RETURNING user, expires"));
  statement.bind(1, base::ByteView(hash));
  if (!TRY(statement.step())) return fail(Code::Denied, "login link is unknown or used");
  const std::string name = statement.string(0);
  const WallTime expires = from_store(statement.integer(1));
  static_cast<void>(TRY(statement.step()));  // to the end: only then is it committed
  if (now >= expires) return fail(Code::Denied, "login link has expired");

  auto user = TRY(state_->database.prepare("SELECT name, role FROM user WHERE name = ?"));
  user.bind(1, name);
  if (!TRY(user.step())) return fail(Code::Denied, "the login link's user is gone");
  return User{user.string(0), TRY(stored_role(user.text(1)))};
}

Result<Issued> Accounts::create_session(const User& user, WallTime now) {
  Issued issued{make_secret("vds_"), now + kSessionIdle};
  const base::Sha256 hash = hash_of(issued.secret);
  TRY(state_->database.run("INSERT INTO session VALUES (?, ?, ?, ?)", base::ByteView(hash),
                           user.name, to_store(now), to_store(now)));
  return issued;
}

Result<Session> Accounts::use_session(std::string_view secret, WallTime now, Touch touch) {
  const base::Sha256 hash = hash_of(secret);
  auto statement = TRY(state_->database.prepare(
      "SELECT user.name, user.role, session.created, session.used FROM session JOIN user ON "
      "user.name = session.user WHERE hash = ?"));
  statement.bind(1, base::ByteView(hash));
  if (!TRY(statement.step())) return fail(Code::Denied, "unknown session");
  const WallTime end = from_store(statement.integer(2)) + kSessionLife;
  const WallTime used = from_store(statement.integer(3));
  Session session{{statement.string(0), TRY(stored_role(statement.text(1)))}, {}};
  statement.reset();
  if (now >= end || now >= used + kSessionIdle) {
    return fail(Code::Denied, "the session has ended");
  }
  session.expires = std::min(end, used + kSessionIdle);
  if (touch == Touch::No) return session;
  session.expires = std::min(end, now + kSessionIdle);
  if (now - used >= kUseGranularity) {
    TRY(state_->database.run("UPDATE session SET used = ? WHERE hash = ?", to_store(now),
                             base::ByteView(hash)));
  }
  return session;
}

Result<void> Accounts::end_session(std::string_view secret) {
  const base::Sha256 hash = hash_of(secret);
  return state_->database.run("DELETE FROM session WHERE hash = ?", base::ByteView(hash));
}

Result<std::pair<Token, Issued>> Accounts::create_token(std::string_view name, Role role,
                                                        std::chrono::days life,
                                                        std::string_view created_by, WallTime now) {
  if (name.empty() || name.size() > kMaxName || !base::is_utf8(name)) {
    return fail(Code::Invalid, "token name", -1, "expected 1 to 128 bytes of text");
  }
  Issued issued{make_secret("vdt_"), now + life};
  const base::Sha256 hash = hash_of(issued.secret);
  Token token;
  token.id = base::Guid::random().to_string();
  token.name = name;
  token.role = role;
  token.created = now;
  token.created_by = created_by;
  token.expires = issued.expires;
  TRY(state_->database.run("INSERT INTO api_token VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", token.id,
                           base::ByteView(hash), name, to_string(role), to_store(now), created_by,
                           to_store(issued.expires)));
  return std::pair(std::move(token), issued);
}

namespace {

constexpr std::string_view kTokenColumns =
    "SELECT id, name, role, created, created_by, expires, used FROM api_token ";

Result<Token> token_of(const store::Statement& row) {
  Token token;
  token.id = row.string(0);
  token.name = row.string(1);
  token.role = TRY(stored_role(row.text(2)));
  token.created = from_store(row.integer(3));
  token.created_by = row.string(4);
  token.expires = from_store(row.integer(5));
  if (const auto used = row.optional_integer(6)) token.last_used = from_store(*used);
  return token;
}

}  // namespace

Result<Token> Accounts::use_token(std::string_view secret, WallTime now) {
  const base::Sha256 hash = hash_of(secret);
  auto statement = TRY(state_->database.prepare(std::string(kTokenColumns) + "WHERE hash = ?"));
  statement.bind(1, base::ByteView(hash));
  if (!TRY(statement.step())) return fail(Code::Denied, "unknown API token");
  Token token = TRY(token_of(statement));
  statement.reset();
  if (now >= token.expires) return fail(Code::Denied, "the API token has expired");
  if (!token.last_used || now - *token.last_used >= kUseGranularity) {
    TRY(state_->database.run("UPDATE api_token SET used = ? WHERE id = ?", to_store(now),
                             token.id));
  }
  return token;
}

Result<std::vector<Token>> Accounts::tokens() {
  auto statement =
      TRY(state_->database.prepare(std::string(kTokenColumns) + "ORDER BY created DESC, id"));
  std::vector<Token> tokens;
  while (TRY(statement.step()))
    tokens.push_back(TRY(token_of(statement)));
  return tokens;
}

Result<void> Accounts::delete_token(std::string_view id) {
  TRY(state_->database.run("DELETE FROM api_token WHERE id = ?", id));
  if (state_->database.changes() == 0) {
    return fail(Code::NotFound, "no such API token", -1, std::string(id));
  }
  return {};
}

Result<void> Accounts::purge(WallTime now) {
  auto& database = state_->database;
  TRY(database.run("DELETE FROM session WHERE created <= ? OR used <= ?",
                   to_store(now - kSessionLife), to_store(now - kSessionIdle)));
  TRY(database.run("DELETE FROM login_token WHERE expires <= ?", to_store(now)));
  return {};
}

std::string login_link(std::string_view base_url, std::string_view login_token) {
  return std::string(base_url) + "/login#token=" + std::string(login_token);
}

}  // namespace hub::api
