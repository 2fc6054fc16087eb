#include "shell/argv_json.h"

#include <string>

#include "base/json.h"

namespace shell {

bool read_argv_json(std::string_view json, std::vector<Word>& words, Arena& arena) {
  // Most arguments have no escapes, and are read where they stand.
  const std::size_t before = words.size();
  std::size_t at = 1;
  bool plain = json.size() >= 2 && json.front() == '[' && json.back() == ']';
  while (plain && at < json.size() - 1) {
    if (json[at] != '"') break;
    const std::size_t end = json.find_first_of("\"\\", at + 1);
    if (end == std::string_view::npos || json[end] == '\\') break;
    words.push_back({.text = json.substr(at + 1, end - at - 1), .quoted = true});
    at = end + 1;
    if (json[at] == ',' && at + 2 < json.size()) ++at;
  }
  if (plain && at == json.size() - 1) return true;
  words.resize(before);
  const auto value = base::json::parse(json);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) return false;
  for (const base::json::Value& one : *array) {
    const std::string* text = one.if_string();
    if (text == nullptr) {
      words.resize(before);
      return false;
    }
    words.push_back({.text = arena.keep(*text), .quoted = true});
  }
  return true;
}

}  // namespace shell
