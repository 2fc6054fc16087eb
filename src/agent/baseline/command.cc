#include "agent/baseline/command.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/baseline/engine.h"
#include "agent/baseline/system_host.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "os/file.h"
#include "schema/events.h"

namespace agent::baseline {

namespace {

constexpr const char* kUsage =
    "vedette-agent baseline judges how this system is set up.\n"
    "\n"
    "  --checks FILE         also the checks of FILE, in the XML of the original agent\n"
    "  --disable-group NAME  leave a group out; may be given again\n"
    "  --disable-check ID    leave a check out; may be given again\n"
    "  --root DIR            judge the files of a system whose root is DIR\n"
    "  -o table|json         table for people (default on a terminal), json for programs\n"
    "\n"
    "Exit status: 0 nothing failed, 1 a check failed, 2 bad usage, 3 nothing failed but\n"
    "something could not be found out.\n";

struct Arguments {
  Options options;
  std::string root = "/";
  std::string output;
};

// Empty: all fine.
std::string read_arguments(const std::vector<std::string_view>& words, Arguments& arguments) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    std::string value;
    if (equals != std::string_view::npos) {
      value = words[i].substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return fmt::format("{} needs a value", name);
    }
    if (name == "--checks") {
      arguments.options.custom_enabled = true;
      arguments.options.custom_path = value;
    } else if (name == "--disable-group") {
      arguments.options.disabled_groups.push_back(value);
    } else if (name == "--disable-check") {
      arguments.options.disabled_checks.push_back(value);
    } else if (name == "--root") {
      arguments.root = value;
    } else if ((name == "-o" || name == "--output") && (value == "table" || value == "json")) {
      arguments.output = value;
    } else {
      return fmt::format("what is {} {}?", name, value);
    }
  }
  return {};
}

using Counts = std::array<std::size_t, 4>;  // by Verdict

Counts count(const Report& report) {
  Counts counts{};
  for (const Finding& finding : report.findings)
    ++counts[static_cast<std::size_t>(finding.outcome.verdict)];
  return counts;
}

std::size_t of(const Counts& counts, Verdict verdict) {
  return counts[static_cast<std::size_t>(verdict)];
}

std::string table_of(const Report& report) {
  std::string out;
  std::string group;
  for (const Finding& finding : report.findings) {
    if (finding.group != group) {
      out += fmt::format("{}{}\n", group.empty() ? "" : "\n", finding.group);
      group = finding.group;
    }
    const bool skipped = finding.outcome.verdict == Verdict::NotApplicable;
    out += fmt::format("  {:<4}  {:<13}  {}\n",
                       skipped ? "n/a" : verdict_name(finding.outcome.verdict),
                       schema::to_string(finding.severity), finding.title);
    if (!finding.outcome.evidence.empty() && finding.outcome.verdict != Verdict::Pass)
      out += fmt::format("{:23}{}: {}\n", "", finding.id, finding.outcome.evidence);
    if (finding.outcome.verdict == Verdict::Fail && !finding.remedy.empty())
      out += fmt::format("{:23}-> {}\n", "", finding.remedy);
  }
  for (const Problem& problem : report.problems)
    out += fmt::format("\n{}: {}\n", problem.key, problem.text);
  const Counts counts = count(report);
  out += fmt::format("\n{} checks: {} passed, {} failed, {} not found out, {} not applicable\n",
                     report.findings.size(), of(counts, Verdict::Pass), of(counts, Verdict::Fail),
                     of(counts, Verdict::Err), of(counts, Verdict::NotApplicable));
  return out;
}

void write_finding(const Finding& finding, base::json::Writer& writer) {
  writer.begin_object();
  writer.field("id", finding.id);
  writer.field("group", finding.group);
  writer.field("title", finding.title);
  writer.field("cce", finding.cce);
  writer.field("cis", finding.cis);
  writer.field("severity", schema::to_string(finding.severity));
  writer.field("result", verdict_name(finding.outcome.verdict));
  writer.field("evidence", finding.outcome.evidence);
  writer.field("remedy", finding.remedy);
  writer.end_object();
}

std::string json_of(const Report& report) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.key("checks");
  writer.begin_array();
  for (const Finding& finding : report.findings)
    write_finding(finding, writer);
  writer.end_array();
  writer.key("problems");
  writer.begin_array();
  for (const Problem& problem : report.problems) {
    writer.begin_object();
    writer.field("key", problem.key);
    writer.field("text", problem.text);
    writer.end_object();
  }
  writer.end_array();
  const Counts counts = count(report);
  writer.key("summary");
  writer.begin_object();
  for (const Verdict verdict : {Verdict::Pass, Verdict::Fail, Verdict::Err, Verdict::NotApplicable})
    writer.field(verdict_name(verdict), static_cast<std::uint64_t>(of(counts, verdict)));
  writer.end_object();
  writer.end_object();
  return out + "\n";
}

}  // namespace

int command(const std::vector<std::string_view>& words) {
  for (const std::string_view word : words) {
    if (word == "--help" || word == "-h") return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  }
  Arguments arguments;
  if (const std::string problem = read_arguments(words, arguments); !problem.empty()) {
    std::fputs(fmt::format("vedette-agent baseline: {}\n\n{}", problem, kUsage).c_str(), stderr);
    return 2;
  }
  const auto host = SystemHost::open(arguments.root);
  if (!host) {
    std::fputs(("vedette-agent baseline: " + host.error().to_string() + "\n").c_str(), stderr);
    return 2;
  }
  const Report report = run(**host, arguments.options);
  const bool json =
      arguments.output == "json" || (arguments.output.empty() && ::isatty(STDOUT_FILENO) == 0);
  std::fputs((json ? json_of(report) : table_of(report)).c_str(), stdout);
  const Counts counts = count(report);
  if (of(counts, Verdict::Fail) > 0) return 1;
  return of(counts, Verdict::Err) > 0 || !report.problems.empty() ? 3 : 0;
}

}  // namespace agent::baseline
