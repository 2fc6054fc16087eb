#include "agent/baseline/pam.h"

#include <algorithm>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr int kMaxFiles = 64;

// Takes the first word off; a control in brackets is one.
std::string take_word(std::string_view& line) {
  line = base::trim(line);
  std::size_t end = line.find_first_of(" \t");
  if (line.starts_with('[')) {
    end = line.find(']');
    if (end != std::string_view::npos) ++end;
  }
  const std::string word(line.substr(0, end));
  line.remove_prefix(std::min(end, line.size()));
  return word;
}

std::optional<PamEntry> entry_of(std::string_view line, std::string where) {
  PamEntry entry;
  entry.where = std::move(where);
  entry.type = base::to_lower(take_word(line));
  if (entry.type == "@include") {
    entry.module = "@include";
    entry.type.clear();
    entry.arguments.push_back(take_word(line));
    if (entry.arguments.front().empty()) return std::nullopt;
    return entry;
  }
  if (entry.type.starts_with('-')) entry.type.erase(0, 1);
  entry.control = take_word(line);
  std::string module = take_word(line);
  // The name stands for includes below; no module has it.
  if (module.empty() || module.ends_with("@include")) return std::nullopt;
  const std::string control = base::to_lower(entry.control);
  if (control == "include" || control == "substack") {
    entry.module = "@include";
    entry.arguments.push_back(std::move(module));
    return entry;
  }
  entry.module = module.substr(module.find_last_of('/') + 1);
  while (!base::trim(line).empty())
    entry.arguments.push_back(take_word(line));
  return entry;
}

struct Stack {
  const std::function<Result<std::string>(const std::string&)>& read;
  std::vector<PamEntry> entries;
  int files = 0;

  // `type`: only entries of it, as "auth include x" says; empty: all.
  Result<void> add(const std::string& service, const std::string& type) {
    if (++files > kMaxFiles) return base::fail(Code::TooLarge, "pam includes", -1, service);
    const std::string path = service.starts_with('/') ? service : "/etc/pam.d/" + service;
    const auto text = read(path);
    if (!text && text.error().code == Code::NotFound && files > 1) return {};
    if (!text) return std::unexpected(text.error());
    for (PamEntry& entry : read_pam(*text, path)) {
      if (!type.empty() && !entry.type.empty() && entry.type != type) continue;
      if (entry.module == "@include") {
        TRY(add(entry.arguments.front(), entry.type.empty() ? type : entry.type));
      } else {
        entries.push_back(std::move(entry));
      }
    }
    return {};
  }
};

}  // namespace

bool PamEntry::has(std::string_view argument) const {
  return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
}

std::optional<std::string> PamEntry::value(std::string_view name) const {
  std::optional<std::string> found;
  for (const std::string& argument : arguments) {
    if (argument.size() > name.size() && argument.starts_with(name) && argument[name.size()] == '=')
      found = argument.substr(name.size() + 1);
  }
  return found;
}

std::vector<PamEntry> read_pam(std::string_view text, const std::string& path) {
  std::vector<PamEntry> entries;
  std::string pending;  // lines that end in a backslash
  int first = 0;
  each_line(text, [&](std::string_view line, int number) {
    if (pending.empty()) first = number;
    const std::size_t hash = line.find('#');
    line = base::trim(line.substr(0, hash));
    if (line.ends_with('\\')) {
      pending += line.substr(0, line.size() - 1);
      pending += ' ';
      return;
    }
    pending += line;
    if (!base::trim(pending).empty()) {
      if (auto entry = entry_of(pending, path + ":" + std::to_string(first)))
        entries.push_back(std::move(*entry));
    }
    pending.clear();
  });
  return entries;
}

Result<std::vector<PamEntry>> read_pam_stack(
    const std::string& service,
    const std::function<Result<std::string>(const std::string&)>& read) {
  Stack stack{.read = read, .entries = {}};
  TRY(stack.add(service, ""));
  return std::move(stack.entries);
}

}  // namespace agent::baseline
