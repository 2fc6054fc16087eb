// vedette device ...
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"

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
  const auto printed = print_object(session, device,
                                    {{"Device", "deviceId"},
                                     {"Status", "status"},
                                     {"Connection", "connectionState"},
                                     {"Last activity", "lastActivity"},
                                     {"Created", "created"},
                                     {"Open alerts", "openAlerts"},
                                     {"Generation", "generationId"},
                                     {"ETag", "etag"},
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
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  Value::Object body;
  if (!arguments.status.empty()) body.push_back({"status", Value(arguments.status)});
  auto device = client->call("PUT", path_of(arguments), Value(std::move(body)).to_json(), headers);
  if (!device) return std::unexpected(std::move(device.error()));
  return show(session, *device);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  std::string path = "/devices";
  add_parameter(path, "search", arguments.search);
  auto devices = fetch_list(*client, path, arguments.limit);
  if (!devices) return std::unexpected(std::move(devices.error()));
  return print_list(session, *devices, kFields);
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  std::string path = path_of(arguments);
  if (arguments.keys) add_parameter(path, "keys", "true");
  auto device = client->call("GET", path);
  if (!device) return std::unexpected(std::move(device.error()));
  return show(session, *device);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  Client::Headers headers;
  if (!arguments.if_match.empty()) headers.emplace_back("If-Match", arguments.if_match);
  auto gone = client->call("DELETE", path_of(arguments), {}, headers);
  if (!gone) return std::unexpected(std::move(gone.error()));
  return Exit::Ok;
}

}  // namespace

void add_device(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("device", "Device identities");
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
  const auto statuses = one_of({"enabled", "disabled"});

  auto [create, created] = verb("create", "Create a device and print it with its keys",
                                [](const Session& s, const Arguments& a) { return put(s, a, {}); });
  create->add_option("DEVICE", created->device, "Id of the device")->type_name("")->required();
  create->add_option("--status", created->status, "enabled (default) or disabled")
      ->type_name("enabled|disabled")
      ->check(statuses);

  auto [all, listed] = verb("list", "List devices", list);
  all->add_option("--search", listed->search, "Only ids that contain this text")->type_name("TEXT");
  all->add_option("--limit", listed->limit, "At most so many (default 1000)")
      ->type_name("COUNT")
      ->check(in_range(1, 1'000'000));

  auto [one, shown] = verb("show", "Show a device", get);
  one->add_option("DEVICE", shown->device, "Id of the device")->type_name("")->required();
  one->add_flag("--keys", shown->keys, "With its keys and connection string");

  auto [update, updated] =
      verb("update", "Enable or disable a device", [](const Session& s, const Arguments& a) {
        return put(s, a, {{"If-Match", a.if_match.empty() ? "*" : a.if_match}});
      });
  update->add_option("DEVICE", updated->device, "Id of the device")->type_name("")->required();
  update->add_option("--status", updated->status, "enabled or disabled")
      ->type_name("enabled|disabled")
      ->check(statuses)
      ->required();
  update->add_option("--if-match", updated->if_match, "Only when its ETag is still this one")
      ->type_name("ETAG");

  auto [erase, erased] = verb("delete", "Delete a device and its modules", remove);
  erase->add_option("DEVICE", erased->device, "Id of the device")->type_name("")->required();
  erase->add_option("--if-match", erased->if_match, "Only when its ETag is still this one")
      ->type_name("ETAG");
}

}  // namespace cli
