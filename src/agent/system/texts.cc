#include "agent/system/texts.h"

#include <algorithm>

#include "base/text.h"

namespace agent::system {

namespace {

constexpr std::size_t kMaxAssignments = 128;

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

// A word of the shell: quotes taken off, backslashes obeyed.
std::string unquote(std::string_view text) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      out += text[++i];
    } else {
      out += c;
    }
  }
  return out;
}

// Mount points are written with \040 for a blank.
std::string decode_octal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      const int value =
          ((text[i + 1] - '0') << 6) + ((text[i + 2] - '0') << 3) + (text[i + 3] - '0');
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const std::string_view word : base::split(line, ' ')) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

std::optional<Mount> read_mount(std::string_view line) {
  const auto fields = words(line);
  const auto dash = std::ranges::find(fields, "-");
  // Six fields, optional ones, a dash, type and source.
  if (dash - fields.begin() < 6 || fields.end() - dash < 3) return std::nullopt;
  return Mount{std::string(fields[2]), decode_octal(fields[4]), std::string(*(dash + 1)),
               decode_octal(*(dash + 2))};
}

}  // namespace

Assignments read_assignments(std::string_view text) {
  Assignments out;
  for (const std::string_view raw : base::split(text, '\n')) {
    const std::string_view line = base::trim(raw);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !is_name(line.substr(0, equals))) continue;
    const std::string_view name = line.substr(0, equals);
    std::erase_if(out, [&](const auto& earlier) { return earlier.first == name; });
    if (out.size() == kMaxAssignments) break;
    out.emplace_back(name, unquote(line.substr(equals + 1)));
  }
  return out;
}

std::string_view value_of(const Assignments& assignments, std::string_view name) {
  const auto found = std::ranges::find(assignments, name, &Assignments::value_type::first);
  return found == assignments.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<Memory> read_memory(std::string_view meminfo) {
  Memory memory;
  bool any = false;
  for (const std::string_view line : base::split(meminfo, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view figure = base::trim(line.substr(colon + 1));
    if (figure.ends_with(" kB")) figure.remove_suffix(3);
    const auto value = base::parse_int(figure);
    if (!value || *value < 0) continue;
    const std::string_view name = line.substr(0, colon);
    if (name == "MemTotal") {
      memory.total = *value;
      any = true;
    } else if (name == "MemFree") {
      memory.free = *value;
    } else if (name == "MemAvailable") {
      memory.available = *value;
    } else if (name == "SwapTotal") {
      memory.swap_total = *value;
    } else if (name == "SwapFree") {
      memory.swap_free = *value;
    }
  }
  if (!any) return std::nullopt;
  return memory;
}

Memory memory_of(std::uint64_t total, std::uint64_t free, std::uint64_t swap_total,
                 std::uint64_t swap_free, std::uint64_t unit) {
  const auto kib = [unit](std::uint64_t count) {
    // Multiplied before it is divided, in a width that holds both.
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::int64_t>(Wide(count) * unit / 1024);
  };
  return {kib(total), kib(free), 0, kib(swap_total), kib(swap_free)};
}

std::optional<Mount> find_mount(std::string_view mountinfo, std::string_view point) {
  std::optional<Mount> found;
  for (const std::string_view line : base::split(mountinfo, '\n')) {
    auto mount = read_mount(line);
    if (mount && mount->point == point) found = std::move(mount);
  }
  return found;
}

std::optional<std::string> kernel_argument(std::string_view command_line, std::string_view name) {
  std::optional<std::string> found;
  std::string_view rest = base::trim(command_line);
  while (!rest.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest.size() && (quoted || (rest[end] != ' ' && rest[end] != '\n')); ++end) {
      if (rest[end] == '"') quoted = !quoted;
    }
    const std::string word = unquote(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      found = word.substr(name.size() + 1);
  }
  return found;
}

std::string_view cpu_field(std::string_view cpuinfo, std::string_view key) {
  for (const std::string_view line : base::split(cpuinfo, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && base::trim(line.substr(0, colon)) == key)
      return base::trim(line.substr(colon + 1));
  }
  return {};
}

std::string_view zone_of_link(std::string_view target) {
  constexpr std::string_view kFolder = "/zoneinfo/";
  const std::size_t at = target.rfind(kFolder);
  if (at == std::string_view::npos) return {};
  std::string_view zone = target.substr(at + kFolder.size());
  for (const std::string_view variant : {"posix/", "right/"}) {
    if (zone.starts_with(variant)) zone.remove_prefix(variant.size());
  }
  return zone;
}

}  // namespace agent::system
