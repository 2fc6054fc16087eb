#include "os/config.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "os/file.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace os {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxFileBytes = 1U << 20U;
constexpr std::size_t kMaxShownValue = 60;
constexpr std::string_view kEnvironmentPrefix = "VEDETTE_";

// Text from the environment or a flag, whose type is what the reader asks for.
struct Untyped {
  std::string text;
};
using Texts = std::vector<std::string>;
// What TOML has and no key of ours takes: dates, nested or mixed arrays.
struct Other {
  std::string_view kind;
};
using Content = std::variant<std::string, std::int64_t, double, bool, Texts, Untyped, Other>;

struct Entry {
  Content content;
  std::string origin;
  std::string folder;  // of the file that set it, for relative paths
};

std::string shown(std::string_view text) {
  if (text.size() <= kMaxShownValue) return base::json::quoted(text);
  return base::json::quoted(text.substr(0, kMaxShownValue)) + "...";
}

std::string describe(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return "text " + shown(*text);
  if (const auto* number = std::get_if<std::int64_t>(&content))
    return fmt::format("the integer {}", *number);
  if (const auto* number = std::get_if<double>(&content))
    return fmt::format("the number {}", *number);
  if (const auto* flag = std::get_if<bool>(&content)) return *flag ? "true" : "false";
  if (const auto* texts = std::get_if<Texts>(&content))
    return fmt::format("an array of {}", texts->size());
  if (const auto* untyped = std::get_if<Untyped>(&content)) return shown(untyped->text);
  return std::string(std::get<Other>(content).kind);
}

std::string to_json(const Content& content) {
  std::string out;
  base::json::Writer writer(out);
  if (const auto* text = std::get_if<std::string>(&content)) {
    writer.value(*text);
  } else if (const auto* number = std::get_if<std::int64_t>(&content)) {
    writer.value(*number);
  } else if (const auto* real = std::get_if<double>(&content)) {
    writer.value(*real);
  } else if (const auto* flag = std::get_if<bool>(&content)) {
    writer.value(*flag);
  } else if (const auto* texts = std::get_if<Texts>(&content)) {
    writer.begin_array();
    for (const std::string& each : *texts)
      writer.value(each);
    writer.end_array();
  } else if (const auto* untyped = std::get_if<Untyped>(&content)) {
    writer.value(untyped->text);
  } else {
    writer.value(std::get<Other>(content).kind);
  }
  return out;
}

// A file's name is none, though the file holds one.
bool is_secret(std::string_view key) {
  const std::string name = base::to_lower(key.substr(key.rfind('.') + 1));
  if (name.ends_with("_file")) return false;
  for (const std::string_view word : {"secret", "password", "token", "signing"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

Content array_content(const toml::array& array) {
  Texts texts;
  for (const toml::node& element : array) {
    const auto text = element.value_exact<std::string>();
    if (!text) return Other{"an array of something other than text"};
    texts.push_back(*text);
  }
  return texts;
}

Content node_content(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  if (const toml::array* array = node.as_array()) return array_content(*array);
  return Other{"a date or time"};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return path.substr(0, slash + 1);
}

struct Unit {
  std::string_view name;
  double factor;
};

// A number directly or with spaces followed by one of the units.
std::optional<double> with_unit(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view name =
      base::trim(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const Unit& unit : units) {
    if (name == unit.name) return number * unit.factor;
  }
  return std::nullopt;
}

constexpr Unit kByteUnits[] = {{"", 1},
                               {"B", 1},
                               {"KiB", 1024.0},
                               {"MiB", 1048576.0},
                               {"GiB", 1073741824.0},
                               {"kB", 1000.0},
                               {"MB", 1000000.0},
                               {"GB", 1000000000.0}};
constexpr Unit kTimeUnits[] = {{"us", 1e3}, {"ms", 1e6},   {"s", 1e9},
                               {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};

std::optional<std::chrono::nanoseconds> to_duration(std::string_view text) {
  if (text.starts_with('P')) {
    const auto parsed = base::parse_duration(text);
    if (!parsed) return std::nullopt;
    return *parsed;
  }
  const auto count = with_unit(text, kTimeUnits);
  if (!count || *count > 9e18) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(*count));
}

}  // namespace

struct Config::State {
  std::map<std::string, Entry, std::less<>> entries;
  // Key asked for, in order of asking; the names that a misspelt key is compared with.
  std::set<std::string, std::less<>> known;
  std::vector<std::string> problems;

  const Entry* read(std::string_view key) {
    known.emplace(key);
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
  }

  void reject(const Entry& entry, std::string_view key, std::string_view expected,
              std::string_view found) {
    problems.push_back(
        fmt::format("{}: {}: expected {}, found {}", entry.origin, key, expected, found));
  }

  void add_table(const toml::table& table, const std::string& prefix, const std::string& file) {
    for (const auto& [name, node] : table) {
      const std::string key =
          prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
      if (const toml::table* inner = node.as_table()) {
        add_table(*inner, key, file);
        continue;
      }
      const toml::source_position at = name.source().begin;
      entries[key] = {node_content(node), fmt::format("{}:{}:{}", file, at.line, at.column),
                      folder_of(file)};
    }
  }

  Result<void> add_file(const std::string& file) {
    const std::string text = TRY(read_file(file, kMaxFileBytes));
    const toml::parse_result parsed = toml::parse(text, file);
    if (!parsed) {
      const toml::source_position at = parsed.error().source().begin;
      return fail(
          Code::Malformed, "configuration", -1,
          fmt::format("{}:{}:{}: {}", file, at.line, at.column, parsed.error().description()));
    }
    add_table(parsed.table(), {}, file);
    return {};
  }

  Result<void> add_folder(const std::string& folder) {
    const auto names = list_dir(folder);
    if (!names && names.error().code == Code::NotFound) return {};
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (!name.ends_with(".toml") || name.starts_with('.')) continue;
      TRY(add_file(fmt::format("{}/{}", folder, name)));
    }
    return {};
  }

  void add_variable(std::string_view variable) {
    const std::size_t equals = variable.find('=');
    if (!variable.starts_with(kEnvironmentPrefix) || equals == std::string_view::npos) return;
    const std::string_view name = variable.substr(0, equals);
    std::string key = base::to_lower(name.substr(kEnvironmentPrefix.size()));
    if (key.find("__") == std::string::npos) return;
    for (std::size_t at = key.find("__"); at != std::string::npos; at = key.find("__", at))
      key.replace(at, 2, ".");
    entries[key] = {Untyped{std::string(variable.substr(equals + 1))}, std::string(name), {}};
  }
};

Config::Config(std::unique_ptr<State> state) : state_(std::move(state)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

std::vector<std::string> Config::process_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with(kEnvironmentPrefix))
      variables.emplace_back(*variable);
  }
  return variables;
}

Result<Config> Config::load(const Sources& sources) {
  auto state = std::make_unique<State>();
  if (!sources.file.empty()) {
    const auto added = state->add_file(sources.file);
    const bool absent = !added && added.error().code == Code::NotFound;
    if (absent && sources.file_required) {
      return fail(Code::NotFound, "configuration", -1, sources.file + ": no such file");
    }
    if (!added && !absent) return std::unexpected(added.error());
  }
  if (!sources.folder.empty()) TRY(state->add_folder(sources.folder));
  for (const std::string& variable : sources.environment)
    state->add_variable(variable);
  for (const auto& [key, value] : sources.flags) {
    state->entries[key] = {Untyped{value}, "--" + key, {}};
  }
  return Config(std::move(state));
}

std::string Config::text(std::string_view key, std::string_view otherwise) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return std::string(otherwise);
  if (const auto* text = std::get_if<std::string>(&entry->content)) return *text;
  if (const auto* untyped = std::get_if<Untyped>(&entry->content)) return untyped->text;
  state_->reject(*entry, key, "text", describe(entry->content));
  return std::string(otherwise);
}

std::string Config::choice(std::string_view key, std::string_view otherwise,
                           std::span<const std::string_view> allowed) {
  const std::size_t problems = state_->problems.size();
  std::string value = text(key, otherwise);
  if (state_->problems.size() != problems || std::ranges::find(allowed, value) != allowed.end())
    return value;
  std::string expected = fmt::format("one of {}", fmt::join(allowed, ", "));
  if (const auto close = base::nearest(value, allowed))
    expected += fmt::format(" (did you mean {}?)", *close);
  reject(key, expected, shown(value));
  return std::string(otherwise);
}

std::string Config::path(std::string_view key, std::string_view otherwise) {
  std::string value = text(key, otherwise);
  const Entry* entry = state_->read(key);
  if (entry == nullptr || value.empty() || value.front() == '/') return value;
  return entry->folder + value;
}

std::vector<std::string> Config::texts(std::string_view key,
                                       const std::vector<std::string>& otherwise) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  if (const auto* texts = std::get_if<Texts>(&entry->content)) return *texts;
  if (const auto* untyped = std::get_if<Untyped>(&entry->content)) {
    Texts parts;
    for (const std::string_view part : base::split(untyped->text, ',')) {
      if (!base::trim(part).empty()) parts.emplace_back(base::trim(part));
    }
    return parts;
  }
  state_->reject(*entry, key, "an array of text", describe(entry->content));
  return otherwise;
}

bool Config::boolean(std::string_view key, bool otherwise) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  if (const auto* flag = std::get_if<bool>(&entry->content)) return *flag;
  if (const auto* untyped = std::get_if<Untyped>(&entry->content)) {
    const std::string text = base::to_lower(untyped->text);
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
  }
  state_->reject(*entry, key, "true or false", describe(entry->content));
  return otherwise;
}

std::int64_t Config::integer(std::string_view key, std::int64_t otherwise, std::int64_t min,
                             std::int64_t max) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  std::optional<std::int64_t> value;
  if (const auto* number = std::get_if<std::int64_t>(&entry->content)) value = *number;
  if (const auto* untyped = std::get_if<Untyped>(&entry->content))
    value = base::parse_int(untyped->text);
  if (value && *value >= min && *value <= max) return *value;
  state_->reject(*entry, key,
                 value ? fmt::format("an integer from {} to {}", min, max) : "an integer",
                 describe(entry->content));
  return otherwise;
}

double Config::real(std::string_view key, double otherwise, double min, double max) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  std::optional<double> value;
  if (const auto* number = std::get_if<double>(&entry->content)) value = *number;
  if (const auto* number = std::get_if<std::int64_t>(&entry->content))
    value = static_cast<double>(*number);
  if (const auto* untyped = std::get_if<Untyped>(&entry->content)) {
    constexpr Unit kPlain[] = {{"", 1}};
    value = with_unit(untyped->text, kPlain);
  }
  if (value && *value >= min && *value <= max) return *value;
  state_->reject(*entry, key, fmt::format("a number from {} to {}", min, max),
                 describe(entry->content));
  return otherwise;
}

std::size_t Config::bytes(std::string_view key, std::size_t otherwise, std::size_t min,
                          std::size_t max) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  std::optional<double> value;
  if (const auto* number = std::get_if<std::int64_t>(&entry->content))
    value = static_cast<double>(*number);
  if (const auto* text = std::get_if<std::string>(&entry->content))
    value = with_unit(*text, kByteUnits);
  if (const auto* untyped = std::get_if<Untyped>(&entry->content))
    value = with_unit(untyped->text, kByteUnits);
  if (value && *value >= static_cast<double>(min) && *value <= static_cast<double>(max)) {
    return static_cast<std::size_t>(*value);
  }
  state_->reject(*entry, key,
                 fmt::format("bytes from {} to {}, such as 65536 or \"8 MiB\"", min, max),
                 describe(entry->content));
  return otherwise;
}

std::chrono::nanoseconds Config::duration(std::string_view key, std::chrono::nanoseconds otherwise,
                                          std::chrono::nanoseconds min,
                                          std::chrono::nanoseconds max) {
  const Entry* entry = state_->read(key);
  if (entry == nullptr) return otherwise;
  std::optional<std::chrono::nanoseconds> value;
  if (const auto* text = std::get_if<std::string>(&entry->content)) value = to_duration(*text);
  if (const auto* untyped = std::get_if<Untyped>(&entry->content))
    value = to_duration(untyped->text);
  if (value && *value >= min && *value <= max) return *value;
  state_->reject(
      *entry, key,
      fmt::format("a duration with its unit, such as \"250ms\", \"30s\" or \"PT7M\", from {} to {}",
                  base::format_duration(min), base::format_duration(max)),
      describe(entry->content));
  return otherwise;
}

std::vector<std::string> Config::names(std::string_view prefix) const {
  std::set<std::string> found;
  const std::string start = std::string(prefix) + ".";
  for (auto at = state_->entries.lower_bound(start);
       at != state_->entries.end() && at->first.starts_with(start); ++at) {
    const std::size_t dot = at->first.find('.', start.size());
    if (dot != std::string::npos) found.insert(at->first.substr(start.size(), dot - start.size()));
  }
  return {found.begin(), found.end()};
}

bool Config::has(std::string_view key) {
  return state_->read(key) != nullptr;
}

std::string Config::origin(std::string_view key) const {
  const auto found = state_->entries.find(key);
  return found == state_->entries.end() ? std::string() : found->second.origin;
}

std::vector<std::pair<std::string, std::string>> Config::settings() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, entry] : state_->entries)
    all.emplace_back(key, is_secret(key) ? base::json::quoted("(secret)") : to_json(entry.content));
  return all;
}

void Config::reject(std::string_view key, std::string_view expected, std::string_view found) {
  const Entry* entry = state_->read(key);
  if (entry != nullptr) {
    state_->reject(*entry, key, expected, found);
  } else {
    state_->problems.push_back(fmt::format("{}: expected {}, found {}", key, expected, found));
  }
}

Result<void> Config::finish() {
  std::vector<std::string> problems = state_->problems;
  const std::vector<std::string_view> known(state_->known.begin(), state_->known.end());
  for (const auto& [key, entry] : state_->entries) {
    if (state_->known.contains(key)) continue;
    std::string line = fmt::format("{}: unknown key '{}'", entry.origin, key);
    if (const auto close = base::nearest(key, known))
      line += fmt::format("; did you mean '{}'?", *close);
    problems.push_back(std::move(line));
  }
  if (problems.empty()) return {};
  return fail(Code::Invalid, "configuration", -1, fmt::format("{}", fmt::join(problems, "\n")));
}

}  // namespace os
