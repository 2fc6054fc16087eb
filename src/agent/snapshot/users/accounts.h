#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The account files of /etc as facts. All parsers: pure; lines that cannot be read are counted,
// never guessed at. Sources: passwd(5), shadow(5), group(5), gshadow(5), nsswitch.conf(5).
namespace agent::snapshot::users {

inline constexpr std::size_t kMaxLines = 65536;  // of one file; more counts as unreadable

// What a password field says. The hash itself is never kept.
enum class Password : std::uint8_t {
  Unknown,  // it could not be read
  Set,
  Empty,     // logs in without one
  Locked,    // there is a password, made unusable
  None,      // no password can ever match
  Elsewhere  // "x": the shadow file has it
};
std::string_view password_name(Password password);
Password read_password(std::string_view field);
// "yescrypt", "sha512", ...: how the password is hashed; empty when it is not, or unknown.
std::string_view password_scheme(std::string_view field);

struct Account {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string comment;
  std::string home;
  std::string shell;
  Password password = Password::Unknown;
  std::string scheme;
};

struct Shadow {
  std::string name;
  Password password = Password::Unknown;
  std::string scheme;
  std::optional<std::int64_t> changed;  // days since 1970; 0: must be changed at the next login
  std::optional<std::int64_t> max_days;
  std::optional<std::int64_t> inactive_days;
  std::optional<std::int64_t> expires;  // days since 1970
};

struct Group {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};

struct GroupShadow {
  std::string name;
  Password password = Password::Unknown;
  std::vector<std::string> administrators;
};

template <class Entry>
struct Table {
  std::vector<Entry> entries;
  std::size_t malformed = 0;
  bool foreign = false;  // has "+" or "-" lines: a name service adds entries here
};

Table<Account> read_passwd(std::string_view text);
Table<Shadow> read_shadow(std::string_view text);
Table<Group> read_group(std::string_view text);
Table<GroupShadow> read_gshadow(std::string_view text);

// The services of one database in nsswitch.conf ("sss", "ldap"), those that read the local files or
// make up entries of the system's own (files, compat, systemd) left out.
std::vector<std::string> other_services(std::string_view nsswitch, std::string_view database);

// Keys in an authorized_keys file: lines that are neither empty nor a comment.
std::size_t count_keys(std::string_view text);

// A date from a number of days since 1970: "2024-02-29"; empty when out of range.
std::string date_of_days(std::int64_t days);

}  // namespace agent::snapshot::users
