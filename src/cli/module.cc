// vedette module ...
#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string device;
  std::string module;
  std::string if_match;
  bool keys = false;
};

std::string path_of(const Arguments& arguments) {
  std::string path = "/devices/" + base::percent_encode(arguments.device) + "/modules";
  if (!arguments.module.empty()) path += "/" + base::percent_encode(arguments.module);
  return path;
}

Outcome<Exit> show(const Session& session, const Value& module) {
  return print_object(session, module,
                      {{"Device", "deviceId"},
                       {"Module", "moduleId"},
                       {"Status", "status"},
                       {"Connection", "connectionState"},
                       {"Last activity", "lastActivity"},
                       {"Agent", "agent.version"},
                       {"Created", "created"},
                       {"Generation", "generationId"},
                       {"ETag", "etag"},
                       {"Primary key", "authentication.symmetricKey.primaryKey"},
                       {"Secondary key", "authentication.symmetricKey.secondaryKey"},
                       {"Connection string", "connectionString"}});
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  auto module = client->call("PUT", path_of(arguments), "{}");
  if (!module) return std::unexpected(std::move(module.error()));
  return show(session, *module);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  auto modules = client->call("GET", path_of(arguments));
  if (!modules) return std::unexpected(std::move(modules.error()));
  return print_list(session, *modules,
                    {{"Module", "moduleId"},
                     {"Status", "status"},
                     {"Connection", "connectionState"},
                     {"Last activity", "lastActivity"},
                     {"Agent", "agent.version"}});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  std::string path = path_of(arguments);
  if (arguments.keys) add_parameter(path, "keys", "true");
  auto module = client->call("GET", path);
  if (!module) return std::unexpected(std::move(module.error()));
  return show(session, *module);
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

void add_module(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("module", "Module identities of a device");
  noun->require_subcommand(1);
  const auto verb = [&session, noun](const char* name, const char* description,
                                     Outcome<Exit> (*run)(const Session&, const Arguments&)) {
    auto arguments = std::make_shared<Arguments>();
    auto* command = noun->add_subcommand(name, description);
    command->add_option("DEVICE", arguments->device, "Id of the device")->type_name("")->required();
    command->callback([&session, arguments, run] {
      session.action = [&session, arguments, run] { return run(session, *arguments); };
    });
    return std::pair(command, arguments);
  };
  const auto add_name = [](CLI::App* command, const std::shared_ptr<Arguments>& arguments) {
    command
        ->add_option("MODULE", arguments->module,
                     "Id of the module; the agent's is azureiotsecurity")
        ->required();
  };

  auto [make, made] = verb("create", "Create a module and print it with its keys", create);
  add_name(make, made);

  verb("list", "List the modules of a device", list);

  auto [one, shown] = verb("show", "Show a module", get);
  add_name(one, shown);
  one->add_flag("--keys", shown->keys, "With its keys and connection string");

  auto [erase, erased] = verb("delete", "Delete a module", remove);
  add_name(erase, erased);
  erase->add_option("--if-match", erased->if_match, "Only when its ETag is still this one")
      ->type_name("ETAG");
}

}  // namespace cli
