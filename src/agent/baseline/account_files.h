#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The account databases. Lines that are comments, NIS entries ("+...") or too short are left out.
// Threads: pure. Source: passwd(5), shadow(5), group(5).
namespace agent::baseline {

struct Account {
  std::string name;
  std::string password;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
  std::string shell;
};
std::vector<Account> read_passwd(std::string_view text);

struct ShadowEntry {
  std::string name;
  std::string hash;
  std::optional<long long> changed;  // days since 1970
  std::optional<long long> max_days;
};
std::vector<ShadowEntry> read_shadow(std::string_view text);

struct Group {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};
std::vector<Group> read_group(std::string_view text);

// Can one log in with some password? "!", "*", "x" and what no crypt(3) makes cannot; empty can.
bool usable_hash(std::string_view hash);
// nologin, false, and the like; an empty shell is /bin/sh.
bool refuses_login(std::string_view shell);

}  // namespace agent::baseline
