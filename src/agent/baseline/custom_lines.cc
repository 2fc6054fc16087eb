// Commands of the original format that look for lines.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/custom_verbs.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/pattern.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

struct Expressions {
  std::optional<Pattern> filter;
  std::vector<Pattern> regexes;  // several for LineRule::All

  bool selects(std::string_view line) const { return !filter || filter->found_in(line); }
};

Result<Expressions> compile(const CustomCheck& check, LineRule rule) {
  Expressions expressions;
  if (!check.get("filter").empty()) expressions.filter = TRY(Pattern::compile(check.get("filter")));
  if (rule == LineRule::All) {
    for (const std::string& part : alternatives_of(check.get("regex")))
      expressions.regexes.push_back(TRY(Pattern::compile(part)));
  } else {
    expressions.regexes.push_back(TRY(Pattern::compile(check.get("regex"))));
  }
  return expressions;
}

Result<std::vector<std::string>> file_lines(Facts& facts, const std::string& path) {
  return lines_of(TRY(facts.host().read(path)));
}

// What the absence of the file means to a command.
enum class Absent : std::uint8_t { Fails, IsUnknown, Passes };

Result<Outcome> in_file(Facts& facts, const CustomCheck& check, LineRule rule, Absent absent) {
  const std::string path(check.get("path"));
  if (path.empty() || !check.has("regex")) return unknown("needs a path and a regex");
  const auto lines = file_lines(facts, path);
  if (!lines && lines.error().code == Code::NotFound) {
    const std::string evidence = path + " does not exist";
    if (absent == Absent::Passes) return pass(evidence);
    return absent == Absent::Fails ? failed(evidence) : unknown(evidence);
  }
  if (!lines) return std::unexpected(lines.error());
  return judge_lines(*lines, check, rule, path);
}

// A filter without more than a verb's name says little. In the published files it selects the lines
// that must all match (mounts that must have an option); with accounts it names those that are
// exempt.
LineRule none_rule(const CustomCheck& check, CustomCheck& without_filter) {
  if (check.get("filter").empty()) return LineRule::None;
  const std::string_view path = check.get("path");
  const bool accounts = path == "/etc/passwd" || path == "/etc/shadow" || path == "/etc/group";
  if (!accounts) return LineRule::NoneLacks;
  std::erase_if(without_filter.attributes, [](const auto& a) { return a.first == "filter"; });
  return LineRule::None;
}

Result<Outcome> no_matching(Facts& facts, const CustomCheck& check, Absent absent) {
  CustomCheck plain = check;
  const LineRule rule = none_rule(check, plain);
  if (rule == LineRule::NoneLacks || check.get("filter").empty())
    return in_file(facts, check, rule, absent);
  // The lines that the filter names are taken out first.
  const std::string path(check.get("path"));
  auto lines = TRY(file_lines(facts, path));
  const Pattern exempt = TRY(Pattern::compile(check.get("filter")));
  std::erase_if(lines, [&](const std::string& line) { return exempt.found_in(line); });
  return judge_lines(lines, plain, LineRule::None, path);
}

Result<Outcome> matching_lines(Facts& facts, const CustomCheck& check) {
  return in_file(facts, check, LineRule::Any, Absent::Fails);
}
Result<Outcome> matching_lines_if_exists(Facts& facts, const CustomCheck& check) {
  return in_file(facts, check, LineRule::Any, Absent::Passes);
}
Result<Outcome> matching_lines_all(Facts& facts, const CustomCheck& check) {
  return in_file(facts, check, LineRule::All, Absent::Fails);
}
Result<Outcome> matching_lines_all_if_exists(Facts& facts, const CustomCheck& check) {
  return in_file(facts, check, LineRule::All, Absent::Passes);
}
Result<Outcome> no_matching_lines(Facts& facts, const CustomCheck& check) {
  return no_matching(facts, check, Absent::IsUnknown);
}
Result<Outcome> no_matching_lines_if_exists(Facts& facts, const CustomCheck& check) {
  const bool there = TRY(exists(facts.host(), std::string(check.get("path"))));
  if (!there) return pass(fmt::format("{} does not exist", check.get("path")));
  return no_matching(facts, check, Absent::Passes);
}

// Any of the files has a line: those of a folder, or those between bars.
Result<Outcome> in_any(Facts& facts, const CustomCheck& check,
                       const std::vector<std::string>& files, std::string_view where) {
  std::vector<std::string> all;
  for (const std::string& file : files) {
    auto lines = file_lines(facts, file);
    if (!lines && (lines.error().code == Code::NotFound || lines.error().code == Code::Unsupported))
      continue;
    if (!lines) return std::unexpected(lines.error());
    std::move(lines->begin(), lines->end(), std::back_inserter(all));
  }
  return judge_lines(all, check, LineRule::Any, where);
}

Result<Outcome> matching_lines_in_dir(Facts& facts, const CustomCheck& check) {
  std::string folder(check.get("path"));
  while (folder.size() > 1 && folder.ends_with('/'))
    folder.pop_back();
  std::vector<std::string> files;
  for (const std::string& name : TRY(list_optional(facts.host(), folder)))
    files.push_back(folder + "/" + name);
  return in_any(facts, check, files, folder);
}

Result<Outcome> matching_lines_in_files(Facts& facts, const CustomCheck& check) {
  std::vector<std::string> files;
  for (const std::string_view file : base::split(check.get("path"), '|'))
    files.emplace_back(base::trim(file));
  return in_any(facts, check, files, check.get("path"));
}

Result<Outcome> matching_lines_in_audit_rules(Facts& facts, const CustomCheck& check) {
  auto files = TRY(expand(facts.host(), "/etc/audit/rules.d/*.rules"));
  files.emplace_back("/etc/audit/audit.rules");
  return in_any(facts, check, files, "the audit rules");
}

// expect: the header of the section; key: what any header looks like.
Result<Outcome> matching_lines_section(Facts& facts, const CustomCheck& check) {
  const std::string path(check.get("path"));
  const Pattern wanted = TRY(Pattern::compile(check.get("expect")));
  const Pattern header = TRY(Pattern::compile(check.get("key")));
  const auto lines = file_lines(facts, path);
  if (!lines && lines.error().code == Code::NotFound) return failed(path + " does not exist");
  if (!lines) return std::unexpected(lines.error());
  std::vector<std::string> section;
  bool inside = false;
  for (const std::string& line : *lines) {
    if (wanted.found_in(line)) {
      inside = true;
    } else if (header.found_in(line)) {
      inside = false;
    } else if (inside) {
      section.push_back(line);
    }
  }
  return judge_lines(section, check, LineRule::Any, path);
}

// The lines of a tool; we know what "sshcheck" says: the SSH server's effective settings.
Result<Outcome> config_value(Facts& facts, const CustomCheck& check, LineRule rule) {
  if (check.get("exec-command") != "sshcheck")
    return unknown(fmt::format("exec-command \"{}\" is not run", check.get("exec-command")));
  const auto& answer = facts.sshd();
  if (!answer && answer.error().code == Code::NotFound) return not_applicable("no SSH server here");
  if (!answer) return std::unexpected(answer.error());
  return judge_lines(answer->effective_lines(), check, rule, "the SSH server's settings");
}

Result<Outcome> matching_config_value(Facts& facts, const CustomCheck& check) {
  return config_value(facts, check, LineRule::Any);
}
Result<Outcome> no_matching_config_value(Facts& facts, const CustomCheck& check) {
  return config_value(facts, check, LineRule::None);
}

constexpr std::array<CustomVerb, 12> kVerbs = {{
    {"CheckMatchingLines", matching_lines},
    {"CheckMatchingLinesIfExists", matching_lines_if_exists},
    {"CheckMatchingLinesAll", matching_lines_all},
    {"CheckMatchingLinesAllIfExists", matching_lines_all_if_exists},
    {"CheckNoMatchingLines", no_matching_lines},
    {"CheckNoMatchingLinesIfExists", no_matching_lines_if_exists},
    {"CheckMatchingLinesInDir", matching_lines_in_dir},
    {"CheckMatchingLinesInFiles", matching_lines_in_files},
    {"CheckMatchingLinesInAuditDRules", matching_lines_in_audit_rules},
    {"CheckMatchingLinesSection", matching_lines_section},
    {"CheckMatchingConfigValue", matching_config_value},
    {"CheckNoMatchingConfigValue", no_matching_config_value},
}};

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  each_line(text, [&](std::string_view line, int) { lines.emplace_back(line); });
  return lines;
}

Result<Outcome> judge_lines(const std::vector<std::string>& lines, const CustomCheck& check,
                            LineRule rule, std::string_view where) {
  const Expressions expressions = TRY(compile(check, rule));
  std::vector<bool> found(expressions.regexes.size(), false);
  Examples offending;
  for (const std::string& line : lines) {
    if (!expressions.selects(line)) continue;
    bool any = false;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool here = expressions.regexes[i].found_in(line);
      found[i] = found[i] || here;
      any = any || here;
    }
    if (rule == LineRule::None && any) offending.add(line);
    if (rule == LineRule::NoneLacks && !any) offending.add(line);
  }
  if (rule == LineRule::None || rule == LineRule::NoneLacks) {
    if (offending.empty()) return pass();
    return failed(fmt::format("{} {} {}: {}", where, rule == LineRule::None ? "has" : "lacks",
                              check.get("regex"), offending.text()));
  }
  const auto missing = std::count(found.begin(), found.end(), false);
  if (missing == 0) return pass();
  return failed(fmt::format("no line of {} matches {}", where, check.get("regex")));
}

std::span<const CustomVerb> custom_line_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
