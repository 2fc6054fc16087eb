#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace agent::logins {

// Which kind of record says it. One attempt has at most one record of each kind, which is what
// tells the records of one attempt from those of the next.
enum class Kind : std::uint8_t {
  AuditAuth,     // USER_AUTH: PAM judged a password
  AuditAccount,  // USER_ACCT: PAM judged the account
  AuditSession,  // USER_START, USER_END
  AuditLogin,    // USER_LOGIN, USER_LOGOUT: the program itself
  AuditCommand,  // USER_CMD: sudo judged a command
  LogPam,        // a PAM module, in the system's log
  LogProgram,    // the program itself, likewise
  LogMethod,     // the program about one method of several, likewise
  Utmp,          // wtmp, btmp
};

enum class Outcome : std::uint8_t {
  Success,
  Fail,
  Logout,
  // Says more about a failure, or that something was tried which is only a failure when nothing
  // better follows: sshd tries keys one after the other.
  Hint,
  // The conversation ended without a login; what was hinted at has failed.
  Ended,
};

// What one record of a source says about a login.
struct Observation {
  Kind kind{};
  Outcome outcome{};
  unsigned count = 1;  // so many of the same
  base::WallTime time;
  std::uint32_t pid = 0;                // 0: not told
  std::string service;                  // "sshd", "su", "sudo", "login"; empty: not told
  std::string account;                  // whose credentials were asked for; empty: not told
  std::optional<std::uint32_t> uid;     // of that account
  std::optional<std::uint32_t> by_uid;  // the user that asked
  std::string by;                       // its name
  std::string target;                   // whose rights were wanted, when not the account's
  std::string address;                  // remote; a valid address without zone, or empty
  std::string zone;                     // of a link-local address
  std::string host;                     // remote, when the record gives a name
  std::string local_port;
  std::string port;  // remote
  std::string tty;   // "pts/3"
  std::string executable;
  std::string operation;             // "PAM:authentication"
  std::string method;                // "password", "publickey"
  std::string key;                   // type and fingerprint of a key
  std::string reason;                // why it failed
  std::string command;               // of sudo
  std::string session;               // the audit session
  std::optional<bool> invalid_user;  // there is no such account
  std::string origin;  // names the record for good where the source can read it again; or empty
};

// "sshd" of "/usr/sbin/sshd", "sshd-session" and "sshd-auth"; otherwise the last part of the path.
std::string service_of(std::string_view program);
// Whether sessions of that service are nobody's login: cron's, the service manager's own.
bool is_machinery(std::string_view service);
// One conversation of these is one login at most, however many steps it takes.
bool logs_in_once(std::string_view service);
// Takes an address, with or without zone, or else a name, into the observation. "?" is neither.
void set_remote(Observation& observation, std::string_view text);
// "pts/3" of "/dev/pts/3"; empty for words that stand for none: "ssh", "?".
std::string tty_of(std::string_view text);

}  // namespace agent::logins
