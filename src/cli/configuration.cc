// vedette configuration ...
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"
#include "os/file.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::size_t kMaxDocument = 1U << 20U;

struct Arguments {
  std::string id;
  std::string document;
  std::optional<std::string> target;  // "" is one, too: no device
  std::string labels;
  std::string queries;
  std::string if_match;
  std::size_t limit = 1000;
  std::int64_t priority = -1;
};

std::string path_of(const Arguments& arguments) {
  return "/configurations/" + base::percent_encode(arguments.id);
}

constexpr auto kFields = {
    Field{"Configuration", "id"},
    Field{"Priority", "priority"},
    Field{"Target", "targetCondition"},
    Field{"Targeted", "systemMetrics.results.targetedCount"},
    Field{"Applied", "systemMetrics.results.appliedCount"},
};

Outcome<Exit> show(const Session& session, const Value& configuration) {
  return print_object(session, configuration,
                      {{"Configuration", "id"},
                       {"Priority", "priority"},
                       {"Target", "targetCondition"},
                       {"Content", "content"},
                       {"Labels", "labels"},
                       {"Targeted", "systemMetrics.results.targetedCount"},
                       {"Applied", "systemMetrics.results.appliedCount"},
                       {"Metrics", "metrics.results"},
                       {"Changed", "lastUpdatedTimeUtc"},
                       {"ETag", "etag"}});
}

// The text, or what is in the file that it names.
Outcome<Value> read_object(const std::string& text, const char* what, const char* example) {
  std::string json = text;
  if (text.starts_with('@')) {
    auto read = os::read_file(text.substr(1), kMaxDocument);
    if (!read) return give_up(Exit::Usage, read.error().to_string());
    json = std::move(*read);
  }
  auto parsed = base::json::parse(json);
  if (!parsed || parsed->if_object() == nullptr)
    return give_up(Exit::Usage, std::string(what) + ": this is no JSON object", example);
  return std::move(*parsed);
}

// Adds what the arguments say. Of repeated members the last one counts.
Outcome<void> add_changes(Value::Object& body, const Arguments& arguments) {
  if (!arguments.document.empty()) {
    auto content =
        TRY(read_object(arguments.document, "--content",
                        R"(For example: '{"deviceContent":{"properties.desired.pump.speed":4}}')"));
    body.push_back({"content", std::move(content)});
  }
  if (!arguments.labels.empty()) {
    auto labels =
        TRY(read_object(arguments.labels, "--labels", R"(For example: '{"team":"pumps"}')"));
    body.push_back({"labels", std::move(labels)});
  }
  if (!arguments.queries.empty()) {
    auto queries = TRY(read_object(
        arguments.queries, "--metrics",
        R"(For example: '{"late":"SELECT deviceId FROM devices WHERE tags.late = true"}')"));
    body.push_back({"metrics", Value(Value::Object{{"queries", std::move(queries)}})});
  }
  if (arguments.target) body.push_back({"targetCondition", Value(*arguments.target)});
  if (arguments.priority >= 0) body.push_back({"priority", Value(arguments.priority)});
  return {};
}

// Makes one, or changes what is told of one that is there.
Outcome<Exit> set(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto known = TRY(client.send("GET", path_of(arguments)));
  if (known.status >= 400 && known.status != 404) return std::unexpected(failure_of(known));
  Value::Object body;
  std::string etag = arguments.if_match;
  const auto current = base::json::parse(known.body);
  const bool exists = known.status == 200 && current;
  if (exists) {
    for (const char* name : {"labels", "content", "targetCondition", "priority", "metrics"}) {
      if (const Value* member = current->find(name)) body.push_back({name, *member});
    }
    if (etag.empty()) etag = current->text_or("etag", "*");
  }
  TRY(add_changes(body, arguments));
  auto made = TRY(
      client.call("PUT", path_of(arguments), Value(std::move(body)).to_json(), if_match_of(etag)));
  return show(session, made);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto all = TRY(fetch_list(client, "/configurations", arguments.limit));
  return print_list(session, all, kFields);
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto configuration = TRY(client.call("GET", path_of(arguments)));
  return show(session, configuration);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", path_of(arguments), {}, if_match_of(arguments.if_match)));
  return Exit::Ok;
}

}  // namespace

void add_configuration(CLI::App& program, Session& session) {
  auto* noun =
      program.add_subcommand("configuration", "Settings for the twins of whole groups of devices");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  const auto id_of = [](CLI::App* command, Arguments& arguments) {
    command->add_option("CONFIGURATION", arguments.id, "Id of the configuration")
        ->type_name("")
        ->required();
  };

  auto [change, changed] = verb("set", "Make a configuration, or change one", set);
  id_of(change, *changed);
  change
      ->add_option("--target", changed->target,
                   "Which devices: a condition such as tags.site = 'north', * for all, an empty "
                   "text for none, or FROM devices.modules WHERE ...")
      ->type_name("CONDITION");
  change
      ->add_option("--content", changed->document,
                   "What is set: a JSON object or @FILE with deviceContent, modulesContent or "
                   "moduleContent")
      ->type_name("JSON");
  change->add_option("--priority", changed->priority, "The higher one wins (default 0)")
      ->type_name("NUMBER")
      ->check(in_range(0, 2'147'483'647));
  change
      ->add_option(
          "--metrics", changed->queries,
          "What is counted: a JSON object or @FILE of names and twin queries, at most five")
      ->type_name("JSON");
  change->add_option("--labels", changed->labels, "Your own notes: a JSON object of texts")
      ->type_name("JSON");
  add_if_match(*change, changed->if_match);

  auto [all, listed] = verb("list", "List the configurations", list);
  add_limit(*all, listed->limit);

  auto [one, shown] = verb("show", "Show a configuration and what has become of it", get);
  id_of(one, *shown);

  auto [erase, erased] =
      verb("delete", "Delete a configuration; what it set is taken away again", remove);
  id_of(erase, *erased);
  add_if_match(*erase, erased->if_match);
}

}  // namespace cli
