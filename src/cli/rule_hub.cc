// vedette rule list, show, enable, ...: rules of a hub.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/id.h"
#include "base/text.h"
#include "cli/rule.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

// As long as the hub may take for a stretch of history.
constexpr std::chrono::minutes kPatience{3};

struct Arguments {
  std::string rule;
  std::string search;
  std::string state;
  std::string origin;
  std::string severity;
  std::string file;
  std::string comment;
  std::string etag;
  std::size_t limit = 1000;
};

Outcome<Value> read_answer(const Answer& answer) {
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  auto value = base::json::parse(answer.body);
  if (!value) return give_up(Exit::Failure, "the hub's answer is not JSON");
  return std::move(*value);
}

bool has_name(const Value& rule, std::string_view name) {
  if (base::equal_ignore_case(rule.text_or("title", ""), name)) return true;
  const Value* aliases = rule.find("aliases");
  if (aliases == nullptr || aliases->if_array() == nullptr) return false;
  return std::ranges::any_of(*aliases->if_array(), [&](const Value& alias) {
    return alias.if_string() != nullptr && base::equal_ignore_case(*alias.if_string(), name);
  });
}

// By id, title or another name of it.
Outcome<std::string> find_rule(Client& client, const std::string& name) {
  if (const auto id = base::Guid::parse(name)) return id->to_string();
  std::string path = "/rules";
  add_parameter(path, "search", name);
  const auto list = TRY(fetch_list(client, path, 10'000));
  std::vector<std::string> found;
  for (const Value& rule : *list.find("items")->if_array()) {
    if (has_name(rule, name)) found.emplace_back(rule.text_or("id", ""));
  }
  if (found.size() == 1) return found.front();
  return give_up(found.empty() ? Exit::NotFound : Exit::Usage,
                 fmt::format("there is {} rule {}", found.empty() ? "no" : "more than one",
                             base::json::quoted(name)),
                 "`vedette rule list` shows all with their ids.");
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/rules";
  add_parameter(path, "search", arguments.search);
  add_parameter(path, "state", arguments.state);
  add_parameter(path, "origin", arguments.origin);
  add_parameter(path, "severity", arguments.severity);
  const auto rules = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, rules,
                    {{"State", "state"},
                     {"Severity", "severity"},
                     {"Origin", "origin"},
                     {"Title", "title"},
                     {"Techniques", "techniques"},
                     {"Id", "id"},
                     {"Problem", "problem"}});
}

Outcome<Exit> print_rule(const Session& session, const Value& rule) {
  const auto shown = print_object(session, rule,
                                  {{"Rule", "id"},
                                   {"Title", "title"},
                                   {"State", "state"},
                                   {"Severity", "severity"},
                                   {"By itself", "ownSeverity"},
                                   {"Why set so", "setting.comment"},
                                   {"Set by", "setting.updatedBy"},
                                   {"Origin", "origin"},
                                   {"File", "file"},
                                   {"Line", "line"},
                                   {"Problem", "problem"},
                                   {"Author", "author"},
                                   {"License", "license"},
                                   {"Techniques", "techniques"},
                                   {"Also called", "aliases"},
                                   {"Built on", "buildsOn"},
                                   {"Description", "description"}});
  if (!shown || session.format() != Format::Table) return shown;
  std::ostream& out = session.environment.out;
  const Value* exceptions = rule.find("exceptions");
  if (exceptions != nullptr && exceptions->if_array() != nullptr &&
      !exceptions->if_array()->empty()) {
    out << "\nExceptions\n";
    for (const Value& one : *exceptions->if_array())
      out << "  " << printable(one.text_or("id", "")) << "  " << printable(one.text_or("title", ""))
          << '\n';
  }
  out << '\n';
  const std::string text(rule.text_or("text", ""));
  for (const std::string_view line : base::split(base::trim(text), '\n'))
    out << printable(line) << '\n';
  return Exit::Ok;
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const std::string id = TRY(find_rule(client, arguments.rule));
  const auto rule = TRY(client.call("GET", "/rules/" + base::percent_encode(id)));
  return print_rule(session, rule);
}

Outcome<Exit> set(const Session& session, const Arguments& arguments, Value::Object body) {
  auto client = TRY(session.connect());
  const std::string id = TRY(find_rule(client, arguments.rule));
  body.push_back({"comment", Value(arguments.comment)});
  const auto rule = TRY(client.call("PATCH", "/rules/" + base::percent_encode(id),
                                    Value(std::move(body)).to_json(), if_match_of(arguments.etag)));
  return print_rule(session, rule);
}

Outcome<Exit> enable(const Session& session, const Arguments& arguments) {
  return set(session, arguments, {{"enabled", Value(true)}});
}
Outcome<Exit> disable(const Session& session, const Arguments& arguments) {
  return set(session, arguments, {{"enabled", Value(false)}});
}
Outcome<Exit> set_severity(const Session& session, const Arguments& arguments) {
  const bool own = base::equal_ignore_case(arguments.severity, "own");
  return set(session, arguments, {{"severity", own ? Value() : Value(arguments.severity)}});
}

constexpr std::initializer_list<Field> kTextFields = {
    {"Id", "id"},        {"Title", "title"},     {"Why", "comment"},  {"Created", "created"},
    {"By", "createdBy"}, {"Changed", "updated"}, {"By", "updatedBy"}, {"ETag", "etag"}};

Outcome<std::string> text_body(const Arguments& arguments) {
  Value::Object body;
  body.push_back({"text", Value(TRY(read_whole_file(arguments.file)))});
  if (!arguments.comment.empty()) body.push_back({"comment", Value(arguments.comment)});
  return Value(std::move(body)).to_json();
}

Outcome<Exit> add(const Session& session, const Arguments& arguments) {
  const std::string body = TRY(text_body(arguments));
  auto client = TRY(session.connect());
  const auto made = TRY(client.call("POST", "/rules", body));
  return print_object(session, made, kTextFields);
}

Outcome<Exit> replace(const Session& session, const Arguments& arguments) {
  const std::string body = TRY(text_body(arguments));
  auto client = TRY(session.connect());
  const std::string id = TRY(find_rule(client, arguments.rule));
  const auto made = TRY(
      client.call("PUT", "/rules/" + base::percent_encode(id), body, if_match_of(arguments.etag)));
  return print_object(session, made, kTextFields);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const std::string id = TRY(find_rule(client, arguments.rule));
  TRY(client.call("DELETE", "/rules/" + base::percent_encode(id), {}, if_match_of(arguments.etag)));
  return Exit::Ok;
}

// --- history ---

struct HuntArguments {
  std::string rule;
  std::string from;
  std::string to;
  std::string device;
  std::size_t examples = 20;
};

void add_span(CLI::App& command, HuntArguments& arguments) {
  command.add_option("--from", arguments.from, "From when on (default: thirty days ago)")
      ->type_name("TIME");
  command.add_option("--to", arguments.to, "Until when (default: now)")->type_name("TIME");
  command.add_option("--device", arguments.device, "Only events of this device")
      ->type_name("DEVICE");
  command.add_option("--examples", arguments.examples, "So many examples (default 20)")
      ->type_name("COUNT")
      ->check(in_range(0, 500));
}

void put_span(const HuntArguments& arguments, Value::Object& body) {
  for (const auto& [name, value] :
       {std::pair<const char*, const std::string&>{"from", arguments.from},
        {"to", arguments.to},
        {"device", arguments.device}}) {
    if (!value.empty()) body.push_back({name, Value(value)});
  }
  body.push_back({"examples", Value(static_cast<std::int64_t>(arguments.examples))});
}

Outcome<Exit> print_hunt(const Session& session, const Value& found) {
  const auto shown = print_object(session, found,
                                  {{"From", "from"},
                                   {"To", "to"},
                                   {"Reached", "reached"},
                                   {"Events", "events"},
                                   {"Hits", "hits.raised"},
                                   {"Hits hidden", "hits.hidden"},
                                   {"Alerts", "alerts.raised"},
                                   {"Alerts hidden", "alerts.hidden"}});
  if (!shown || session.format() != Format::Table) return shown;
  const Value* examples = found.find("examples");
  if (examples == nullptr || examples->if_array() == nullptr) return shown;
  std::ostream& out = session.environment.out;
  for (const Value& one : *examples->if_array()) {
    const Value* hidden = one.find("hidden");
    const bool gone = hidden != nullptr && hidden->if_bool() != nullptr && *hidden->if_bool();
    out << '\n'
        << printable(one.text_or("time", "")) << "  " << printable(one.text_or("deviceId", ""))
        << "  " << printable(one.text_or("title", "")) << (gone ? "  (hidden)" : "") << "\n  "
        << printable(one.text_or("why", "")) << '\n';
  }
  session.note("rules and correlations were run; detectors and custom alerts were not");
  const Value* complete = found.find("complete");
  if (complete != nullptr && complete->if_bool() != nullptr && !*complete->if_bool())
    session.note("there was no time for all of it; go on with --from " +
                 printable(found.text_or("reached", "")));
  return shown;
}

Outcome<Exit> hunt(const Session& session, const HuntArguments& arguments) {
  Value::Object body;
  auto client = TRY(session.connect());
  std::error_code error;
  if (std::filesystem::is_regular_file(arguments.rule, error)) {
    body.push_back({"text", Value(TRY(read_whole_file(arguments.rule)))});
  } else {
    body.push_back({"rule", Value(TRY(find_rule(client, arguments.rule)))});
  }
  put_span(arguments, body);
  const Answer answer = TRY(client.send("POST", "/rules/hunt", Value(std::move(body)).to_json(), {},
                                        std::chrono::seconds(kPatience)));
  const Value found = TRY(read_answer(answer));
  return print_hunt(session, found);
}

// --- exceptions ---

struct ExceptionArguments {
  HuntArguments span;
  std::string rule;
  std::string title;
  std::string comment;
  std::string file;
  std::string id;
  std::string etag;
  std::vector<std::string> where;
};

// "CommandLine|contains=backup": a field with its modifiers, and a value. The same field again is
// another value of it.
Outcome<Value> read_conditions(const std::vector<std::string>& where) {
  std::vector<std::pair<std::string, Value::Array>> fields;
  for (const std::string& one : where) {
    const std::size_t sign = one.find('=');
    if (sign == 0 || sign == std::string::npos)
      return give_up(Exit::Usage, "--where: expected FIELD=VALUE, found " + one);
    const std::string field = one.substr(0, sign);
    auto found = std::ranges::find(fields, field, [](const auto& each) { return each.first; });
    if (found == fields.end()) found = fields.insert(fields.end(), {field, {}});
    found->second.emplace_back(one.substr(sign + 1));
  }
  Value::Array out;
  for (auto& [name, values] : fields) {
    const std::size_t bar = name.find('|');
    Value::Object condition;
    condition.push_back({"field", Value(name.substr(0, bar))});
    if (bar != std::string::npos) condition.push_back({"modifiers", Value(name.substr(bar + 1))});
    condition.push_back({"values", Value(std::move(values))});
    out.emplace_back(std::move(condition));
  }
  return Value(std::move(out));
}

Outcome<Value::Object> exception_body(Client& client, const ExceptionArguments& arguments) {
  Value::Object body;
  if (!arguments.comment.empty()) body.push_back({"comment", Value(arguments.comment)});
  if (!arguments.file.empty()) {
    body.push_back({"text", Value(TRY(read_whole_file(arguments.file)))});
    return body;
  }
  if (arguments.rule.empty() || arguments.where.empty())
    return give_up(Exit::Usage, "name a rule and --where, or a Sigma filter with --file");
  body.push_back({"rule", Value(TRY(find_rule(client, arguments.rule)))});
  body.push_back({"conditions", TRY(read_conditions(arguments.where))});
  body.push_back(
      {"title", Value(arguments.title.empty() ? std::string("Exception") : arguments.title)});
  return body;
}

Outcome<Exit> list_exceptions(const Session& session, const ExceptionArguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/rule-exceptions";
  if (!arguments.rule.empty()) add_parameter(path, "rule", TRY(find_rule(client, arguments.rule)));
  const auto found = TRY(client.call("GET", path));
  return print_list(session, found,
                    {{"Id", "id"}, {"Title", "title"}, {"Origin", "origin"}, {"Rules", "rules"}});
}

Outcome<Exit> show_exception(const Session& session, const ExceptionArguments& arguments) {
  auto client = TRY(session.connect());
  const auto found =
      TRY(client.call("GET", "/rule-exceptions/" + base::percent_encode(arguments.id)));
  const auto shown = print_object(session, found, kTextFields);
  if (!shown || session.format() != Format::Table) return shown;
  session.environment.out << '\n';
  const std::string text(found.text_or("text", ""));
  for (const std::string_view line : base::split(base::trim(text), '\n'))
    session.environment.out << printable(line) << '\n';
  return shown;
}

Outcome<Exit> add_exception(const Session& session, const ExceptionArguments& arguments) {
  auto client = TRY(session.connect());
  auto body = TRY(exception_body(client, arguments));
  const auto made = TRY(client.call("POST", "/rule-exceptions", Value(std::move(body)).to_json()));
  return print_object(session, made, kTextFields);
}

Outcome<Exit> preview_exception(const Session& session, const ExceptionArguments& arguments) {
  auto client = TRY(session.connect());
  auto body = TRY(exception_body(client, arguments));
  put_span(arguments.span, body);
  const Answer answer =
      TRY(client.send("POST", "/rule-exceptions/preview", Value(std::move(body)).to_json(), {},
                      std::chrono::seconds(kPatience)));
  const Value found = TRY(read_answer(answer));
  return print_hunt(session, found);
}

Outcome<Exit> remove_exception(const Session& session, const ExceptionArguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", "/rule-exceptions/" + base::percent_encode(arguments.id), {},
                  if_match_of(arguments.etag)));
  return Exit::Ok;
}

void add_conditions(CLI::App& command, ExceptionArguments& arguments) {
  command.add_option("RULE", arguments.rule, "Id or title of the rule")->type_name("");
  command
      .add_option(
          "--where", arguments.where,
          "What it is not raised for: all of these fields; of one field, any of the values; "
          "* and ? are wildcards")
      ->type_name("FIELD[|MODIFIER]=VALUE");
  command.add_option("--title", arguments.title, "What it is for")->type_name("TEXT");
  command.add_option("--file", arguments.file, "A Sigma filter instead")->type_name("FILE");
}

void add_exception_verbs(CLI::App& rule, Session& session) {
  auto* noun = rule.add_subcommand("exception", "What rules are not raised for");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<ExceptionArguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  auto [all, listed] = verb("list", "List exceptions", list_exceptions);
  all->add_option("--rule", listed->rule, "Only those of this rule")->type_name("RULE");
  auto [one, shown] = verb("show", "Show an exception", show_exception);
  one->add_option("EXCEPTION", shown->id, "Its id")->type_name("")->required();
  auto [adding, added] = verb("add", "Make an exception", add_exception);
  add_conditions(*adding, *added);
  adding->add_option("--comment", added->comment, "Why")->type_name("TEXT");
  auto [trying, tried] =
      verb("preview", "Say what an exception would have hidden", preview_exception);
  add_conditions(*trying, *tried);
  add_span(*trying, tried->span);
  auto [removing, removed] = verb("remove", "Delete an exception", remove_exception);
  removing->add_option("EXCEPTION", removed->id, "Its id")->type_name("")->required();
  add_if_match(*removing, removed->etag);
}

}  // namespace

void add_hub_rule_verbs(CLI::App& noun, Session& session) {
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(noun, session, name, description, run);
  };
  const auto of_rule = [](CLI::App& command, Arguments& arguments) {
    command.add_option("RULE", arguments.rule, "Id or title of the rule")
        ->type_name("")
        ->required();
  };
  auto [all, listed] = verb("list", "List rules, those that cannot run too", list);
  all->add_option("--search", listed->search, "Only rules that contain this text")
      ->type_name("TEXT");
  all->add_option("--state", listed->state, "Only rules in this state")
      ->type_name("enabled|disabled|unusable|noEvents")
      ->check(one_of({"enabled", "disabled", "unusable", "noEvents"}));
  all->add_option("--origin", listed->origin, "Only rules from there")
      ->type_name("builtin|folder|own")
      ->check(one_of({"builtin", "folder", "own"}));
  all->add_option("--severity", listed->severity, "Only rules of this severity")
      ->type_name("High|Medium|Low|Informational")
      ->transform(one_of({"High", "Medium", "Low", "Informational"}, CLI::ignore_case));
  add_limit(*all, listed->limit);
  auto [one, shown] = verb("show", "Show a rule with its text, setting and exceptions", show);
  of_rule(*one, *shown);
  for (const auto& [name, description, run] :
       {std::tuple<const char*, const char*, Run<Arguments>>{"enable", "Switch a rule on", enable},
        {"disable", "Switch a rule off", disable}}) {
    auto [command, given] = verb(name, description, run);
    of_rule(*command, *given);
    command->add_option("--comment", given->comment, "Why")->type_name("TEXT");
    add_if_match(*command, given->etag);
  }
  auto [severity, given] = verb("severity", "Give a rule another severity", set_severity);
  of_rule(*severity, *given);
  severity->add_option("SEVERITY", given->severity, "High, Medium, Low, Informational or own")
      ->type_name("")
      ->required()
      ->transform(one_of({"High", "Medium", "Low", "Informational", "own"}, CLI::ignore_case));
  severity->add_option("--comment", given->comment, "Why")->type_name("TEXT");
  add_if_match(*severity, given->etag);
  auto [adding, added] = verb("add", "Add rules of one's own", add);
  adding->add_option("FILE", added->file, "Sigma rules")->type_name("")->required();
  adding->add_option("--comment", added->comment, "Why")->type_name("TEXT");
  auto [replacing, replaced] = verb("replace", "Change rules of one's own", replace);
  of_rule(*replacing, *replaced);
  replacing->add_option("FILE", replaced->file, "Sigma rules")->type_name("")->required();
  replacing->add_option("--comment", replaced->comment, "Why")->type_name("TEXT");
  add_if_match(*replacing, replaced->etag);
  auto [removing, removed] = verb("remove", "Delete rules of one's own", remove);
  of_rule(*removing, *removed);
  add_if_match(*removing, removed->etag);
  auto [hunting, hunted] =
      add_verb<HuntArguments>(noun, session, "hunt", "Run a rule over stored history", hunt);
  hunting->add_option("RULE", hunted->rule, "Id or title of a rule of the hub, or a file of rules")
      ->type_name("")
      ->required();
  add_span(*hunting, *hunted);
  add_exception_verbs(noun, session);
}

}  // namespace cli
