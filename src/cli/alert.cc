// vedette alert ...
#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/alert_filter.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string id;
  AlertFilter filter;
  std::string by = "rule";
  std::string status;
  std::string verdict;
  std::string assignee;
  std::string severity;
  std::string comment;
  std::string etag;
  std::string file;
  std::string token;
  bool nobody = false;
  bool yes = false;
  std::size_t limit = 100;
};

std::string path_of(const Arguments& arguments) {
  return "/alerts/" + base::percent_encode(arguments.id);
}

const std::initializer_list<Field> kColumns = {{"Severity", "severity"},
                                               {"Status", "status"},
                                               {"Last seen", "lastSeen"},
                                               {"Hits", "hitCount"},
                                               {"Device", "deviceId"},
                                               {"Title", "title"},
                                               {"Id", "id"}};

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/alerts";
  arguments.filter.add_to(path);
  auto alerts = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, alerts, kColumns);
}

Outcome<Exit> count(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/alerts/counts";
  add_parameter(path, "by", arguments.by);
  add_parameter(path, "limit", std::to_string(std::min<std::size_t>(arguments.limit, 1000)));
  arguments.filter.add_to(path);
  auto groups = TRY(client.call("GET", path));
  return print_list(session, groups,
                    {{"Alerts", "alerts"},
                     {"Open", "open"},
                     {"Hits", "hits"},
                     {"Severity", "severity"},
                     {"Last seen", "lastSeen"},
                     {"Group", "title"}});
}

Outcome<Exit> save(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/alerts/export";
  arguments.filter.add_to(path);
  auto answer = TRY(client.send("GET", path));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  if (arguments.file.empty() || arguments.file == "-") {
    session.environment.out << answer.body;
    return Exit::Ok;
  }
  std::ofstream file(arguments.file, std::ios::binary);
  file << answer.body;
  file.close();
  if (!file) return give_up(Exit::Failure, "cannot write " + arguments.file);
  return Exit::Ok;
}

Outcome<Exit> related(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", path_of(arguments) + "/related?limit=100"));
  const auto shown = print_list(session, found,
                                {{"Severity", "alert.severity"},
                                 {"Status", "alert.status"},
                                 {"Device", "alert.deviceId"},
                                 {"Title", "alert.title"},
                                 {"Id", "alert.id"}});
  if (!shown || session.format() != Format::Table) return shown;
  const Value* items = found.find("items");
  if (items == nullptr || items->if_array() == nullptr) return shown;
  for (const Value& one : *items->if_array()) {
    session.environment.out << '\n' << printable(cell(find_path(one, "alert.id"))) << '\n';
    const Value* reasons = one.find("reasons");
    if (reasons == nullptr || reasons->if_array() == nullptr) continue;
    for (const Value& reason : *reasons->if_array())
      session.environment.out << "  " << printable(cell(reason.find("text"))) << '\n';
  }
  return shown;
}

void print_texts(std::ostream& out, const char* heading, const Value& alert, const char* name) {
  const Value* member = alert.find(name);
  const Value::Array* texts = member == nullptr ? nullptr : member->if_array();
  if (texts == nullptr || texts->empty()) return;
  out << '\n' << heading << '\n';
  int number = 0;
  for (const Value& text : *texts)
    out << "  " << ++number << ". " << printable(cell(&text)) << '\n';
}

void print_evidence(std::ostream& out, const Value& alert) {
  const Value* evidence = alert.find("evidence");
  if (evidence == nullptr || evidence->if_array() == nullptr) return;
  for (const Value& event : *evidence->if_array()) {
    out << "\nEvidence: " << printable(cell(event.find("name"))) << " at "
        << printable(cell(event.find("time"))) << '\n';
    const Value* matched = event.find("matched");
    if (matched == nullptr || matched->if_array() == nullptr) continue;
    for (const Value& match : *matched->if_array()) {
      out << "  " << printable(cell(match.find("field"))) << " = "
          << printable(cell(match.find("value"))) << '\n'
          << "    matches " << printable(cell(match.find("pattern"))) << '\n';
    }
  }
}

void print_history(std::ostream& out, const Value& alert) {
  const Value* history = alert.find("history");
  if (history == nullptr || history->if_array() == nullptr) return;
  out << "\nHistory\n";
  for (const Value& entry : *history->if_array()) {
    out << "  " << printable(cell(entry.find("time"))) << "  "
        << printable(cell(entry.find("action"))) << " by " << printable(cell(entry.find("actor")));
    const std::string detail = cell(entry.find("detail"));
    if (!detail.empty()) out << " (" << printable(detail) << ")";
    const std::string comment = cell(entry.find("comment"));
    if (!comment.empty()) out << ": " << printable(comment);
    out << '\n';
  }
}

Outcome<Exit> print_alert(const Session& session, const Value& alert) {
  const auto shown = print_object(session, alert,
                                  {{"Alert", "id"},
                                   {"Title", "title"},
                                   {"Severity", "severity"},
                                   {"Status", "status"},
                                   {"Verdict", "verdict"},
                                   {"Assigned to", "assignee"},
                                   {"Device", "deviceId"},
                                   {"Module", "moduleId"},
                                   {"About", "entity"},
                                   {"First seen", "firstSeen"},
                                   {"Last seen", "lastSeen"},
                                   {"Hits", "hitCount"},
                                   {"Rule", "rule.id"},
                                   {"What happened", "description"},
                                   {"Why flagged", "whyFlagged"}});
  if (!shown || session.format() != Format::Table) return shown;
  std::ostream& out = session.environment.out;
  print_evidence(out, alert);
  print_texts(out, "What to do", alert, "remediation");
  print_history(out, alert);
  // Line ends belong to the query; it is our own text with quoted values in it.
  out << "\nThe KQL that shows it\n";
  const std::string query = cell(alert.find("query"));
  for (const std::string_view line : base::split(query, '\n'))
    out << "  " << printable(line) << '\n';
  return Exit::Ok;
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto alert = TRY(client.call("GET", path_of(arguments)));
  return print_alert(session, alert);
}

// What is to be changed, by the options that were given.
Value change_of(const Arguments& arguments) {
  Value::Object body;
  const auto add = [&body](const char* name, const std::string& value) {
    if (!value.empty()) body.push_back({name, Value(value)});
  };
  add("status", arguments.status);
  add("verdict", arguments.verdict);
  add("severity", arguments.severity);
  add("comment", arguments.comment);
  add("assignee", arguments.assignee);
  if (arguments.nobody) body.push_back({"assignee", Value()});
  return Value(std::move(body));
}

Outcome<Exit> update(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto alert = TRY(client.call("PATCH", path_of(arguments), change_of(arguments).to_json(),
                               if_match_of(arguments.etag)));
  return print_alert(session, alert);
}

Outcome<Exit> set_status(const Session& session, Arguments arguments, const char* status) {
  arguments.status = status;
  return update(session, arguments);
}

Outcome<Exit> carry_out(const Session& session, Client& client, const std::string& token) {
  auto done = TRY(
      client.call("POST", "/alerts/bulk", Value(Value::Object{{"token", Value(token)}}).to_json()));
  return print_object(
      session, done,
      {{"Which", "predicate"}, {"What", "effect"}, {"Changed", "changed"}, {"Skipped", "skipped"}});
}

// Shows what it would touch; does it when told so.
Outcome<Exit> change_many(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  if (!arguments.token.empty()) return carry_out(session, client, arguments.token);
  Value::Object body;
  body.push_back({"filter", arguments.filter.to_json()});
  body.push_back({"change", change_of(arguments)});
  auto plan = TRY(client.call("POST", "/alerts/bulk/test", Value(std::move(body)).to_json()));
  if (arguments.yes) return carry_out(session, client, cell(plan.find("token")));
  const auto shown = print_object(session, plan,
                                  {{"Which", "predicate"},
                                   {"What", "effect"},
                                   {"Alerts", "alerts"},
                                   {"New", "byStatus.new"},
                                   {"Active", "byStatus.active"},
                                   {"Closed", "byStatus.closed"},
                                   {"High", "bySeverity.High"},
                                   {"Medium", "bySeverity.Medium"},
                                   {"Low", "bySeverity.Low"},
                                   {"Informational", "bySeverity.Informational"},
                                   {"Until", "expires"}});
  if (shown && session.format() == Format::Table) {
    session.environment.out << "\nNothing is changed yet. To change exactly these alerts:\n"
                            << "  vedette alert change-many --token "
                            << printable(cell(plan.find("token"))) << '\n';
  }
  return shown;
}

void add_verdict(CLI::App& command, Arguments& arguments) {
  command.add_option("--verdict", arguments.verdict, "What it turned out to be")
      ->type_name("truePositive|benign|falsePositive|undetermined")
      ->check(one_of({"truePositive", "benign", "falsePositive", "undetermined"}));
}

void add_comment(CLI::App& command, Arguments& arguments) {
  command.add_option("--comment", arguments.comment, "Why; kept in its history")->type_name("TEXT");
}

void add_severity(CLI::App& command, Arguments& arguments) {
  command.add_option("--set-severity", arguments.severity, "Give it this severity")
      ->type_name("High|Medium|Low|Informational")
      ->transform(one_of({"High", "Medium", "Low", "Informational"}, CLI::ignore_case));
}

void add_assignee(CLI::App& command, Arguments& arguments) {
  auto* somebody =
      command.add_option("--to", arguments.assignee, "Who is to look at it")->type_name("USER");
  command.add_flag("--to-nobody", arguments.nobody, "Take it from whoever has it")
      ->excludes(somebody);
}

using Verb = std::function<std::pair<CLI::App*, std::shared_ptr<Arguments>>(
    const char*, const char*, Run<Arguments>)>;

// Commands about one alert.
void add_single(const Verb& verb) {
  const auto one = [&verb](const char* name, const char* description, Run<Arguments> run) {
    auto [command, arguments] = verb(name, description, run);
    command->add_option("ALERT", arguments->id, "Id of the alert")->type_name("")->required();
    return std::pair(command, arguments);
  };
  one("show", "Show an alert: evidence, what to do, history", show);
  one("related", "Alerts that belong to it, and why", related);

  auto [close, closed] = one("close", "Close an alert", [](const Session& s, const Arguments& a) {
    return set_status(s, a, "closed");
  });
  add_verdict(*close, *closed);
  add_comment(*close, *closed);
  add_if_match(*close, closed->etag);

  auto [reopen, reopened] =
      one("reopen", "Open a closed alert again",
          [](const Session& s, const Arguments& a) { return set_status(s, a, "active"); });
  add_comment(*reopen, *reopened);

  auto [change, changed] =
      one("update", "Change state, verdict, severity, or who is at it", update);
  change->add_option("--set-status", changed->status, "Bring it into this state")
      ->type_name("new|active|closed")
      ->check(one_of({"new", "active", "closed"}));
  add_verdict(*change, *changed);
  add_severity(*change, *changed);
  add_assignee(*change, *changed);
  add_comment(*change, *changed);
  add_if_match(*change, changed->etag);
}

// Commands about all that a filter lets through.
void add_several(const Verb& verb) {
  auto [all, listed] = verb("list", "List alerts, newest first", list);
  add_alert_filter(*all, listed->filter);
  add_limit(*all, listed->limit);

  auto [groups, counted] = verb("count", "Count alerts by what they have in common", count);
  groups->add_option("--by", counted->by, "What that is (default rule)")
      ->type_name("severity|status|verdict|rule|device|entity|assignee|tactic|technique|day")
      ->check(one_of({"severity", "status", "verdict", "rule", "device", "entity", "assignee",
                      "tactic", "technique", "day"}));
  add_alert_filter(*groups, counted->filter);
  add_limit(*groups, counted->limit);

  auto [exports, saved] = verb("export", "Write alerts as CSV", save);
  exports->add_option("--file", saved->file, "Where to; - or nothing: to the output")
      ->type_name("FILE");
  add_alert_filter(*exports, saved->filter);

  auto [many, changed] =
      verb("change-many", "Change all alerts that match; says first which these are", change_many);
  add_alert_filter(*many, changed->filter);
  many->add_option("--set-status", changed->status, "Bring them into this state")
      ->type_name("new|active|closed")
      ->check(one_of({"new", "active", "closed"}));
  add_verdict(*many, *changed);
  add_severity(*many, *changed);
  add_assignee(*many, *changed);
  add_comment(*many, *changed);
  many->add_option("--token", changed->token, "Carry out what was shown before with this token")
      ->type_name("TOKEN");
  many->add_flag("--yes", changed->yes, "Do it at once");
}

}  // namespace

void add_alert(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("alert", "What was detected");
  noun->require_subcommand(1);
  const Verb verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  add_several(verb);
  add_single(verb);
}

}  // namespace cli
