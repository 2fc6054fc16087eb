#include "dissect/tds/statement.h"

#include <algorithm>
#include <cctype>

namespace dissect::tds {

namespace {

constexpr Statement kVerbs[] = {
    {"SELECT", Access::Read},       {"INSERT", Access::Write},
    {"UPDATE", Access::Write},      {"DELETE", Access::Write},
    {"MERGE", Access::Write},       {"TRUNCATE", Access::Write},
    {"BULK", Access::Write},        {"EXEC", Access::Write},
    {"EXECUTE", Access::Write},     {"CREATE", Access::ConfigWrite},
    {"ALTER", Access::ConfigWrite}, {"DROP", Access::ConfigWrite},
    {"GRANT", Access::ConfigWrite}, {"REVOKE", Access::ConfigWrite},
    {"DENY", Access::ConfigWrite},  {"RECONFIGURE", Access::ConfigWrite},
    {"BACKUP", Access::Read},       {"RESTORE", Access::ConfigWrite},
    {"DBCC", Access::Diagnostics},  {"KILL", Access::Stop},
    {"SHUTDOWN", Access::Stop},     {"USE", Access::Session},
    {"BEGIN", Access::None},        {"COMMIT", Access::None},
    {"ROLLBACK", Access::None},     {"SAVE", Access::None},
    {"PRINT", Access::None},        {"WAITFOR", Access::None},
    {"IF", Access::None},           {"WHILE", Access::None},
    {"WITH", Access::Read},         {"FETCH", Access::Read},
    {"OPEN", Access::Read},         {"CLOSE", Access::None},
    {"DEALLOCATE", Access::None},   {"DECLARE", Access::None},
    {"SET", Access::None},
};

bool letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool same(std::string_view word, std::string_view verb) {
  return std::ranges::equal(
      word, verb, [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

// Without blanks, comments, semicolons and opening parentheses at the beginning.
std::string_view without_blanks(std::string_view sql) {
  while (!sql.empty()) {
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      const std::size_t end = sql.find("*/");
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    } else if (std::isspace(static_cast<unsigned char>(sql[0])) != 0 || sql[0] == ';' ||
               sql[0] == '(') {
      sql.remove_prefix(1);
    } else {
      break;
    }
  }
  return sql;
}

}  // namespace

Statement first_statement(std::string_view sql) {
  constexpr int kMaxSettings = 32;
  Statement found;
  for (int i = 0; i < kMaxSettings; ++i) {
    sql = without_blanks(sql);
    const auto* const end = std::ranges::find_if_not(sql, letter);
    const std::string_view word = sql.substr(0, static_cast<std::size_t>(end - sql.begin()));
    const auto* const verb =
        std::ranges::find_if(kVerbs, [word](const Statement& one) { return same(word, one.verb); });
    if (verb == std::end(kVerbs)) return found;
    found = *verb;
    // Settings and declarations come before what is meant, each on a line of its own or with a
    // semicolon.
    if (found.verb != "SET" && found.verb != "DECLARE") return found;
    const std::size_t next = sql.find_first_of(";\n");
    if (next == std::string_view::npos) return found;
    sql.remove_prefix(next + 1);
  }
  return found;
}

}  // namespace dissect::tds
