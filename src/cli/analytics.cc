// vedette analytics ...: rules in KQL that the hub asks on a schedule.
#include <istream>
#include <iterator>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string rule;
  std::string file;
  std::string to;
  std::string etag;
  bool print = false;
};

std::string path_of(std::string_view id) {
  return "/analytics-rules/" + base::percent_encode(id);
}

// By id, or by name whatever its case.
Outcome<Value> find_rule(Client& client, const std::string& name) {
  const auto list = TRY(client.call("GET", "/analytics-rules"));
  for (const Value& rule : *list.find("items")->if_array()) {
    if (base::equal_ignore_case(rule.text_or("id", ""), name) ||
        base::equal_ignore_case(rule.text_or("name", ""), name))
      return rule;
  }
  return give_up(Exit::NotFound, "there is no analytic rule " + base::json::quoted(name),
                 "`vedette analytics list` shows all.");
}

Outcome<Exit> print_rule(const Session& session, const Value& rule) {
  return print_object(session, rule,
                      {{"Name", "name"},
                       {"Id", "id"},
                       {"Severity", "severity"},
                       {"Description", "description"},
                       {"Enabled", "enabled"},
                       {"Problem", "problem"},
                       {"Warnings", "warnings"},
                       {"Every", "queryFrequency"},
                       {"Looks back", "queryPeriod"},
                       {"Entities", "entities"},
                       {"Tactics", "tactics"},
                       {"Techniques", "techniques"},
                       {"Comes with the hub", "builtin"},
                       {"Runs", "runs"},
                       {"Failures", "failures"},
                       {"Findings", "findings"},
                       {"Last run", "lastRun"},
                       {"Next run", "nextRun"},
                       {"Updated", "updated"},
                       {"Updated by", "updatedBy"}});
}

Outcome<Exit> list(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  const auto found = TRY(client.call("GET", "/analytics-rules"));
  return print_list(session, found,
                    {{"Name", "name"},
                     {"Severity", "severity"},
                     {"Enabled", "enabled"},
                     {"Every", "queryFrequency"},
                     {"Looks back", "queryPeriod"},
                     {"Runs", "runs"},
                     {"Failures", "failures"},
                     {"Findings", "findings"},
                     {"Id", "id"}});
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_rule(client, arguments.rule));
  if (!arguments.print) return print_rule(session, found);
  session.environment.out << found.text_or("yaml", "");
  return Exit::Ok;
}

Outcome<std::string> read_rule(const Session& session, const std::string& file) {
  if (file != "-") return read_whole_file(file);
  return std::string(std::istreambuf_iterator<char>(session.environment.in), {});
}

std::string body_of(std::string yaml, const std::string& to) {
  Value::Object body;
  body.push_back({"yaml", Value(std::move(yaml))});
  if (!to.empty()) body.push_back({"to", Value(to)});
  return Value(std::move(body)).to_json();
}

// The value of the line `id: ...`; the hub reads the rest, and says what is wrong with it.
std::string id_in(std::string_view yaml) {
  for (const std::string_view line : base::split(yaml, '\n')) {
    if (!line.starts_with("id:")) continue;
    std::string_view id = base::trim(line.substr(3));
    id = base::trim(id.substr(0, id.find('#')));
    while (!id.empty() && (id.front() == '"' || id.front() == '\''))
      id.remove_prefix(1);
    while (!id.empty() && (id.back() == '"' || id.back() == '\'' || id.back() == '\r'))
      id.remove_suffix(1);
    return base::to_lower(id);
  }
  return {};
}

Outcome<Exit> put(const Session& session, const Arguments& arguments) {
  const std::string yaml = TRY(read_rule(session, arguments.file));
  const std::string id = id_in(yaml);
  if (id.empty())
    return give_up(Exit::Usage, "the rule has no line 'id: GUID'",
                   "`uuidgen` makes one. `vedette analytics show RULE --yaml` prints an example.");
  auto client = TRY(session.connect());
  const auto rule =
      TRY(client.call("PUT", path_of(id), body_of(yaml, ""), if_match_of(arguments.etag)));
  return print_rule(session, rule);
}

Outcome<Exit> test(const Session& session, const Arguments& arguments) {
  const std::string yaml = TRY(read_rule(session, arguments.file));
  auto client = TRY(session.connect());
  const auto found = TRY(client.call("POST", "/analytics-rules/test", body_of(yaml, arguments.to)));
  session.note(std::string(found.text_or("from", "")) + " to " +
               std::string(found.text_or("to", "")) + ": " + found.find("rows")->to_json() +
               " rows, " + found.find("alerts")->to_json() + " alerts");
  for (const Value& problem : *found.find("problems")->if_array())
    session.note("note: " + *problem.if_string());
  return print_list(session, found,
                    {{"Title", "title"},
                     {"Severity", "severity"},
                     {"Device", "deviceId"},
                     {"Entity", "entity"},
                     {"Hits", "hits"},
                     {"Row", "row"}});
}

Outcome<Exit> switch_to(const Session& session, const Arguments& arguments, bool enabled) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_rule(client, arguments.rule));
  Value::Object body;
  body.push_back({"enabled", Value(enabled)});
  const auto rule = TRY(client.call("PUT", path_of(found.text_or("id", "")) + "/enabled",
                                    Value(std::move(body)).to_json()));
  return print_rule(session, rule);
}
Outcome<Exit> enable(const Session& session, const Arguments& arguments) {
  return switch_to(session, arguments, true);
}
Outcome<Exit> disable(const Session& session, const Arguments& arguments) {
  return switch_to(session, arguments, false);
}

Outcome<Exit> run(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_rule(client, arguments.rule));
  const auto rule = TRY(client.call("POST", path_of(found.text_or("id", "")) + "/run"));
  session.note("It runs within moments; `vedette analytics show` says what came of it.");
  return print_rule(session, rule);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_rule(client, arguments.rule));
  TRY(client.call("DELETE", path_of(found.text_or("id", "")), "", if_match_of(arguments.etag)));
  return Exit::Ok;
}

void add_rule(CLI::App& command, Arguments& arguments) {
  command.add_option("RULE", arguments.rule, "Name or id of the rule")->type_name("")->required();
}
void add_file(CLI::App& command, Arguments& arguments) {
  command.add_option("FILE", arguments.file, "The rule, in YAML; - is standard input")
      ->type_name("")
      ->required();
}

}  // namespace

void add_analytics(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("analytics", "Rules in KQL that are asked on a schedule");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "list", "List the rules by name", list);

  auto [one, shown] = add_verb<Arguments>(*noun, session, "show", "Show a rule", show);
  add_rule(*one, *shown);
  one->add_flag("--yaml", shown->print, "Print its text and nothing else");

  auto [given, putting] = add_verb<Arguments>(*noun, session, "put",
                                              "Add a rule, or replace the one of the same id", put);
  add_file(*given, *putting);
  add_if_match(*given, putting->etag);

  auto [tried, testing] = add_verb<Arguments>(
      *noun, session, "test", "Say what a rule would find now; raises no alert", test);
  add_file(*tried, *testing);
  tried->add_option("--to", testing->to, "The end of what is looked at; now, if not given")
      ->type_name("TIME");

  auto [on, enabled] = add_verb<Arguments>(*noun, session, "enable", "Run a rule", enable);
  add_rule(*on, *enabled);
  auto [off, disabled] =
      add_verb<Arguments>(*noun, session, "disable", "Run a rule no more", disable);
  add_rule(*off, *disabled);

  auto [now, ran] = add_verb<Arguments>(*noun, session, "run", "Run a rule now", run);
  add_rule(*now, *ran);

  auto [away, removed] = add_verb<Arguments>(*noun, session, "delete", "Delete a rule", remove);
  add_rule(*away, *removed);
  add_if_match(*away, removed->etag);
}

}  // namespace cli
