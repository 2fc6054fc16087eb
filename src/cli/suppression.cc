// vedette suppression ...
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string id;
  std::string name;
  std::string reason;
  std::string owner;
  std::string expires;
  std::string rule;
  std::string device;
  std::string entity;
  std::string at_most;
  std::vector<std::string> fields;
  std::string etag;
  bool close_open = false;
  bool restore = false;
};

std::string path_of(const Arguments& arguments) {
  return "/suppressions/" + base::percent_encode(arguments.id);
}

// FIELD:TEST:VALUE; the value may have colons.
Outcome<Value> field_test(const std::string& text) {
  const auto first = text.find(':');
  const auto second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second == std::string::npos)
    return give_up(Exit::Usage, "--field: expected FIELD:TEST:VALUE, found " + text);
  Value::Object object;
  object.push_back({"field", Value(text.substr(0, first))});
  object.push_back({"test", Value(text.substr(first + 1, second - first - 1))});
  object.push_back({"value", Value(text.substr(second + 1))});
  return Value(std::move(object));
}

Outcome<Value> scope_of(const Arguments& arguments) {
  Value::Object scope;
  const auto add = [&scope](const char* name, const std::string& value) {
    if (!value.empty()) scope.push_back({name, Value(value)});
  };
  add("ruleId", arguments.rule);
  add("device", arguments.device);
  add("entity", arguments.entity);
  add("atMostSeverity", arguments.at_most);
  Value::Array fields;
  for (const std::string& field : arguments.fields)
    fields.push_back(TRY(field_test(field)));
  if (!fields.empty()) scope.push_back({"fields", Value(std::move(fields))});
  return Value(std::move(scope));
}

Outcome<Exit> print_suppression(const Session& session, const Value& suppression) {
  return print_object(session, suppression,
                      {{"Suppression", "id"},
                       {"Name", "name"},
                       {"Hides", "predicate"},
                       {"Reason", "reason"},
                       {"Owner", "owner"},
                       {"Expires", "expires"},
                       {"Enabled", "enabled"},
                       {"In force", "inForce"},
                       {"Hidden alerts", "hiddenAlerts"},
                       {"Hidden hits", "hiddenHits"},
                       {"Last hidden", "lastHidden"},
                       {"Closed alerts", "closedAlerts"},
                       {"Made by", "createdBy"},
                       {"ETag", "etag"}});
}

Outcome<Exit> list(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  auto all = TRY(client.call("GET", "/suppressions"));
  return print_list(session, all,
                    {{"Name", "name"},
                     {"Hides", "predicate"},
                     {"Owner", "owner"},
                     {"Expires", "expires"},
                     {"In force", "inForce"},
                     {"Hidden", "hiddenAlerts"},
                     {"Id", "id"}});
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto suppression = TRY(client.call("GET", path_of(arguments)));
  return print_suppression(session, suppression);
}

Outcome<Exit> preview(const Session& session, const Arguments& arguments) {
  auto scope = TRY(scope_of(arguments));
  auto client = TRY(session.connect());
  const std::string body = Value(Value::Object{{"scope", std::move(scope)}}).to_json();
  auto found = TRY(client.call("POST", "/suppressions/test", body));
  return print_object(session, found,
                      {{"Hides", "predicate"},
                       {"Since", "since"},
                       {"Alerts", "alerts"},
                       {"Hits", "hits"},
                       {"Open now", "open"},
                       {"Partly", "partly"},
                       {"Real ones among them", "truePositives"},
                       {"High", "bySeverity.High"},
                       {"Medium", "bySeverity.Medium"},
                       {"Low", "bySeverity.Low"},
                       {"Informational", "bySeverity.Informational"}});
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  auto scope = TRY(scope_of(arguments));
  Value::Object body;
  body.push_back({"name", Value(arguments.name)});
  body.push_back({"reason", Value(arguments.reason)});
  body.push_back({"expires", Value(arguments.expires)});
  if (!arguments.owner.empty()) body.push_back({"owner", Value(arguments.owner)});
  body.push_back({"scope", std::move(scope)});
  if (arguments.close_open) body.push_back({"closeOpen", Value(true)});
  auto client = TRY(session.connect());
  auto made = TRY(client.call("POST", "/suppressions", Value(std::move(body)).to_json()));
  return print_suppression(session, made);
}

// Everything else stays as it is.
Outcome<Exit> set_enabled(const Session& session, const Arguments& arguments, bool enabled) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", path_of(arguments)));
  Value::Object body;
  for (const char* name : {"name", "reason", "owner", "scope", "expires"}) {
    if (const Value* member = found.find(name)) body.push_back({name, *member});
  }
  body.push_back({"enabled", Value(enabled)});
  auto changed = TRY(
      client.call("PUT", path_of(arguments), Value(std::move(body)).to_json(),
                  if_match_of(arguments.etag.empty() ? cell(found.find("etag")) : arguments.etag)));
  return print_suppression(session, changed);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = path_of(arguments);
  if (arguments.restore) add_parameter(path, "restore", "true");
  TRY(client.call("DELETE", path, {}, if_match_of(arguments.etag)));
  return Exit::Ok;
}

void add_scope(CLI::App& command, Arguments& arguments) {
  command.add_option("--rule", arguments.rule, "Only of the rule with this id")->type_name("RULE");
  command
      .add_option("--device", arguments.device, "Only of this device; * and ? stand for anything")
      ->type_name("DEVICE");
  command.add_option("--entity", arguments.entity, "Only about this; * and ? stand for anything")
      ->type_name("TEXT");
  command.add_option("--at-most", arguments.at_most, "Nothing above this severity")
      ->type_name("High|Medium|Low|Informational")
      ->transform(one_of({"High", "Medium", "Low", "Informational"}, CLI::ignore_case));
  command
      .add_option("--field", arguments.fields,
                  "Only where a field of the event passes, as CommandLine:contains:backup; tests: "
                  "equals, contains, startsWith, endsWith, matches, within. May be repeated")
      ->type_name("FIELD:TEST:VALUE")
      ->allow_extra_args(false);
}

}  // namespace

void add_suppression(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("suppression", "What hides alerts for a while, and why");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  const auto one = [&](const char* name, const char* description, Run<Arguments> run) {
    auto [command, arguments] = verb(name, description, run);
    command->add_option("SUPPRESSION", arguments->id, "Its id")->type_name("")->required();
    return std::pair(command, arguments);
  };
  verb("list", "List suppressions, with what they have hidden", list);
  one("show", "Show a suppression", show);

  auto [test, tested] =
      verb("test", "What it would have hidden in the last 30 days, before there is one", preview);
  add_scope(*test, *tested);

  auto [make, made] = verb("create", "Hide alerts for a while", create);
  make->add_option("NAME", made->name, "What it is called")->type_name("")->required();
  make->add_option("--reason", made->reason, "Why")->type_name("TEXT")->required();
  make->add_option("--expires", made->expires, "Until when: a time, or how long from now (P30D)")
      ->type_name("TIME")
      ->required();
  make->add_option("--owner", made->owner, "Who answers for it; you when absent")
      ->type_name("USER");
  make->add_flag("--close-open", made->close_open, "Close the open alerts that it covers, too");
  add_scope(*make, *made);

  auto [on, enabled] =
      one("enable", "Put a suppression in force again",
          [](const Session& s, const Arguments& a) { return set_enabled(s, a, true); });
  add_if_match(*on, enabled->etag);
  auto [off, disabled] =
      one("disable", "Put a suppression out of force, and keep it",
          [](const Session& s, const Arguments& a) { return set_enabled(s, a, false); });
  add_if_match(*off, disabled->etag);

  auto [drop, dropped] = one("delete", "Remove a suppression", remove);
  drop->add_flag("--restore", dropped->restore, "Show what it has hidden");
  add_if_match(*drop, dropped->etag);
}

}  // namespace cli
