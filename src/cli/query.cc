// vedette query ...: queries that are kept under a name, and those that run.
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/kql.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
  std::string query;
  std::string file;
  std::string description;
  std::string search;
  std::string tag;
  std::vector<std::string> tags;
  std::size_t limit = 100;
  bool own = false;
  bool shared = false;
  bool print = false;
  KqlOptions options;
};

std::string path_of(std::string_view id) {
  return "/queries/" + base::percent_encode(id);
}

// By id, or by name: one's own before another's, whatever its case where that names only one.
// nullptr: there is none.
const Value* pick(const Value::Array& items, std::string_view name, bool own) {
  const Value* found = nullptr;
  for (const Value& item : items) {
    const Value* builtin = item.find("builtin");
    const bool foreign = builtin != nullptr && builtin->if_bool() != nullptr && *builtin->if_bool();
    if (own && foreign) continue;
    if (item.text_or("id", "") == name || item.text_or("name", "") == name) return &item;
    if (base::equal_ignore_case(item.text_or("name", ""), name)) found = &item;
  }
  return found;
}

Outcome<Value::Array> items_of(Client& client, bool own) {
  constexpr std::size_t kAll = 100'000;
  std::string path = "/queries";
  add_parameter(path, "own", own ? "true" : "");
  const auto list = TRY(fetch_list(client, path, kAll));
  return *list.find("items")->if_array();
}

Outcome<Value> find_query(Client& client, const std::string& name) {
  for (const bool own : {true, false}) {
    const auto items = TRY(items_of(client, own));
    if (const Value* found = pick(items, name, own)) return *found;
  }
  return give_up(Exit::NotFound, "there is no saved query " + base::json::quoted(name),
                 "`vedette query list` shows all.");
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/queries";
  add_parameter(path, "search", arguments.search);
  add_parameter(path, "tag", arguments.tag);
  add_parameter(path, "own", arguments.own ? "true" : "");
  const auto found = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, found,
                    {{"Name", "name"},
                     {"Owner", "owner"},
                     {"Shared", "shared"},
                     {"Tags", "tags"},
                     {"Description", "description"}});
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_query(client, arguments.name));
  if (arguments.print) {
    session.environment.out << found.text_or("query", "") << '\n';
    return Exit::Ok;
  }
  return print_object(session, found,
                      {{"Name", "name"},
                       {"Id", "id"},
                       {"Description", "description"},
                       {"Tags", "tags"},
                       {"Owner", "owner"},
                       {"Shared", "shared"},
                       {"Updated", "updated"},
                       {"Updated by", "updatedBy"},
                       {"Query", "query"}});
}

// Under a name that is one's own already: replaced.
Outcome<Exit> save(const Session& session, const Arguments& arguments) {
  const auto query =
      TRY(read_kql(session, arguments.query, arguments.file,
                   "For example: vedette query save 'Open alerts' 'SecurityAlert | take 10'"));
  auto client = TRY(session.connect());
  Value::Object body;
  body.push_back({"name", Value(arguments.name)});
  body.push_back({"description", Value(arguments.description)});
  body.push_back({"query", Value(query)});
  Value::Array tags;
  for (const std::string& tag : arguments.tags)
    tags.emplace_back(tag);
  body.push_back({"tags", Value(std::move(tags))});
  body.push_back({"shared", Value(arguments.shared)});
  const std::string text = Value(std::move(body)).to_json();
  const auto items = TRY(items_of(client, true));
  const Value* known = pick(items, arguments.name, true);
  const auto saved =
      TRY(known == nullptr ? client.call("POST", "/queries", text)
                           : client.call("PUT", path_of(known->text_or("id", "")), text));
  session.note(std::string(known == nullptr ? "saved " : "replaced ") + arguments.name);
  return print_object(session, saved, {{"Name", "name"}, {"Id", "id"}, {"Shared", "shared"}});
}

Outcome<Exit> run(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_query(client, arguments.name));
  return run_kql(session, client, std::string(found.text_or("query", "")), arguments.options);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  const auto found = TRY(find_query(client, arguments.name));
  TRY(client.call("DELETE", path_of(found.text_or("id", ""))));
  return Exit::Ok;
}

Outcome<Exit> running(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  const auto found = TRY(client.call("GET", "/query/running"));
  return print_list(session, found,
                    {{"Id", "id"}, {"Started", "started"}, {"Owner", "owner"}, {"Query", "query"}});
}

Outcome<Exit> cancel(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", "/query/" + base::percent_encode(arguments.name)));
  return Exit::Ok;
}

void add_name(CLI::App& command, Arguments& arguments, const char* what) {
  command.add_option("NAME", arguments.name, what)->type_name("")->required();
}

}  // namespace

void add_query(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("query", "Saved queries, and queries that run");
  noun->require_subcommand(1);

  auto [all, listed] =
      add_verb<Arguments>(*noun, session, "list", "List saved queries by name", list);
  all->add_option("--search", listed->search, "Only those that contain this text")
      ->type_name("TEXT");
  all->add_option("--tag", listed->tag, "Only those with this tag")->type_name("TAG");
  all->add_flag("--own", listed->own, "Only one's own");
  add_limit(*all, listed->limit);

  auto [one, shown] = add_verb<Arguments>(*noun, session, "show", "Show a saved query", show);
  add_name(*one, *shown, "Name or id of the query");
  one->add_flag("--kql", shown->print, "Print its text and nothing else");

  auto [keep, saved] =
      add_verb<Arguments>(*noun, session, "save",
                          "Save a query under a name; one's own of that name is replaced", save);
  add_name(*keep, *saved, "What to call it");
  keep->add_option("QUERY", saved->query, "The query; - reads it from standard input");
  keep->add_option("--file", saved->file, "Read the query from a file; - is standard input")
      ->type_name("FILE");
  keep->add_option("--description", saved->description, "What it shows")->type_name("TEXT");
  keep->add_option("--tag", saved->tags, "A tag; may be given several times")->type_name("TAG");
  keep->add_flag("--shared", saved->shared, "Everybody who may look at the hub sees it");

  auto [again, ran] = add_verb<Arguments>(*noun, session, "run", "Run a saved query", run);
  add_name(*again, *ran, "Name or id of the query");
  add_kql_options(*again, ran->options);

  auto [away, removed] =
      add_verb<Arguments>(*noun, session, "delete", "Delete a saved query", remove);
  add_name(*away, *removed, "Name or id of the query");

  add_verb<Arguments>(*noun, session, "running", "List the queries that run now", running);

  auto [end, ended] = add_verb<Arguments>(*noun, session, "cancel", "End a running query", cancel);
  end->add_option("ID", ended->name, "Id of the query, as `query running` shows it")
      ->type_name("")
      ->required();
}

}  // namespace cli
