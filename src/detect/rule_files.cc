#include "detect/rule_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "base/text.h"
#include "os/file.h"
#include "sigma/placeholders.h"

namespace detect {
namespace {

constexpr std::array<std::string_view, 2> kProfiles = {"classic", "micro_agent"};
constexpr std::array<std::string_view, 3> kKinds = {"rule", "correlation", "detector"};
constexpr std::array<std::string_view, 3> kOrigins = {"builtin", "folder", "own"};

Severity severity_of(sigma::Level level) {
  switch (level) {
    case sigma::Level::Informational:
      return Severity::Informational;
    case sigma::Level::Low:
      return Severity::Low;
    case sigma::Level::Medium:
      return Severity::Medium;
    case sigma::Level::High:
    case sigma::Level::Critical:
      return Severity::High;
  }
  return Severity::Medium;
}

// Of a rule or a correlation, by itself.
template <class Kind>
RuleInfo info_of(const Kind& rule) {
  return {.id = rule.id,
          .title = rule.title,
          .description = rule.description,
          .author = rule.author,
          .license = rule.license,
          .url = rule.references.empty() ? "" : rule.references.front(),
          .severity = severity_of(rule.level),
          .remediation = rule.vedette.remediation,
          .tactics = rule.tactics(),
          .techniques = rule.techniques(),
          .aliases = rule.vedette.aliases,
          .false_positives = rule.false_positives};
}

// As the profile has it. The title that it replaces stays a name of the same.
void apply_profile(const sigma::Extension& extension, Profile profile, RuleInfo& info) {
  const auto found = extension.profiles.find(std::string(to_string(profile)));
  if (found == extension.profiles.end()) return;
  const auto& [severity, title] = found->second;
  if (severity) info.severity = severity_of(*severity);
  if (title.empty() || title == info.title) return;
  std::erase(info.aliases, title);
  info.aliases.insert(info.aliases.begin(), info.title);
  info.title = title;
}

void apply_setting(const RuleSettings& settings, ListedRule& rule) {
  rule.own_severity = rule.info.severity;
  const auto setting = settings.rules.find(rule.info.id);
  if (setting == settings.rules.end()) return;
  rule.enabled = setting->second.enabled;
  rule.info.severity = setting->second.severity.value_or(rule.own_severity);
}

template <class Kind>
ListedRule listed(const Kind& rule, const sigma::Library& library, const StreamOptions& options) {
  ListedRule out;
  out.info = info_of(rule);
  apply_profile(rule.vedette, options.settings.profile, out.info);
  apply_setting(options.settings, out);
  if (const auto file = library.files.find(rule.id); file != library.files.end())
    out.file = file->second;
  out.line = rule.line;
  out.name = rule.name;
  out.status = rule.status;
  out.references = rule.references;
  out.tags = rule.tags;
  out.part = library.silent.contains(rule.id);
  return out;
}

bool is_yaml(std::string_view name) {
  return name.ends_with(".yml") || name.ends_with(".yaml");
}

sigma::FileProblem unreadable(const std::string& path, const base::Error& error) {
  return {path, {0, 0, "cannot be read: " + error.to_string()}};
}

std::string list_name(std::string_view file) {
  return std::string(file.substr(0, file.size() - 4));  // .txt
}

// Lists for `expand`: admins.txt holds the list admins, a file of YAML any number.
base::Result<sigma::Placeholders> read_lists(const std::string& folder,
                                             std::vector<sigma::FileProblem>& problems) {
  sigma::Placeholders placeholders;
  if (!os::file_exists(folder)) return placeholders;
  for (const std::string& name : TRY(os::list_dir(folder))) {
    const bool list = name.ends_with(".txt");
    if (!list && !is_yaml(name)) continue;
    const std::string path = folder + "/" + name;
    auto text = os::read_file(path, sigma::kMaxRuleBytes);
    if (!text) {
      problems.push_back(unreadable(path, text.error()));
    } else if (list) {
      placeholders[list_name(name)] = sigma::read_list(*text);
    } else if (auto read = sigma::read_lists(*text, placeholders); !read) {
      problems.push_back({path, std::move(read).error()});
    }
  }
  return placeholders;
}

// The built-in lists, each with what the folder's list of the same name adds.
sigma::Placeholders with_builtin(sigma::Placeholders own) {
  sigma::Placeholders all;
  for (const BuiltinList& list : builtin_lists())
    all[list_name(list.file)] = sigma::read_list(list.text);
  for (auto& [name, values] : own)
    std::ranges::move(values, std::back_inserter(all[name]));
  return all;
}

base::Result<void> add_folder(const std::string& folder, sigma::LibraryBuilder& builder) {
  for (const std::string& name : TRY(os::list_dir(folder))) {
    if (!is_yaml(name)) continue;
    const std::string path = folder + "/" + name;
    auto text = os::read_file(path, sigma::kMaxRuleBytes);
    if (text) {
      builder.add(path, *text);
    } else {
      builder.add_problem(unreadable(path, text.error()));
    }
  }
  return {};
}

RuleOrigin origin_of(const std::string& file, const StreamOptions& options) {
  const auto named = [&file](const RuleText& text) { return text.name == file; };
  if (std::ranges::any_of(options.settings.texts, named)) return RuleOrigin::Own;
  return !options.folder.empty() && file.starts_with(options.folder + "/") ? RuleOrigin::Folder
                                                                           : RuleOrigin::Builtin;
}

}  // namespace

std::string_view to_string(Profile profile) {
  return kProfiles[static_cast<std::size_t>(profile)];
}

std::optional<Profile> parse_profile(std::string_view text) {
  const auto found = std::ranges::find(kProfiles, text);
  if (found == kProfiles.end()) return std::nullopt;
  return static_cast<Profile>(found - kProfiles.begin());
}

std::string_view to_string(RuleKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::string_view to_string(RuleOrigin origin) {
  return kOrigins[static_cast<std::size_t>(origin)];
}

base::Result<sigma::Library> read_library(const StreamOptions& options) {
  const bool own = !options.folder.empty() && os::file_exists(options.folder);
  std::vector<sigma::FileProblem> problems;
  sigma::Placeholders placeholders;
  if (own) placeholders = TRY(read_lists(options.folder + "/lists", problems));
  sigma::LibraryBuilder builder(with_builtin(std::move(placeholders)));
  for (sigma::FileProblem& problem : problems)
    builder.add_problem(std::move(problem));
  if (options.builtin) {
    for (const BuiltinRule& rule : builtin_rules())
      builder.add(std::string(rule.file), rule.text);
  }
  if (own && options.folder_rules) TRY(add_folder(options.folder, builder));
  for (const RuleText& text : options.settings.texts)
    builder.add(text.name, text.text);
  return std::move(builder).build();
}

std::string look_of(const std::string& folder) {
  std::string look;
  for (const std::string& place : {folder, folder + "/lists"}) {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(place, error)) {
      std::error_code gone;
      const auto size = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
      const auto time = entry.last_write_time(gone).time_since_epoch().count();
      files.push_back(entry.path().string() + " " + std::to_string(size) + " " +
                      std::to_string(time));
    }
    std::ranges::sort(files);
    for (const std::string& file : files)
      look += file + "\n";
  }
  return look;
}

std::shared_ptr<const Shown> show(const sigma::Library& library, const StreamOptions& options) {
  auto shown = std::make_shared<Shown>();
  const auto add = [&](ListedRule rule) {
    rule.origin = origin_of(rule.file, options);
    shown->by_id.emplace(rule.info.id, shown->rules.size());
    shown->rules.push_back(std::move(rule));
  };
  for (const sigma::Rule* rule : library.rules.rules()) {
    ListedRule one = listed(*rule, library, options);
    one.product = rule->log_source.product;
    one.category = rule->log_source.category;
    one.service = rule->log_source.service;
    add(std::move(one));
  }
  for (const sigma::Correlation* correlation : library.correlator.correlations()) {
    ListedRule one = listed(*correlation, library, options);
    one.kind = RuleKind::Correlation;
    for (const sigma::Mention& mention : correlation->rules)
      one.builds_on.push_back(mention.text);
    add(std::move(one));
  }
  for (const RuleInfo& info : options.detectors) {
    ListedRule one;
    one.info = info;
    one.kind = RuleKind::Detector;
    apply_setting(options.settings, one);
    shown->by_id.emplace(one.info.id, shown->rules.size());
    shown->rules.push_back(std::move(one));
  }
  for (const auto& [file, filter] : library.filters) {
    ListedFilter one{
        filter.id, filter.title, filter.description, origin_of(file, options), file, filter.line,
        {}};
    for (const sigma::Mention& mention : filter.rules) {
      const sigma::Rule* rule = library.rules.find(mention.text);
      one.rules.push_back(rule == nullptr ? mention.text : rule->id);
    }
    shown->filters.push_back(std::move(one));
  }
  for (const sigma::FileProblem& one : library.problems) {
    const sigma::Problem& problem = one.problem;
    shown->problems.push_back({one.file, problem.line, problem.column, problem.message,
                               one.no_events, one.id, one.title});
  }
  return shown;
}

void silence(sigma::Library& library, const RuleSettings& settings) {
  for (const auto& [id, setting] : settings.rules) {
    if (!setting.enabled) library.silent.insert(id);
  }
}

std::string document_at(std::string_view text, int line) {
  std::string_view found;
  std::string_view document;  // so far
  int number = 1;
  bool inside = line <= 1;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view row = text.substr(at, end - at);
    const bool mark =
        row.starts_with("---") && (row.size() == 3 || row.find_first_of(" \t\r\n") == 3);
    if (mark) {
      if (inside) break;
      begin = end;
    }
    document = mark ? std::string_view() : text.substr(begin, end - begin);
    if (number == line) inside = true;
    if (inside) found = document;
    at = end;
  }
  return std::string(base::trim(found)) + (found.empty() ? "" : "\n");
}

base::Result<std::string> read_rule_file(const StreamOptions& options, std::string_view file) {
  for (const RuleText& text : options.settings.texts) {
    if (text.name == file) return text.text;
  }
  // Only what lies in the folder: names come from what was read there.
  if (!options.folder.empty() && file.starts_with(options.folder + "/"))
    return os::read_file(std::string(file), sigma::kMaxRuleBytes);
  for (const BuiltinRule& rule : builtin_rules()) {
    if (rule.file == file) return std::string(rule.text);
  }
  return base::fail(base::Code::NotFound, "rule file", -1, std::string(file));
}

}  // namespace detect
