// vedette module ...
#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/thumbprints.h"
#include "cli/twin.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string device;
  std::string module;
  std::string if_match;
  bool keys = false;
  Thumbprints thumbprints;
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
                       {"Last message", "activity.lastTelemetry"},
                       {"Last security message", "activity.lastSecurityMessage"},
                       {"Security messages today", "activity.securityMessagesToday"},
                       {"Small ones of these", "activity.smallSecurityMessagesToday"},
                       {"Clock ahead by ms", "activity.clockAheadMs"},
                       {"Shares its credential", "sharesCredential"},
                       {"Agent", "agent.version"},
                       {"Created", "created"},
                       {"Generation", "generationId"},
                       {"ETag", "etag"},
                       {"Primary key", "authentication.symmetricKey.primaryKey"},
                       {"Secondary key", "authentication.symmetricKey.secondaryKey"},
                       {"Connection string", "connectionString"}});
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  Value::Object body;
  TRY(append_authentication(body, arguments.thumbprints));
  auto module = TRY(client.call("PUT", path_of(arguments), Value(std::move(body)).to_json()));
  return show(session, module);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto modules = TRY(client.call("GET", path_of(arguments)));
  return print_list(session, modules,
                    {{"Module", "moduleId"},
                     {"Status", "status"},
                     {"Connection", "connectionState"},
                     {"Last activity", "lastActivity"},
                     {"Agent", "agent.version"}});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = path_of(arguments);
  if (arguments.keys) add_parameter(path, "keys", "true");
  auto module = TRY(client.call("GET", path));
  return show(session, module);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", path_of(arguments), {}, if_match_of(arguments.if_match)));
  return Exit::Ok;
}

}  // namespace

void add_module(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("module", "Module identities of a device");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    auto added = add_verb(*noun, session, name, description, run);
    auto& [command, arguments] = added;
    command->add_option("DEVICE", arguments->device, "Id of the device")->type_name("")->required();
    return added;
  };
  const auto add_name = [](CLI::App* command, const std::shared_ptr<Arguments>& arguments) {
    command
        ->add_option("MODULE", arguments->module,
                     "Id of the module; the agent's is azureiotsecurity")
        ->required();
  };

  auto [make, made] = verb("create", "Create a module and print it with its keys", create);
  add_name(make, made);
  add_thumbprints(*make, made->thumbprints);

  verb("list", "List the modules of a device", list);

  auto [one, shown] = verb("show", "Show a module", get);
  add_name(one, shown);
  one->add_flag("--keys", shown->keys, "With its keys and connection string");

  auto [erase, erased] = verb("delete", "Delete a module", remove);
  add_name(erase, erased);
  add_if_match(*erase, erased->if_match);

  add_twin(*noun, session, Modules::Yes);
  add_commands(*noun, session, Modules::Yes);
}

}  // namespace cli
