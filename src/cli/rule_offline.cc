// vedette rule check, test: rules on this machine, without a hub.
#include <algorithm>
#include <filesystem>
#include <istream>
#include <iterator>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/rule.h"
#include "cli/validators.h"
#include "cli/verb.h"
#include "detect/trial/cases.h"
#include "detect/trial/report.h"
#include "detect/trial/trial.h"

namespace cli {

using base::json::Value;
namespace trial = detect::trial;

namespace {

struct CheckArguments {
  std::vector<std::string> paths;
};

struct TestArguments {
  RuleChoice rules;
  std::string events;
  std::string cases;
  bool require_all = false;
};

bool is_rule_file(const std::filesystem::path& path) {
  return path.extension() == ".yml" || path.extension() == ".yaml";
}

// The rule files that a path stands for, in the order of their names. A folder is taken with all
// below it, but for its lists.
Outcome<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    if (!std::filesystem::exists(path, error))
      return give_up(Exit::Usage, "cannot read " + path + ": there is no such file");
    return std::vector<std::string>{path};
  }
  std::vector<std::string> files;
  auto entry = std::filesystem::recursive_directory_iterator(path, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(error)) {
    if (entry->is_directory() && entry->path().filename() == "lists") {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && is_rule_file(entry->path())) {
      files.push_back(entry->path().string());
    }
  }
  if (error) return give_up(Exit::Usage, "cannot read " + path + ": " + error.message());
  std::ranges::sort(files);
  return files;
}

Value problem_value(const detect::RuleProblem& problem) {
  Value::Object out;
  out.push_back({"file", Value(problem.file)});
  out.push_back({"line", Value(std::int64_t{problem.line})});
  out.push_back({"column", Value(std::int64_t{problem.column})});
  out.push_back({"message", Value(problem.message)});
  out.push_back({"noEvents", Value(problem.no_events)});
  out.push_back({"id", Value(problem.id)});
  out.push_back({"title", Value(problem.title)});
  return Value(std::move(out));
}

Outcome<Exit> report_check(const Session& session, const detect::Stream& stream) {
  const auto problems = stream.problems();
  const auto wrong =
      std::ranges::count_if(problems, [](const auto& one) { return !one.no_events; });
  const auto rules = stream.list().size();
  const Exit exit = wrong == 0 ? Exit::Ok : Exit::Failure;
  if (TRY(session.format()) == Format::Json) {
    Value::Array list;
    for (const auto& problem : problems)
      list.push_back(problem_value(problem));
    Value::Object out;
    out.push_back({"rules", Value(static_cast<std::int64_t>(rules))});
    out.push_back({"filters", Value(static_cast<std::int64_t>(stream.filters().size()))});
    out.push_back({"problems", Value(std::move(list))});
    print_json(session.environment.out, Value(std::move(out)));
    return exit;
  }
  for (const auto& problem : problems) {
    session.environment.out << printable(problem.to_string())
                            << (problem.no_events ? " (not wrong, but it cannot run here)" : "")
                            << '\n';
  }
  session.note(fmt::format("{} can run, {} wrong, {} without events to look at", rules, wrong,
                           static_cast<std::ptrdiff_t>(problems.size()) - wrong));
  return exit;
}

Outcome<Exit> check(const Session& session, const CheckArguments& arguments) {
  RuleChoice choice;
  choice.paths = arguments.paths;
  // Without paths it is the program's own rules that are looked at. With them these stay, too, but
  // for the count: filters and correlations may name them.
  auto options = TRY(stream_options(choice));
  auto stream = detect::Stream::load(options);
  if (!stream) return give_up(Exit::Usage, stream.error().to_string());
  return report_check(session, **stream);
}

Outcome<std::unique_ptr<trial::Trial>> open_trial(const RuleChoice& choice,
                                                  const Session& session) {
  trial::Options options;
  options.rules = TRY(stream_options(choice));
  auto opened = trial::Trial::open(options);
  if (!opened) return give_up(Exit::Usage, opened.error().to_string());
  const auto problems = (*opened)->stream().problems();
  for (const auto& problem : problems) {
    if (!problem.no_events) session.note(printable(problem.to_string()));
  }
  return std::move(*opened);
}

// A line of the input, and which one it is.
struct Line {
  std::size_t number = 0;
  Value value;
};

// Blank lines are skipped; one that is no JSON is told and counted.
std::vector<Line> parse_lines(const Session& session, const std::string& path,
                              const std::vector<std::string>& lines, std::size_t& bad) {
  std::vector<Line> out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (base::trim(lines[i]).empty()) continue;
    auto value = base::json::parse(lines[i]);
    if (value) {
      out.push_back({i + 1, std::move(*value)});
      continue;
    }
    session.note(fmt::format("{}:{}: {}", path, i + 1, printable(value.error().to_string())));
    ++bad;
  }
  return out;
}

void print_findings(const Session& session, Format format, trial::Trial& trial) {
  for (const trial::Raised& raised : trial.take()) {
    if (format == Format::Json) {
      session.environment.out << trial::finding_line(raised) << '\n';
      continue;
    }
    const detect::Finding& finding = raised.finding;
    session.environment.out << base::format_rfc3339(finding.evidence.time) << "  "
                            << detect::to_string(finding.rule.severity) << "  "
                            << printable(finding.device_id) << "  " << printable(finding.rule.title)
                            << ": " << printable(finding.why) << '\n';
  }
}

Outcome<Exit> test_events(const Session& session, const TestArguments& arguments) {
  const Format format = TRY(session.format());
  const auto text = TRY(read_lines(session, arguments.events));
  auto all = TRY(open_trial(arguments.rules, session));
  std::size_t bad = 0;
  for (const Line& line : parse_lines(session, arguments.events, text, bad)) {
    auto step = trial::read_step(line.value);
    auto taken = step ? all->add(*step) : std::unexpected(std::move(step.error()));
    if (!taken) {
      session.note(fmt::format("{}:{}: {}", arguments.events, line.number,
                               printable(taken.error().to_string())));
      ++bad;
    }
    print_findings(session, format, *all);
  }
  all->finish();
  print_findings(session, format, *all);
  if (bad == 0) return Exit::Ok;
  return give_up(Exit::Failure, fmt::format("{} lines could not be used", bad));
}

Outcome<Exit> test_cases(const Session& session, const TestArguments& arguments) {
  const Format format = TRY(session.format());
  const auto text = TRY(read_lines(session, arguments.cases));
  auto all = TRY(open_trial(arguments.rules, session));
  std::size_t bad = 0;
  trial::Totals totals;
  for (const Line& line : parse_lines(session, arguments.cases, text, bad)) {
    const auto one = trial::read_case(line.value);
    if (!one) {
      session.note(fmt::format("{}:{}: {}", arguments.cases, line.number,
                               printable(one.error().to_string())));
      ++bad;
      continue;
    }
    const trial::Verdict verdict = trial::judge(*all, *one);
    totals.add(*one, verdict);
    if (format == Format::Json) {
      session.environment.out << trial::case_line(*one, verdict) << '\n';
    } else if (!verdict.right) {
      session.environment.out << printable(one->id) << "  " << printable(one->alert)
                              << (one->positive.value_or(false) ? "  not raised  "
                                                                : "  raised all the same  ")
                              << printable(verdict.problem.empty() ? one->note : verdict.problem)
                              << '\n';
    }
  }
  if (format == Format::Json) {
    session.environment.out << totals.line() << '\n';
  } else {
    session.environment.out << fmt::format("{} of {} cases right\n", totals.right(),
                                           totals.cases());
  }
  if (bad > 0) return give_up(Exit::Failure, fmt::format("{} lines could not be used", bad));
  return arguments.require_all && totals.right() < totals.cases() ? Exit::Failure : Exit::Ok;
}

Outcome<Exit> test(const Session& session, const TestArguments& arguments) {
  if (arguments.events.empty() == arguments.cases.empty())
    return give_up(Exit::Usage, "name a file with --events or one with --cases");
  return arguments.events.empty() ? test_cases(session, arguments)
                                  : test_events(session, arguments);
}

}  // namespace

void add_rule_choice(CLI::App& command, RuleChoice& choice) {
  command
      .add_option(
          "--rules", choice.paths,
          "Rules beside those that come with Vedette: a file, or a folder with all below it")
      ->type_name("PATH");
  command.add_flag("--no-builtin", choice.no_builtin, "Without those that come with Vedette");
  command.add_option("--profile", choice.profile, "Whose names and severities the alerts have")
      ->type_name("classic|micro_agent")
      ->check(one_of({"classic", "micro_agent"}));
}

Outcome<detect::StreamOptions> stream_options(const RuleChoice& choice) {
  detect::StreamOptions options;
  options.builtin = !choice.no_builtin;
  options.settings.profile =
      detect::parse_profile(choice.profile).value_or(detect::Profile::Classic);
  for (const std::string& path : choice.paths) {
    std::error_code error;
    // Its lists come with the first folder.
    if (options.folder.empty() && std::filesystem::is_directory(path + "/lists", error))
      options.folder = path;
    for (const std::string& file : TRY(files_of(path))) {
      const bool taken =
          !options.folder.empty() && std::filesystem::path(file).parent_path() == options.folder;
      if (taken) continue;
      options.settings.texts.push_back({file, TRY(read_whole_file(file))});
    }
  }
  return options;
}

Outcome<std::vector<std::string>> read_lines(const Session& session, const std::string& path) {
  const std::string text =
      path == "-" ? std::string(std::istreambuf_iterator<char>(session.environment.in), {})
                  : TRY(read_whole_file(path));
  std::vector<std::string> lines;
  for (const std::string_view line : base::split(text, '\n'))
    lines.emplace_back(line);
  return lines;
}

void add_offline_rule_verbs(CLI::App& noun, Session& session) {
  auto [checking, checked] =
      add_verb<CheckArguments>(noun, session, "check", "Say what is wrong with rules", check);
  checking
      ->add_option("PATH", checked->paths,
                   "Files, or folders with all below them (default: the rules of Vedette)")
      ->type_name("");

  auto [testing, tested] = add_verb<TestArguments>(
      noun, session, "test", "Run events or cases through everything that decides", test);
  testing
      ->add_option("--events", tested->events,
                   "Events, one JSON object a line; - is standard input: prints what they raise")
      ->type_name("FILE");
  testing
      ->add_option("--cases", tested->cases,
                   "Cases, one JSON object a line: prints which are decided right")
      ->type_name("FILE");
  testing->add_flag("--require-all", tested->require_all, "Fail when a case is not decided right");
  add_rule_choice(*testing, tested->rules);
}

}  // namespace cli
