// vedette device ...
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/device_query.h"
#include "cli/thumbprints.h"
#include "cli/twin.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string device;
  std::string search;
  std::string status;
  std::string if_match;
  std::size_t limit = 1000;
  bool keys = false;
  Thumbprints thumbprints;
  // Of activity; as texts, empty ones are not asked for.
  std::string silent_hours;
  std::string security_silent_hours;
  std::string clock_off;
  std::string small_percent;
};

std::string path_of(const Arguments& arguments) {
  return "/devices/" + base::percent_encode(arguments.device);
}

constexpr auto kFields = {
    Field{"Device", "deviceId"},
    Field{"Status", "status"},
    Field{"Connection", "connectionState"},
    Field{"Last activity", "lastActivity"},
    Field{"Open alerts", "openAlerts"},
};

Outcome<Exit> show(const Session& session, const Value& device) {
  const auto printed =
      print_object(session, device,
                   {{"Device", "deviceId"},
                    {"Status", "status"},
                    {"Connection", "connectionState"},
                    {"Last activity", "lastActivity"},
                    {"Last message", "activity.lastTelemetry"},
                    {"Last security message", "activity.lastSecurityMessage"},
                    {"Security messages today", "activity.securityMessagesToday"},
                    {"Small ones of these", "activity.smallSecurityMessagesToday"},
                    {"Clock ahead by ms", "activity.clockAheadMs"},
                    {"Shares its credential", "sharesCredential"},
                    {"Created", "created"},
                    {"Open alerts", "openAlerts"},
                    {"Generation", "generationId"},
                    {"ETag", "etag"},
                    {"Proof", "authentication.type"},
                    {"Thumbprint", "authentication.x509Thumbprint.primaryThumbprint"},
                    {"Primary key", "authentication.symmetricKey.primaryKey"},
                    {"Secondary key", "authentication.symmetricKey.secondaryKey"},
                    {"Connection string", "connectionString"}});
  const Value* modules = device.find("modules");
  if (printed && session.format() == Format::Table && modules != nullptr &&
      modules->if_array() != nullptr && !modules->if_array()->empty()) {
    session.environment.out << '\n';
    print_table(session.environment.out,
                make_grid(*modules->if_array(), {{"Module", "moduleId"},
                                                 {"Connection", "connectionState"},
                                                 {"Last activity", "lastActivity"},
                                                 {"Agent", "agent.version"}}),
                session.color());
  }
  return printed;
}

Outcome<Exit> put(const Session& session, const Arguments& arguments,
                  const Client::Headers& headers) {
  Value::Object body;
  if (!arguments.status.empty()) body.push_back({"status", Value(arguments.status)});
  TRY(append_authentication(body, arguments.thumbprints));
  if (body.empty() && !headers.empty())
    return give_up(Exit::Usage, "nothing to change: give --status, --auth or --thumbprint");
  auto client = TRY(session.connect());
  auto device =
      TRY(client.call("PUT", path_of(arguments), Value(std::move(body)).to_json(), headers));
  return show(session, device);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/devices";
  add_parameter(path, "search", arguments.search);
  auto devices = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, devices, kFields);
}

Outcome<Exit> activity(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/activity";
  add_parameter(path, "silentHours", arguments.silent_hours);
  add_parameter(path, "securitySilentHours", arguments.security_silent_hours);
  add_parameter(path, "clockOffSeconds", arguments.clock_off);
  add_parameter(path, "smallPercent", arguments.small_percent);
  auto found = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, found,
                    {{"Device", "deviceId"},
                     {"Module", "moduleId"},
                     {"Connection", "connectionState"},
                     {"Last message", "lastTelemetry"},
                     {"Last security message", "lastSecurityMessage"},
                     {"Today", "securityMessagesToday"},
                     {"Small", "smallSecurityMessagesToday"},
                     {"Clock ahead by ms", "clockAheadMs"}});
}

void add_activity_options(CLI::App& command, Arguments& arguments) {
  command.add_option("--silent", arguments.silent_hours, "No message for so many hours, or never")
      ->type_name("HOURS")
      ->check(in_range(0, 8784));
  command
      .add_option("--security-silent", arguments.security_silent_hours,
                  "No security message for so many hours, or never")
      ->type_name("HOURS")
      ->check(in_range(0, 8784));
  command
      .add_option("--clock-off", arguments.clock_off,
                  "Whose clock is off by so many seconds or more")
      ->type_name("SECONDS")
      ->check(in_range(0, 2'000'000'000));
  command
      .add_option("--small", arguments.small_percent,
                  "So many percent or more of whose security messages of a day were under 4 KiB")
      ->type_name("PERCENT")
      ->check(in_range(0, 100));
  add_limit(command, arguments.limit);
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = path_of(arguments);
  if (arguments.keys) add_parameter(path, "keys", "true");
  auto device = TRY(client.call("GET", path));
  return show(session, device);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", path_of(arguments), {}, if_match_of(arguments.if_match)));
  return Exit::Ok;
}

}  // namespace

void add_device(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("device", "Device identities");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  const auto statuses = one_of({"enabled", "disabled"});

  auto [create, created] = verb("create", "Create a device and print it with its keys",
                                [](const Session& s, const Arguments& a) { return put(s, a, {}); });
  create->add_option("DEVICE", created->device, "Id of the device")->type_name("")->required();
  create->add_option("--status", created->status, "enabled (default) or disabled")
      ->type_name("enabled|disabled")
      ->check(statuses);

  add_thumbprints(*create, created->thumbprints);

  auto [all, listed] = verb("list", "List devices", list);
  all->add_option("--search", listed->search, "Only ids that contain this text")->type_name("TEXT");
  add_limit(*all, listed->limit);

  auto [one, shown] = verb("show", "Show a device", get);
  one->add_option("DEVICE", shown->device, "Id of the device")->type_name("")->required();
  one->add_flag("--keys", shown->keys, "With its keys and connection string");

  auto [seen, asked] = verb(
      "activity",
      "What devices and modules were last seen doing; filters leave those to look after", activity);
  add_activity_options(*seen, *asked);

  auto [update, updated] =
      verb("update", "Enable or disable a device, or change how it proves itself",
           [](const Session& s, const Arguments& a) {
             return put(s, a, {{"If-Match", a.if_match.empty() ? "*" : a.if_match}});
           });
  update->add_option("DEVICE", updated->device, "Id of the device")->type_name("")->required();
  update->add_option("--status", updated->status, "enabled or disabled")
      ->type_name("enabled|disabled")
      ->check(statuses);
  add_thumbprints(*update, updated->thumbprints);
  add_if_match(*update, updated->if_match);

  auto [erase, erased] = verb("delete", "Delete a device and its modules", remove);
  erase->add_option("DEVICE", erased->device, "Id of the device")->type_name("")->required();
  add_if_match(*erase, erased->if_match);

  add_twin(*noun, session, Modules::No);
  add_commands(*noun, session, Modules::No);
  add_device_query(*noun, session);
}

}  // namespace cli
