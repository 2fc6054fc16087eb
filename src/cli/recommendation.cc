// vedette recommendation ..., vedette score
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
  std::string state;
  std::string severity;
  std::string group;
  std::string device;
  std::string item;
  std::string search;
  std::string reason;
  std::string expires;
  std::size_t limit = 100;
  bool dry_run = false;
  bool groups = false;
};

const Value::Array& items_of(const Value& object, std::string_view name) {
  static const Value::Array kNone;
  const Value* found = object.find(name);
  return found == nullptr || found->if_array() == nullptr ? kNone : *found->if_array();
}

std::string path_of(const Arguments& arguments, std::string_view rest = {}) {
  return "/recommendations/" + base::percent_encode(arguments.name) + std::string(rest);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/recommendations";
  add_parameter(path, "state", arguments.state);
  add_parameter(path, "severity", arguments.severity);
  add_parameter(path, "group", arguments.group);
  add_parameter(path, "device", arguments.device);
  auto found = TRY(client.call("GET", path));
  return print_list(session, found,
                    {{"State", "state"},
                     {"Severity", "severity"},
                     {"Unhealthy", "unhealthy"},
                     {"Healthy", "healthy"},
                     {"Dismissed", "dismissed"},
                     {"Name", "name"},
                     {"Title", "title"}});
}

void print_lines(std::ostream& out, const Value& item, const char* name, const char* mark) {
  for (const Value& text : items_of(item, name))
    out << "      " << mark << printable(cell(&text)) << '\n';
}

// What is wrong with one device, and what to do.
void print_assessment(std::ostream& out, const Value& assessment) {
  const std::string device = cell(assessment.find("deviceId"));
  out << '\n'
      << (device.empty() ? "The hub" : printable(device)) << ": "
      << printable(cell(assessment.find("state"))) << '\n';
  for (const Value& item : items_of(assessment, "items")) {
    out << "  " << printable(cell(item.find("severity"))) << "  "
        << printable(cell(item.find("title")));
    const Value* exception = item.find("exception");
    if (exception != nullptr && !exception->is_null())
      out << " (accepted by exception " << printable(cell(exception)) << ")";
    out << '\n';
    print_lines(out, item, "steps", "");
    print_lines(out, item, "commands", "$ ");
  }
}

Outcome<Value> fetch_devices(Client& client, const Arguments& arguments) {
  std::string path = path_of(arguments, "/devices");
  add_parameter(path, "state", arguments.state);
  add_parameter(path, "group", arguments.group);
  add_parameter(path, "search", arguments.search);
  add_parameter(path, "item", arguments.item);
  return fetch_list(client, path, arguments.limit);
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto what = TRY(client.call("GET", path_of(arguments)));
  const auto shown = print_object(session, what,
                                  {{"Recommendation", "name"},
                                   {"Title", "title"},
                                   {"State", "state"},
                                   {"Severity", "severity"},
                                   {"Decided from", "source"},
                                   {"Unhealthy", "unhealthy"},
                                   {"Healthy", "healthy"},
                                   {"Dismissed", "dismissed"},
                                   {"Evaluated", "evaluated"},
                                   {"What it means", "description"},
                                   {"What to do", "remediation"}});
  if (!shown || session.format() != Format::Table) return shown;
  Arguments unhealthy = arguments;
  unhealthy.state = "active";
  unhealthy.limit = 10;
  auto devices = TRY(fetch_devices(client, unhealthy));
  for (const Value& assessment : items_of(devices, "items"))
    print_assessment(session.environment.out, assessment);
  return Exit::Ok;
}

Outcome<Exit> devices(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(fetch_devices(client, arguments));
  return print_list(session, found,
                    {{"Device", "deviceId"},
                     {"Group", "securityGroup"},
                     {"State", "state"},
                     {"Severity", "severity"},
                     {"Items", "itemCount"},
                     {"Accepted", "acceptedCount"},
                     {"Since", "discovered"},
                     {"Evaluated", "evaluated"}});
}

Outcome<Exit> items(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = path_of(arguments, "/items");
  add_parameter(path, "group", arguments.group);
  add_parameter(path, "device", arguments.device);
  add_parameter(path, "limit", std::to_string(arguments.limit));
  auto found = TRY(client.call("GET", path));
  return print_list(session, found,
                    {{"Severity", "severity"},
                     {"Devices", "devices"},
                     {"Accepted", "accepted"},
                     {"Since", "since"},
                     {"Key", "key"},
                     {"Title", "title"}});
}

Outcome<Exit> of_device(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call(
      "GET", "/devices/" + base::percent_encode(arguments.device) + "/recommendations"));
  return print_list(session, found,
                    {{"State", "state"},
                     {"Severity", "severity"},
                     {"Items", "itemCount"},
                     {"Since", "discovered"},
                     {"Recommendation", "recommendation"},
                     {"Title", "title"}});
}

std::string exception_json(const Arguments& arguments) {
  Value::Object body;
  const auto add = [&body](const char* name, const std::string& text) {
    if (!text.empty()) body.push_back({name, Value(text)});
  };
  add("recommendation", arguments.name);
  add("deviceId", arguments.device);
  add("securityGroup", arguments.group);
  add("item", arguments.item);
  add("reason", arguments.reason);
  add("expires", arguments.expires);
  return Value(std::move(body)).to_json();
}

Outcome<Exit> dismiss(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const std::string body = exception_json(arguments);
  const auto preview = TRY(client.call("POST", "/recommendation-exceptions/test", body));
  const std::string touched = fmt::format("{} items of {} devices", cell(preview.find("items")),
                                          cell(preview.find("devices")));
  if (arguments.dry_run) {
    session.note("would accept " + touched);
    return print_object(session, preview,
                        {{"Items", "items"}, {"Devices", "devices"}, {"Some", "examples"}});
  }
  if (arguments.reason.empty())
    return give_up(Exit::Usage, "--reason is missing", "Say why this is accepted.");
  auto made = TRY(client.call("POST", "/recommendation-exceptions", body));
  session.note("accepted " + touched);
  return print_object(session, made,
                      {{"Exception", "id"},
                       {"Recommendation", "recommendation"},
                       {"Device", "deviceId"},
                       {"Group", "securityGroup"},
                       {"Item", "item"},
                       {"Reason", "reason"},
                       {"By", "actor"},
                       {"Until", "expires"}});
}

Outcome<Exit> exceptions(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/recommendation-exceptions"));
  return print_list(session, found,
                    {{"Id", "id"},
                     {"Recommendation", "recommendation"},
                     {"Device", "deviceId"},
                     {"Group", "securityGroup"},
                     {"Item", "item"},
                     {"By", "actor"},
                     {"Until", "expires"},
                     {"Reason", "reason"}});
}

Outcome<Exit> restore(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", "/recommendation-exceptions/" + base::percent_encode(arguments.name)));
  return Exit::Ok;
}

Outcome<Exit> score(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  if (arguments.groups) {
    auto found = TRY(client.call("GET", "/score/groups"));
    return print_list(session, found,
                      {{"Group", "securityGroup"}, {"Score", "percent"}, {"Devices", "devices"}});
  }
  std::string path = "/score";
  add_parameter(path, "group", arguments.group);
  add_parameter(path, "device", arguments.device);
  auto found = TRY(client.call("GET", path));
  const auto shown = print_object(session, found, {{"Score", "percent"}, {"Devices", "devices"}});
  if (!shown || session.format() != Format::Table) return shown;
  const Grid grid = make_grid(items_of(found, "parts"), {{"Gain", "gain"},
                                                         {"Points", "points"},
                                                         {"Of", "most"},
                                                         {"Unhealthy", "unhealthy"},
                                                         {"Healthy", "healthy"},
                                                         {"Recommendation", "title"}});
  if (grid.rows.empty()) {
    session.note("nothing was assessed yet");
    return Exit::Ok;
  }
  session.environment.out << '\n';
  print_table(session.environment.out, grid, session.color());
  return Exit::Ok;
}

void add_name(CLI::App& command, std::string& name) {
  command.add_option("RECOMMENDATION", name, "Its name, as in IoT_OpenPorts")
      ->type_name("")
      ->required();
}

void add_group(CLI::App& command, std::string& group) {
  command.add_option("--group", group, "Only devices of this security group")->type_name("GROUP");
}

void add_state(CLI::App& command, std::string& state) {
  command.add_option("--state", state, "Only those in this state")
      ->type_name("active|resolved|dismissed")
      ->check(one_of({"active", "resolved", "dismissed"}));
}

using AddVerb = std::function<std::pair<CLI::App*, std::shared_ptr<Arguments>>(
    const char*, const char*, Run<Arguments>)>;

void add_reading(const AddVerb& verb) {
  auto [all, listed] = verb("list", "List recommendations, the most urgent first", list);
  add_state(*all, listed->state);
  all->add_option("--severity", listed->severity, "Only those of this severity")
      ->type_name("High|Medium|Low")
      ->transform(one_of({"High", "Medium", "Low"}, CLI::ignore_case));
  add_group(*all, listed->group);
  all->add_option("--device", listed->device, "Only of this device")->type_name("DEVICE");

  auto [one, shown] =
      verb("show", "Show a recommendation: what it means, who is unhealthy, what to do", show);
  add_name(*one, shown->name);
  add_group(*one, shown->group);

  auto [who, asked] = verb("devices", "List the devices that were assessed", devices);
  add_name(*who, asked->name);
  add_state(*who, asked->state);
  add_group(*who, asked->group);
  who->add_option("--item", asked->item, "Only devices with this item: a key of `items`")
      ->type_name("KEY");
  who->add_option("--search", asked->search, "Only devices whose id contains this")
      ->type_name("TEXT");
  add_limit(*who, asked->limit);

  auto [what, counted] =
      verb("items", "List what is wrong, counted over devices: ports, rules, checks", items);
  add_name(*what, counted->name);
  add_group(*what, counted->group);
  what->add_option("--device", counted->device, "Only of this device")->type_name("DEVICE");
  what->add_option("--limit", counted->limit, "At most so many (default 100)")
      ->type_name("COUNT")
      ->check(in_range(1, 1000));

  auto [device, looked] = verb("device", "List all recommendations for a device", of_device);
  device->add_option("DEVICE", looked->device, "Id of the device")->type_name("")->required();
}

void add_changing(const AddVerb& verb) {
  auto [accept, accepted] =
      verb("dismiss", "Accept what is wrong, with a reason: all of it, or one item", dismiss);
  add_name(*accept, accepted->name);
  accept->add_option("--device", accepted->device, "Only on this device")->type_name("DEVICE");
  add_group(*accept, accepted->group);
  accept->add_option("--item", accepted->item, "Only this item: a key of `items`")
      ->type_name("KEY");
  accept->add_option("--reason", accepted->reason, "Why; kept with it")->type_name("TEXT");
  accept->add_option("--expires", accepted->expires, "Until then: 2027-01-31T00:00:00Z")
      ->type_name("TIME");
  accept->add_flag("--dry-run", accepted->dry_run, "Only say what it would accept");

  verb("exceptions", "List what was accepted, by whom and why", exceptions);

  auto [back, taken] = verb("restore", "Take an exception back", restore);
  back->add_option("EXCEPTION", taken->name, "Id of the exception")->type_name("")->required();
}

}  // namespace

void add_recommendation(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("recommendation",
                                      "How devices and the hub should be set up, and are not");
  noun->require_subcommand(1);
  const AddVerb verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  add_reading(verb);
  add_changing(verb);

  auto [whole, scored] = add_verb<Arguments>(
      program, session, "score", "How well the fleet is set up: 100 when nothing is wrong", score);
  add_group(*whole, scored->group);
  whole->add_option("--device", scored->device, "Of this device only")->type_name("DEVICE");
  whole->add_flag("--groups", scored->groups, "Of each security group");
}

}  // namespace cli
