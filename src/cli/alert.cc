// vedette alert ...
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string id;
  std::string status;
  std::string severity;
  std::string device;
  std::string search;
  std::string comment;
  std::size_t limit = 100;
};

std::string path_of(const Arguments& arguments) {
  return "/alerts/" + base::percent_encode(arguments.id);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  std::string path = "/alerts";
  add_parameter(path, "status", arguments.status);
  add_parameter(path, "severity", arguments.severity);
  add_parameter(path, "device", arguments.device);
  add_parameter(path, "search", arguments.search);
  auto alerts = fetch_list(*client, path, arguments.limit);
  if (!alerts) return std::unexpected(std::move(alerts.error()));
  return print_list(session, *alerts,
                    {{"Severity", "severity"},
                     {"Status", "status"},
                     {"Last seen", "lastSeen"},
                     {"Hits", "hitCount"},
                     {"Device", "deviceId"},
                     {"Title", "title"},
                     {"Id", "id"}});
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
                                   {"Device", "deviceId"},
                                   {"Module", "moduleId"},
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
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  auto alert = client->call("GET", path_of(arguments));
  if (!alert) return std::unexpected(std::move(alert.error()));
  return print_alert(session, *alert);
}

Outcome<Exit> set_status(const Session& session, const Arguments& arguments, const char* status) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  Value::Object body;
  body.push_back({"status", Value(std::string(status))});
  if (!arguments.comment.empty()) body.push_back({"comment", Value(arguments.comment)});
  auto alert = client->call("PATCH", path_of(arguments), Value(std::move(body)).to_json());
  if (!alert) return std::unexpected(std::move(alert.error()));
  return print_alert(session, *alert);
}

}  // namespace

void add_alert(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("alert", "What was detected");
  noun->require_subcommand(1);
  const auto verb = [&session, noun](const char* name, const char* description,
                                     Outcome<Exit> (*run)(const Session&, const Arguments&)) {
    auto arguments = std::make_shared<Arguments>();
    auto* command = noun->add_subcommand(name, description);
    command->callback([&session, arguments, run] {
      session.action = [&session, arguments, run] { return run(session, *arguments); };
    });
    return std::pair(command, arguments);
  };

  auto [all, listed] = verb("list", "List alerts, newest first", list);
  all->add_option("--status", listed->status, "Only alerts in this state; open: new or active")
      ->type_name("new|active|closed|open")
      ->check(one_of({"new", "active", "closed", "open"}));
  all->add_option("--severity", listed->severity, "Only alerts of this severity")
      ->type_name("High|Medium|Low|Informational")
      ->transform(one_of({"High", "Medium", "Low", "Informational"}, CLI::ignore_case));
  all->add_option("--device", listed->device, "Only alerts of this device")->type_name("DEVICE");
  all->add_option("--search", listed->search, "Only alerts that contain this text")
      ->type_name("TEXT");
  all->add_option("--limit", listed->limit, "At most so many (default 100)")
      ->type_name("COUNT")
      ->check(in_range(1, 1'000'000));

  auto [one, shown] = verb("show", "Show an alert: evidence, what to do, history", show);
  one->add_option("ALERT", shown->id, "Id of the alert")->type_name("")->required();

  auto [close, closed] = verb("close", "Close an alert", [](const Session& s, const Arguments& a) {
    return set_status(s, a, "closed");
  });
  close->add_option("ALERT", closed->id, "Id of the alert")->type_name("")->required();
  close->add_option("--comment", closed->comment, "Why; kept in its history")->type_name("TEXT");

  auto [reopen, reopened] =
      verb("reopen", "Open a closed alert again",
           [](const Session& s, const Arguments& a) { return set_status(s, a, "active"); });
  reopen->add_option("ALERT", reopened->id, "Id of the alert")->type_name("")->required();
  reopen->add_option("--comment", reopened->comment, "Why; kept in its history")->type_name("TEXT");
}

}  // namespace cli
