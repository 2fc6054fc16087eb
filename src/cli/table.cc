// vedette table ...
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
};

Outcome<Value::Array> fetch_tables(const Session& session) {
  auto client = session.connect();
  if (!client) return std::unexpected(std::move(client.error()));
  auto schema = client->call("GET", "/query/schema");
  if (!schema) return std::unexpected(std::move(schema.error()));
  const Value* tables = schema->find("tables");
  if (tables == nullptr || tables->if_array() == nullptr)
    return give_up(Exit::Failure, "the hub's answer has no tables");
  return *tables->if_array();
}

Value as_list(Value::Array items) {
  Value::Object list;
  list.push_back({"items", Value(std::move(items))});
  return Value(std::move(list));
}

Outcome<Exit> list_tables(const Session& session, const Arguments&) {
  auto tables = fetch_tables(session);
  if (!tables) return std::unexpected(std::move(tables.error()));
  return print_list(session, as_list(std::move(*tables)),
                    {{"Name", "name"}, {"What", "description"}});
}

Outcome<Exit> show_table(const Session& session, const Arguments& arguments) {
  auto tables = fetch_tables(session);
  if (!tables) return std::unexpected(std::move(tables.error()));
  std::vector<std::string_view> names;
  for (const Value& table : *tables) {
    names.push_back(table.text_or("name", ""));
    if (names.back() != arguments.name) continue;
    const Value* columns = table.find("columns");
    if (columns == nullptr || columns->if_array() == nullptr)
      return give_up(Exit::Failure, "the hub's answer has no columns");
    return print_list(session, as_list(*columns->if_array()),
                      {{"Column", "name"}, {"Type", "type"}});
  }
  const auto nearest = base::nearest(arguments.name, names);
  return give_up(Exit::NotFound, "there is no table '" + arguments.name + "'",
                 nearest ? "Did you mean '" + std::string(*nearest) + "'?"
                         : "`vedette table list` has all of them.");
}

}  // namespace

void add_table(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("table", "What queries can ask");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "list", "The tables of the workspace", list_tables);
  auto [show, arguments] =
      add_verb<Arguments>(*noun, session, "show", "A table's columns and their types", show_table);
  show->add_option("TABLE", arguments->name, "Name of the table")->type_name("")->required();
}

}  // namespace cli
