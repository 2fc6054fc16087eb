// vedette device twin ..., vedette module twin ...
#include "cli/twin.h"

#include <algorithm>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/verb.h"
#include "os/file.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::size_t kMaxDocument = 1U << 20U;

struct Arguments {
  std::string device;
  std::string module;
  std::string desired;
  std::string tags;
  std::string if_match;
};

std::string path_of(const Arguments& arguments) {
  std::string path = "/devices/" + base::percent_encode(arguments.device);
  if (!arguments.module.empty()) path += "/modules/" + base::percent_encode(arguments.module);
  return path + "/twin";
}

// The rows of a table for the leaves of a section, by their path.
void append_leaves(const Value& value, const std::string& path, const char* section,
                   Value::Array& rows) {
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    Value::Object row;
    row.push_back({"section", Value(std::string(section))});
    row.push_back({"property", Value(path)});
    row.push_back({"value", value});
    rows.emplace_back(std::move(row));
    return;
  }
  for (const base::json::Member& member : *object) {
    if (member.name.starts_with('$')) continue;
    append_leaves(member.value, path.empty() ? member.name : path + "." + member.name, section,
                  rows);
  }
}

bool has_members(const Value* section) {
  return section != nullptr && section->if_object() != nullptr &&
         std::ranges::any_of(*section->if_object(),
                             [](const auto& member) { return !member.name.starts_with('$'); });
}

Outcome<Exit> show(const Session& session, const Value& twin) {
  const auto printed = print_object(session, twin,
                                    {{"Device", "deviceId"},
                                     {"Module", "moduleId"},
                                     {"Version", "version"},
                                     {"ETag", "etag"},
                                     {"Desired version", "properties.desired.$version"},
                                     {"Reported version", "properties.reported.$version"}});
  if (!printed || session.format() != Format::Table) return printed;
  Value::Array rows;
  for (const auto& [name, path] :
       {std::pair("tags", "tags"), std::pair("desired", "properties.desired"),
        std::pair("reported", "properties.reported")}) {
    const Value* section = find_path(twin, path);
    if (has_members(section)) append_leaves(*section, "", name, rows);
  }
  if (rows.empty()) return printed;
  session.environment.out << '\n';
  print_table(
      session.environment.out,
      make_grid(rows, {{"Section", "section"}, {"Property", "property"}, {"Value", "value"}}),
      session.color());
  return printed;
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto twin = TRY(client.call("GET", path_of(arguments)));
  return show(session, twin);
}

// JSON as it is, or @FILE.
Outcome<Value> read_document(const std::string& argument, const char* option) {
  std::string text = argument;
  if (argument.starts_with('@')) {
    auto read = os::read_file(argument.substr(1), kMaxDocument);
    if (!read) {
      return give_up(Exit::Usage, std::string(option) + ": " + argument.substr(1) +
                                      " cannot be read: " + read.error().to_string());
    }
    text = std::move(*read);
  }
  auto value = base::json::parse(base::trim(text));
  if (!value) {
    return give_up(Exit::Usage, std::string(option) + " is not JSON: " + value.error().to_string());
  }
  if (value->if_object() == nullptr)
    return give_up(Exit::Usage, std::string(option) + ": expected a JSON object");
  return std::move(*value);
}

Outcome<Exit> update(const Session& session, const Arguments& arguments) {
  if (arguments.desired.empty() && arguments.tags.empty()) {
    return give_up(Exit::Usage, "nothing to change: give --desired or --tags",
                   "Both take a JSON object, or @FILE with one; null removes a property.");
  }
  Value::Object body;
  if (!arguments.tags.empty()) {
    auto tags = TRY(read_document(arguments.tags, "--tags"));
    body.push_back({"tags", std::move(tags)});
  }
  if (!arguments.desired.empty()) {
    auto desired = TRY(read_document(arguments.desired, "--desired"));
    Value::Object properties;
    properties.push_back({"desired", std::move(desired)});
    body.push_back({"properties", Value(std::move(properties))});
  }
  auto client = TRY(session.connect());
  auto twin = TRY(client.call("PATCH", path_of(arguments), Value(std::move(body)).to_json(),
                              if_match_of(arguments.if_match)));
  return show(session, twin);
}

}  // namespace

void add_twin(CLI::App& noun, Session& session, Modules modules) {
  auto* twin = noun.add_subcommand(
      "twin", modules == Modules::Yes ? "The twin of a module" : "The twin of a device");
  twin->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    auto added = add_verb(*twin, session, name, description, run);
    auto& [command, arguments] = added;
    command->add_option("DEVICE", arguments->device, "Id of the device")->type_name("")->required();
    if (modules == Modules::Yes) {
      command
          ->add_option("MODULE", arguments->module,
                       "Id of the module; the agent's is azureiotsecurity")
          ->type_name("")
          ->required();
    }
    return added;
  };
  verb("show", "Show tags, desired and reported properties", get);
  auto [change, changed] = verb(
      "update", "Change desired properties and tags; a connected device is told at once", update);
  change
      ->add_option("--desired", changed->desired,
                   "Desired properties to merge: a JSON object or @FILE; null removes")
      ->type_name("JSON");
  change->add_option("--tags", changed->tags, "Tags to merge: a JSON object or @FILE; null removes")
      ->type_name("JSON");
  add_if_match(*change, changed->if_match);
}

}  // namespace cli
