// vedette policy ...
#include <ostream>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
  std::string key;
  std::vector<std::string> rights;
};

std::string path_of(const Arguments& arguments, std::string_view then = {}) {
  return "/policies/" + base::percent_encode(arguments.name) + std::string(then);
}

Outcome<Exit> show(const Session& session, const Value& policy) {
  return print_object(session, policy,
                      {{"Policy", "name"},
                       {"Rights", "rights"},
                       {"Primary key", "primaryKey"},
                       {"Secondary key", "secondaryKey"},
                       {"Connection string", "connectionString"}});
}

std::string rights_of(const Arguments& arguments) {
  Value::Array rights;
  for (const std::string& right : arguments.rights)
    rights.emplace_back(right);
  return Value(Value::Object{{"rights", Value(std::move(rights))}}).to_json();
}

Outcome<Exit> ask(const Session& session, std::string_view method, const std::string& path,
                  const std::string& body, const Client::Headers& headers = {}) {
  auto client = TRY(session.connect());
  auto answer = TRY(client.call(method, path, body, headers));
  if (answer.is_null()) return Exit::Ok;
  return show(session, answer);
}

Outcome<Exit> list(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/policies"));
  return print_list(session, found, {{"Policy", "name"}, {"Rights", "rights"}});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  return ask(session, "GET", path_of(arguments), {});
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  return ask(session, "PUT", path_of(arguments), rights_of(arguments));
}

Outcome<Exit> update(const Session& session, const Arguments& arguments) {
  return ask(session, "PUT", path_of(arguments), rights_of(arguments), {{"If-Match", "*"}});
}

Outcome<Exit> regenerate(const Session& session, const Arguments& arguments) {
  return ask(session, "POST", path_of(arguments, "/regenerate"),
             Value(Value::Object{{"key", Value(arguments.key)}}).to_json());
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  return ask(session, "DELETE", path_of(arguments), {});
}

void add_name(CLI::App& command, Arguments& arguments) {
  command.add_option("NAME", arguments.name, "Name of the policy")->type_name("")->required();
}

void add_rights(CLI::App& command, Arguments& arguments) {
  constexpr const char* kRights = "RegistryRead|RegistryWrite|ServiceConnect|DeviceConnect";
  command.add_option("--right", arguments.rights, "What it permits; may be given several times")
      ->type_name(kRights)
      ->check(one_of({"RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"}))
      ->required();
}

}  // namespace

void add_policy(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("policy", "Shared access policies: keys of services");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "list", "List policies", list);

  auto [one, shown] = add_verb<Arguments>(*noun, session, "show",
                                          "Show a policy with its keys and connection string", get);
  add_name(*one, *shown);

  auto [make, made] = add_verb<Arguments>(*noun, session, "create",
                                          "Create a policy and print it with its keys", create);
  add_name(*make, *made);
  add_rights(*make, *made);

  auto [change, changed] =
      add_verb<Arguments>(*noun, session, "update", "Change what a policy permits", update);
  add_name(*change, *changed);
  add_rights(*change, *changed);

  auto [renew, renewed] = add_verb<Arguments>(
      *noun, session, "regenerate", "Make a new key, or swap the two, and print them", regenerate);
  add_name(*renew, *renewed);
  renew->add_option("KEY", renewed->key, "Which key")
      ->type_name("primary|secondary|swap")
      ->check(one_of({"primary", "secondary", "swap"}))
      ->required();

  auto [erase, erased] = add_verb<Arguments>(*noun, session, "delete", "Delete a policy", remove);
  add_name(*erase, *erased);
}

}  // namespace cli
