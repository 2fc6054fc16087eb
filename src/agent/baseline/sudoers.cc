#include "agent/baseline/sudoers.h"

#include <array>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr int kMaxFiles = 256;

// Splits at commas that are not quoted.
std::vector<std::string> settings_of(std::string_view text) {
  std::vector<std::string> settings(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted) {
      settings.emplace_back();
    } else {
      settings.back() += c;
    }
  }
  return settings;
}

struct Reader {
  const std::function<Result<std::string>(const std::string&)>& read;
  const std::function<Result<std::vector<std::string>>(const std::string&)>& list;
  Sudoers out;
  int files = 0;

  Result<void> file(const std::string& path);
  Result<void> folder(const std::string& path);
  Result<void> line(std::string_view text, const std::string& path, int number);
  void defaults(std::string_view text, const std::string& where);
};

std::string beside(const std::string& path, std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  return path.substr(0, path.find_last_of('/') + 1) + std::string(name);
}

Result<void> Reader::file(const std::string& path) {
  if (++files > kMaxFiles) return base::fail(Code::TooLarge, "sudoers includes", -1, path);
  auto answer = read(path);
  // Only the first may be absent, which means that there is no sudo.
  if (!answer && answer.error().code == Code::NotFound && files > 1)
    answer.error().code = Code::Invalid;
  const std::string text = TRY(std::move(answer));
  std::string pending;
  int first = 0;
  Result<void> result;
  each_line(text, [&](std::string_view content, int number) {
    if (!result) return;
    if (pending.empty()) first = number;
    if (content.ends_with('\\')) {
      pending += content.substr(0, content.size() - 1);
      return;
    }
    pending += content;
    result = line(base::trim(pending), path, first);
    pending.clear();
  });
  return result;
}

Result<void> Reader::folder(const std::string& path) {
  const auto names = list(path);
  if (!names && names.error().code == Code::NotFound) return {};
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    // sudo leaves out editors' backups and packagers' remains the same way.
    if (name.ends_with('~') || name.find('.') != std::string::npos) continue;
    TRY(file(path + "/" + name));
  }
  return {};
}

Result<void> Reader::line(std::string_view text, const std::string& path, int number) {
  static constexpr std::array<std::string_view, 4> kIncludes = {"@includedir", "#includedir",
                                                                "@include", "#include"};
  for (std::size_t i = 0; i < kIncludes.size(); ++i) {
    const std::string_view word = kIncludes[i];
    if (!text.starts_with(word) || text.size() == word.size()) continue;
    if (text[word.size()] != ' ' && text[word.size()] != '\t') continue;
    const auto names = quoted_words_of(text.substr(word.size()));
    if (names.empty()) return {};
    return i < 2 ? folder(beside(path, names.front())) : file(beside(path, names.front()));
  }
  // '#' starts a comment, unless a number follows, which is a user id.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool uid = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (text[i] == '#' && !uid) text = base::trim(text.substr(0, i));
  }
  if (text.empty()) return {};
  const std::string where = path + ":" + std::to_string(number);
  if (text.starts_with("Defaults")) {
    defaults(text.substr(8), where);
  } else if (text.find('=') != std::string_view::npos &&
             text.find("_Alias") == std::string_view::npos) {
    std::string one_line;
    for (const std::string_view word : words_of(text))
      one_line += (one_line.empty() ? "" : " ") + std::string(word);
    out.grants.push_back({.text = std::move(one_line), .where = where});
  }
  return {};
}

void Reader::defaults(std::string_view text, const std::string& where) {
  std::string scope;
  if (!text.empty() && text.front() != ' ' && text.front() != '\t') {
    const std::size_t end = text.find_first_of(" \t");
    scope = text.substr(0, end);
    text.remove_prefix(std::min(end, text.size()));
  }
  for (const std::string& setting : settings_of(text)) {
    std::string_view rest = base::trim(setting);
    Sudoers::Default made{.scope = scope, .name = {}, .value = {}, .where = where};
    while (rest.starts_with('!')) {
      made.negated = !made.negated;
      rest = base::trim(rest.substr(1));
    }
    const std::size_t end = rest.find_first_of("=+- \t");
    made.name = rest.substr(0, end);
    if (end != std::string_view::npos) {
      std::string_view value = base::trim(rest.substr(end));
      while (!value.empty() &&
             (value.front() == '+' || value.front() == '-' || value.front() == '='))
        value.remove_prefix(1);
      value = base::trim(value);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      made.value = value;
    }
    if (!made.name.empty()) out.defaults.push_back(std::move(made));
  }
}

}  // namespace

std::optional<Sudoers::Default> Sudoers::general(std::string_view name) const {
  std::optional<Default> found;
  for (const Default& each : defaults) {
    if (each.scope.empty() && each.name == name) found = each;
  }
  return found;
}

Result<Sudoers> read_sudoers(
    const std::string& path, const std::function<Result<std::string>(const std::string&)>& read,
    const std::function<Result<std::vector<std::string>>(const std::string&)>& list) {
  Reader reader{.read = read, .list = list, .out = {}};
  TRY(reader.file(path));
  return std::move(reader.out);
}

}  // namespace agent::baseline
