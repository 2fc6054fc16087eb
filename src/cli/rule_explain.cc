// vedette rule explain, bench: why a rule matches, and what rules cost.
#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/rule.h"
#include "cli/validators.h"
#include "cli/verb.h"
#include "detect/trial/trial.h"

namespace cli {

using base::json::Value;
using base::json::Writer;
namespace trial = detect::trial;

namespace {

struct ExplainArguments {
  RuleChoice rules;
  std::string rule;
  std::string events;
};

struct BenchArguments {
  RuleChoice rules;
  std::string events;
  std::size_t seconds = 2;
};

// Events of a file, each as the hub would decode it.
struct Read {
  std::vector<schema::Event> events;
  std::vector<std::string> devices;
};

Outcome<Read> read_events(const Session& session, const std::string& path) {
  Read out;
  schema::Decoder decoder;
  const auto lines = TRY(read_lines(session, path));
  std::size_t number = 0;
  for (const std::string& line : lines) {
    ++number;
    if (base::trim(line).empty()) continue;
    const auto value = base::json::parse(line);
    auto step = value ? trial::read_step(*value)
                      : base::Result<trial::Step>(std::unexpected(value.error()));
    auto event =
        step ? trial::to_event(*step, step->time.value_or(base::WallTime{}), number, decoder)
             : base::Result<schema::Event>(std::unexpected(step.error()));
    if (!event) {
      session.note(fmt::format("{}:{}: {}", path, number, printable(event.error().to_string())));
      continue;
    }
    out.events.push_back(std::move(*event));
    out.devices.push_back(step->device_id);
  }
  if (out.events.empty()) return give_up(Exit::Failure, path + " has no event that can be used");
  return out;
}

// Ids of the rule, or of those that a correlation is built on.
std::vector<std::string> rules_below(const std::vector<detect::ListedRule>& all,
                                     const detect::ListedRule& rule, std::size_t depth = 0) {
  constexpr std::size_t kDeepest = 32;
  if (rule.kind == detect::RuleKind::Rule) return {rule.info.id};
  std::vector<std::string> out;
  for (const std::string& name : rule.builds_on) {
    for (const detect::ListedRule& other : all) {
      if (depth == kDeepest || (other.info.id != base::to_lower(name) && other.name != name))
        continue;
      for (std::string& id : rules_below(all, other, depth + 1))
        out.push_back(std::move(id));
    }
  }
  return out;
}

Outcome<detect::ListedRule> pick_rule(const detect::Stream& stream, const std::string& name) {
  const auto all = stream.list();
  for (const detect::ListedRule& rule : all) {
    const bool meant = rule.file == name || rule.info.id == base::to_lower(name) ||
                       rule.name == name || trial::is_called(rule.info, name);
    if (meant) return rule;
  }
  for (const detect::RuleProblem& problem : stream.problems()) {
    if (problem.file == name || problem.id == base::to_lower(name) || problem.title == name)
      return give_up(Exit::Failure, "it cannot run: " + printable(problem.to_string()));
  }
  return give_up(Exit::NotFound, "there is no rule " + base::json::quoted(name));
}

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

void write_test(Writer& writer, const sigma::ExplainedTest& test) {
  writer.begin_object();
  writer.field("field", test.field);
  write_texts(writer, "readFrom", test.fields);
  writer.field("line", test.line);
  writer.field("holds", test.holds);
  writer.field("all", test.all);
  writer.field("negated", test.negated);
  write_texts(writer, "values", test.values);
  writer.key("patterns");
  writer.begin_array();
  for (const sigma::ExplainedPattern& pattern : test.patterns) {
    writer.begin_object();
    writer.field("pattern", pattern.shown);
    writer.field("holds", pattern.holds);
    writer.field("found", pattern.found);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

void write_selections(Writer& writer, const std::vector<sigma::ExplainedSelection>& selections) {
  writer.key("selections");
  writer.begin_array();
  for (const sigma::ExplainedSelection& selection : selections) {
    writer.begin_object();
    writer.field("selection", selection.name);
    writer.field("holds", selection.holds);
    writer.key("alternatives");
    writer.begin_array();
    for (const auto& tests : selection.alternatives) {
      writer.begin_array();
      for (const sigma::ExplainedTest& test : tests)
        write_test(writer, test);
      writer.end_array();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
}

std::string told_line(std::size_t event, const std::string& rule,
                      const detect::Stream::Told& told) {
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("event", static_cast<std::uint64_t>(event));
  writer.field("rule", rule);
  writer.field("command", told.command);
  writer.field("where", told.where);
  writer.field("raised", told.explanation.holds);
  writer.field("withoutExceptions", told.explanation.alone);
  writer.field("ofItsKind", told.explanation.of_its_kind);
  write_selections(writer, told.explanation.selections);
  writer.key("exceptions");
  writer.begin_array();
  for (const sigma::ExplainedFilter& filter : told.explanation.filters) {
    writer.begin_object();
    writer.field("id", filter.id);
    writer.field("title", filter.title);
    writer.field("holds", filter.holds);
    write_selections(writer, filter.selections);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts)
    out += (out.empty() ? "" : ", ") + printable(text);
  return out;
}

void print_test(std::ostream& out, const sigma::ExplainedTest& test) {
  out << "      " << (test.holds ? "yes  " : "no   ")
      << (test.field.empty() ? "keyword" : printable(test.field));
  const std::string fields = joined(test.fields);
  if (fields != test.field && !fields.empty()) out << " (" << fields << ")";
  out << (test.values.empty() ? ": absent" : " = " + joined(test.values)) << '\n';
  constexpr std::size_t kMostPatterns = 12;
  std::size_t shown = 0;
  for (const sigma::ExplainedPattern& pattern : test.patterns) {
    // Of many of which one is enough, those that are not it say little.
    if (!pattern.holds && !test.all && test.holds && !test.negated) continue;
    if (++shown > kMostPatterns) continue;
    out << "             " << (pattern.holds ? "+ " : "- ") << printable(pattern.shown) << '\n';
  }
  if (shown > kMostPatterns) out << "             and " << shown - kMostPatterns << " more\n";
}

void print_selections(std::ostream& out, const std::vector<sigma::ExplainedSelection>& selections) {
  for (const sigma::ExplainedSelection& selection : selections) {
    out << "    " << printable(selection.name) << ": " << (selection.holds ? "yes" : "no") << '\n';
    for (std::size_t i = 0; i < selection.alternatives.size(); ++i) {
      if (i > 0) out << "      or\n";
      for (const sigma::ExplainedTest& test : selection.alternatives[i])
        print_test(out, test);
    }
  }
}

void print_told(std::ostream& out, std::size_t event, const std::string& title,
                const detect::Stream::Told& told) {
  const sigma::Explanation& why = told.explanation;
  out << "Event " << event << ", " << printable(title) << ": "
      << (why.holds   ? "raised"
          : why.alone ? "left out by an exception"
                      : "not raised")
      << '\n';
  if (!told.command.empty())
    out << "  of the command " << printable(told.command) << " (" << printable(told.where) << ")\n";
  if (!why.of_its_kind) out << "  its log source means another kind of this event\n";
  print_selections(out, why.selections);
  for (const sigma::ExplainedFilter& filter : why.filters) {
    out << "  exception " << printable(filter.title)
        << (filter.holds ? ": holds" : ": does not hold") << '\n';
    print_selections(out, filter.selections);
  }
  out << '\n';
}

Outcome<Exit> explain(const Session& session, const ExplainArguments& arguments) {
  const Format format = TRY(session.format());
  const Read read = TRY(read_events(session, arguments.events));
  RuleChoice choice = arguments.rules;
  std::error_code error;
  if (std::filesystem::is_regular_file(arguments.rule, error))
    choice.paths.push_back(arguments.rule);
  auto stream = detect::Stream::load(TRY(stream_options(choice)));
  if (!stream) return give_up(Exit::Usage, stream.error().to_string());
  const detect::ListedRule rule = TRY(pick_rule(**stream, arguments.rule));
  const auto all = (*stream)->list();
  std::map<std::string, std::string> titles;
  for (const auto& one : all)
    titles.emplace(one.info.id, one.info.title);
  const auto ids = rules_below(all, rule);
  std::ostream& out = session.environment.out;
  bool looked = false;
  for (std::size_t i = 0; i < read.events.size(); ++i) {
    const schema::Event& event = read.events[i];
    const detect::Origin origin{read.devices[i], {}, event.time.utc, i + 1};
    for (const std::string& id : ids) {
      for (std::size_t item = 0; item < event.item_count(); ++item) {
        for (const auto& told : (*stream)->explain(id, event, item, origin)) {
          looked = true;
          if (format == Format::Json) {
            out << told_line(i + 1, titles[id], told) << '\n';
          } else {
            print_told(out, i + 1, titles[id], told);
          }
        }
      }
    }
  }
  if (!looked) session.note("the rule looks at none of these events: see its logsource");
  return Exit::Ok;
}

Outcome<Exit> bench(const Session& session, const BenchArguments& arguments) {
  const Read read = TRY(read_events(session, arguments.events));
  auto options = TRY(stream_options(arguments.rules));
  const base::MonoTime loading = base::mono_now();
  auto stream = detect::Stream::load(options);
  if (!stream) return give_up(Exit::Usage, stream.error().to_string());
  const std::chrono::duration<double> loaded = base::mono_now() - loading;
  std::vector<detect::Finding> findings;
  std::uint64_t items = 0;
  std::uint64_t found = 0;
  const base::MonoTime began = base::mono_now();
  const auto end = began + std::chrono::seconds(arguments.seconds);
  base::WallTime received{};
  while (base::mono_now() < end) {
    for (std::size_t i = 0; i < read.events.size(); ++i) {
      received += std::chrono::microseconds(1);
      for (std::size_t item = 0; item < read.events[i].item_count(); ++item, ++items)
        (*stream)->match(read.events[i], item, {read.devices[i], {}, received, items}, findings);
      found += findings.size();
      findings.clear();
    }
  }
  const std::chrono::duration<double> took = base::mono_now() - began;
  Value::Object out;
  out.push_back({"rules", Value(static_cast<std::int64_t>((*stream)->list().size()))});
  out.push_back({"loadMs", Value(loaded.count() * 1e3)});
  out.push_back({"events", Value(static_cast<std::int64_t>(items))});
  out.push_back({"findings", Value(static_cast<std::int64_t>(found))});
  out.push_back({"eventsPerSecond", Value(static_cast<double>(items) / took.count())});
  out.push_back({"nsPerEvent", Value(took.count() * 1e9 / static_cast<double>(items))});
  return print_object(session, Value(std::move(out)),
                      {{"Rules", "rules"},
                       {"Time to load, ms", "loadMs"},
                       {"Events", "events"},
                       {"Findings", "findings"},
                       {"Events/s", "eventsPerSecond"},
                       {"ns/event", "nsPerEvent"}});
}

}  // namespace

void add_explaining_rule_verbs(CLI::App& noun, Session& session) {
  auto [explaining, explained] = add_verb<ExplainArguments>(
      noun, session, "explain", "Say which selection matched which field, or why not", explain);
  explaining->add_option("RULE", explained->rule, "A rule file, or the id or title of a rule")
      ->type_name("")
      ->required();
  explaining
      ->add_option("--events", explained->events,
                   "Events, one JSON object a line; - is standard input")
      ->type_name("FILE")
      ->required();
  add_rule_choice(*explaining, explained->rules);

  auto [measuring, measured] = add_verb<BenchArguments>(
      noun, session, "bench", "Measure what rules cost, on one core of this machine", bench);
  measuring
      ->add_option("--events", measured->events,
                   "Events, one JSON object a line, over and over; - is standard input")
      ->type_name("FILE")
      ->required();
  measuring->add_option("--seconds", measured->seconds, "For how long (default 2)")
      ->type_name("COUNT")
      ->check(in_range(1, 600));
  add_rule_choice(*measuring, measured->rules);
}

}  // namespace cli
