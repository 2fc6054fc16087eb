#include "agent/snapshot/users/accounts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "base/text.h"

namespace agent::snapshot::users {

namespace {

using Fields = std::vector<std::string_view>;

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Empty, or a number; anything else is false. -1 is how some tools write "none".
bool read_days(std::string_view text, std::optional<std::int64_t>& out) {
  if (text.empty()) return true;
  std::int64_t value = 0;
  if (!read_number(text, value)) return false;
  if (value >= 0) out = value;
  return true;
}

std::vector<std::string> read_names(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view name : base::split(text, ',')) {
    if (!base::trim(name).empty()) names.emplace_back(base::trim(name));
  }
  return names;
}

template <class Entry, class Read>
Table<Entry> read_table(std::string_view text, const Read& read) {
  Table<Entry> table;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (base::trim(line).empty() || line.starts_with('#')) continue;
    if (line.starts_with('+') || line.starts_with('-')) {
      table.foreign = true;
      continue;
    }
    Entry entry;
    if (++lines <= kMaxLines && read(base::split(line, ':'), entry)) {
      table.entries.push_back(std::move(entry));
    } else {
      ++table.malformed;
    }
  }
  return table;
}

struct Scheme {
  std::string_view prefix;
  std::string_view name;
};
// crypt(5)
constexpr std::array<Scheme, 12> kSchemes = {{{"$y$", "yescrypt"},
                                              {"$gy$", "gost-yescrypt"},
                                              {"$7$", "scrypt"},
                                              {"$2b$", "bcrypt"},
                                              {"$2a$", "bcrypt"},
                                              {"$2y$", "bcrypt"},
                                              {"$6$", "sha512"},
                                              {"$5$", "sha256"},
                                              {"$sha1", "sha1"},
                                              {"$md5", "sunmd5"},
                                              {"$1$", "md5"},
                                              {"_", "bsdi-des"}}};

bool is_des(std::string_view field) {
  return field.size() == 13 && std::ranges::all_of(field, [](char c) {
           return (c >= '.' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         });
}

}  // namespace

std::string_view password_name(Password password) {
  switch (password) {
    case Password::Unknown:
    case Password::Elsewhere:
      return "unknown";
    case Password::Set:
      return "set";
    case Password::Empty:
      return "empty";
    case Password::Locked:
      return "locked";
    case Password::None:
      return "none";
  }
  return "unknown";
}

std::string_view password_scheme(std::string_view field) {
  while (field.starts_with('!'))
    field.remove_prefix(1);
  for (const Scheme& scheme : kSchemes) {
    if (field.starts_with(scheme.prefix)) return scheme.name;
  }
  return is_des(field) ? "des" : std::string_view();
}

Password read_password(std::string_view field) {
  if (field.empty()) return Password::Empty;
  if (field == "x") return Password::Elsewhere;
  // What crypt(3) never gives back matches nothing: "*", "!", "!*", "*LK*", "!!".
  if (!password_scheme(field).empty())
    return field.starts_with('!') ? Password::Locked : Password::Set;
  return Password::None;
}

Table<Account> read_passwd(std::string_view text) {
  return read_table<Account>(text, [](const Fields& fields, Account& account) {
    if (fields.size() != 7 || fields[0].empty() || !read_number(fields[2], account.uid) ||
        !read_number(fields[3], account.gid))
      return false;
    account.name = fields[0];
    account.password = read_password(fields[1]);
    account.scheme = password_scheme(fields[1]);
    account.comment = fields[4];
    account.home = fields[5];
    account.shell = fields[6];
    return true;
  });
}

Table<Shadow> read_shadow(std::string_view text) {
  return read_table<Shadow>(text, [](const Fields& fields, Shadow& shadow) {
    // Old files end after the password, or after some of the dates.
    if (fields.size() < 2 || fields.size() > 9 || fields[0].empty()) return false;
    const auto days = [&](std::size_t i, std::optional<std::int64_t>& out) {
      return i >= fields.size() || read_days(fields[i], out);
    };
    shadow.name = fields[0];
    shadow.password = read_password(fields[1]);
    shadow.scheme = password_scheme(fields[1]);
    return days(2, shadow.changed) && days(4, shadow.max_days) && days(6, shadow.inactive_days) &&
           days(7, shadow.expires);
  });
}

Table<Group> read_group(std::string_view text) {
  return read_table<Group>(text, [](const Fields& fields, Group& group) {
    if (fields.size() != 4 || fields[0].empty() || !read_number(fields[2], group.gid)) return false;
    group.name = fields[0];
    group.members = read_names(fields[3]);
    return true;
  });
}

Table<GroupShadow> read_gshadow(std::string_view text) {
  return read_table<GroupShadow>(text, [](const Fields& fields, GroupShadow& group) {
    if (fields.size() != 4 || fields[0].empty()) return false;
    group.name = fields[0];
    // Here an empty field means that nobody may join by password.
    group.password = fields[1].empty() ? Password::None : read_password(fields[1]);
    group.administrators = read_names(fields[2]);
    return true;
  });
}

std::vector<std::string> other_services(std::string_view nsswitch, std::string_view database) {
  std::vector<std::string> services;
  for (std::string_view line : base::split(nsswitch, '\n')) {
    line = base::trim(line.substr(0, line.find('#')));
    if (!line.starts_with(database)) continue;
    std::string_view rest = base::trim(line.substr(database.size()));
    if (!rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    bool condition = false;  // [NOTFOUND=return]
    for (std::string_view word : base::split(rest, ' ')) {
      word = base::trim(word);
      if (word.starts_with('[')) condition = true;
      const bool skip = condition || word.empty();
      if (word.ends_with(']')) condition = false;
      if (!skip && word != "files" && word != "compat" && word != "systemd")
        services.emplace_back(word);
    }
  }
  return services;
}

std::size_t count_keys(std::string_view text) {
  std::size_t keys = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::string_view content = base::trim(line);
    if (!content.empty() && !content.starts_with('#')) ++keys;
  }
  return keys;
}

std::string date_of_days(std::int64_t days) {
  constexpr std::int64_t kYear9999 = 2932896;
  if (days < 0 || days > kYear9999) return {};
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace agent::snapshot::users
