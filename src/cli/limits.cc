// vedette limits, vedette credential ...
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {};

Outcome<Exit> show_limits(const Session& session) {
  auto client = TRY(session.connect());
  auto limits = TRY(client.call("GET", "/limits"));
  const auto format = TRY(session.format());
  const Value* rates = limits.find("rates");
  const Grid grid = make_grid(
      rates == nullptr || rates->if_array() == nullptr ? Value::Array() : *rates->if_array(),
      {{"Kind", "kind"},
       {"Hub/s", "hubPerSecond"},
       {"Identity/s", "identityPerSecond"},
       {"Passed", "passed"},
       {"Delayed", "delayed"},
       {"Throttled", "throttled"}});
  std::ostream& out = session.environment.out;
  switch (format) {
    case Format::Json:
      print_json(out, limits);
      break;
    case Format::Csv:
      print_csv(out, grid);
      break;
    case Format::Table:
      print_record(out, limits,
                   {{"Messages today", "usedToday"},
                    {"Messages a day", "dailyMessages"},
                    {"Bytes of a message", "meterBlockBytes"}});
      out << '\n';
      print_table(out, grid, session.color());
      session.note("0: as many as come; set in hub.toml, section [limits]");
      break;
  }
  return Exit::Ok;
}

// device or device/module, separated by spaces.
std::string names_of(const Value& shared) {
  std::string names;
  const Value* identities = shared.find("identities");
  if (identities == nullptr || identities->if_array() == nullptr) return names;
  for (const Value& identity : *identities->if_array()) {
    if (!names.empty()) names += ' ';
    names += identity.text_or("deviceId", "");
    const std::string_view module = identity.text_or("moduleId", "");
    if (!module.empty()) names.append("/").append(module);
  }
  return names;
}

Outcome<Exit> list_shared(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto shared = TRY(client.call("GET", "/credentials/shared"));
  if (session.format() == Format::Json) return print_list(session, shared, {});
  const Value* items = shared.find("items");
  Value::Array rows;
  if (items != nullptr && items->if_array() != nullptr) {
    for (const Value& item : *items->if_array()) {
      Value::Object row = *item.if_object();
      row.push_back({"names", Value(names_of(item))});
      rows.emplace_back(std::move(row));
    }
  }
  return print_list(session, Value(Value::Object{{"items", Value(std::move(rows))}}),
                    {{"Credential", "credential"},
                     {"Kind", "kind"},
                     {"Count", "count"},
                     {"Last used", "lastUsed"},
                     {"Identities", "names"}});
}

}  // namespace

void add_limits(CLI::App& program, Session& session) {
  auto* limits = program.add_subcommand(
      "limits", "What devices and services may do, and how much of it they did");
  limits->callback([&session] { session.action = [&session] { return show_limits(session); }; });
}

void add_credential(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("credential", "Keys and certificates, by their hashes");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "shared",
                      "List the credentials that several identities have or use", list_shared);
}

}  // namespace cli
