// vedette custom-alert ...
#include <array>
#include <fstream>
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string id;
  std::string type;
  std::string file;
  std::optional<std::string> group;
  std::optional<std::string> window;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::optional<std::string> severity;
  std::optional<std::string> description;
  std::string if_match;
  bool enable = false;
  bool disable = false;
  bool replace = false;
  bool dry_run = false;
};

constexpr std::string_view kAll = "/custom-alerts";

std::string path_of(const std::string& id) {
  return std::string(kAll) + "/" + base::percent_encode(id);
}

Value texts(const std::vector<std::string>& values) {
  Value::Array out;
  for (const std::string& value : values)
    out.emplace_back(value);
  return Value(std::move(out));
}

// Sets what the arguments say; the last of repeated members counts.
void add_changes(Value::Object& body, const Arguments& arguments) {
  const auto set = [&body](const char* name, auto&& value) {
    std::erase_if(body, [name](const auto& member) { return member.name == name; });
    body.push_back({name, Value(std::forward<decltype(value)>(value))});
  };
  if (arguments.group) set("group", *arguments.group);
  if (arguments.window) set("window", *arguments.window);
  if (arguments.min) set("min", *arguments.min);
  if (arguments.max) set("max", *arguments.max);
  if (!arguments.allow.empty() || !arguments.deny.empty()) {
    std::erase_if(body,
                  [](const auto& each) { return each.name == "allow" || each.name == "deny"; });
    if (!arguments.allow.empty()) body.push_back({"allow", texts(arguments.allow)});
    if (!arguments.deny.empty()) body.push_back({"deny", texts(arguments.deny)});
  }
  if (arguments.severity) set("severity", *arguments.severity);
  if (arguments.description) set("description", *arguments.description);
  if (arguments.enable || arguments.disable) set("enabled", arguments.enable);
}

// What a definition consists of, of one that is there.
Value::Object definition_of(const Value& alert) {
  constexpr std::array<const char*, 9> kMembers = {"group", "type", "window",   "min",    "max",
                                                   "allow", "deny", "severity", "enabled"};
  Value::Object out;
  for (const char* name : kMembers) {
    if (const Value* member = alert.find(name)) out.push_back({name, *member});
  }
  if (const Value* member = alert.find("description")) out.push_back({"description", *member});
  return out;
}

Outcome<Exit> show_one(const Session& session, const Value& alert) {
  return print_object(session, alert,
                      {{"Custom alert", "id"},
                       {"Group", "group"},
                       {"Type", "type"},
                       {"Window", "window"},
                       {"Min", "min"},
                       {"Max", "max"},
                       {"Allowed", "allow"},
                       {"Not allowed", "deny"},
                       {"Severity", "severity"},
                       {"Enabled", "enabled"},
                       {"Description", "description"},
                       {"Since", "since"},
                       {"Changed", "updated"},
                       {"By", "updatedBy"},
                       {"File", "file"},
                       {"ETag", "etag"}});
}

Outcome<Exit> types(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  auto all = TRY(client.call("GET", "/custom-alert-types"));
  return print_list(
      session, all,
      {{"Type", "type"}, {"Kind", "kind"}, {"Told by", "source"}, {"About", "counts"}});
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path(kAll);
  add_parameter(path, "group", arguments.group.value_or(""));
  add_parameter(path, "type", arguments.type);
  auto all = TRY(client.call("GET", path));
  if (const Value* problems = all.find("problems"); problems != nullptr && problems->if_array()) {
    for (const Value& each : *problems->if_array()) {
      session.note(std::string(each.text_or("file", "")) + ": " +
                   std::string(each.text_or("message", "")));
    }
  }
  return print_list(session, all,
                    {{"Id", "id"},
                     {"Group", "group"},
                     {"Type", "type"},
                     {"Window", "window"},
                     {"Min", "min"},
                     {"Max", "max"},
                     {"Allowed", "allow"},
                     {"Not allowed", "deny"},
                     {"Enabled", "enabled"}});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto alert = TRY(client.call("GET", path_of(arguments.id)));
  return show_one(session, alert);
}

Value new_definition(const Arguments& arguments) {
  Value::Object body;
  body.push_back({"type", Value(arguments.type)});
  add_changes(body, arguments);
  return Value(std::move(body));
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto made = TRY(client.call("POST", kAll, new_definition(arguments).to_json()));
  return show_one(session, made);
}

Outcome<Exit> change(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto current = TRY(client.call("GET", path_of(arguments.id)));
  Value::Object body = definition_of(current);
  add_changes(body, arguments);
  const std::string etag =
      arguments.if_match.empty() ? std::string(current.text_or("etag", "*")) : arguments.if_match;
  auto changed = TRY(client.call("PUT", path_of(arguments.id), Value(std::move(body)).to_json(),
                                 if_match_of(etag)));
  return show_one(session, changed);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", path_of(arguments.id), {}, if_match_of(arguments.if_match)));
  return Exit::Ok;
}

Outcome<Exit> preview(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  Value definition = new_definition(arguments);
  // One that is there, with other limits.
  if (arguments.type.find('-') != std::string::npos) {
    auto current = TRY(client.call("GET", path_of(arguments.type)));
    Value::Object body = definition_of(current);
    add_changes(body, arguments);
    definition = Value(std::move(body));
  }
  auto made = TRY(client.call("POST", std::string(kAll) + "/preview", definition.to_json()));
  session.note(fmt::format(
      "{} alerts on {} devices since {}{}", cell(made.find("alerts")), cell(made.find("devices")),
      made.text_or("from", ""),
      cell(made.find("truncated")) == "true" ? " (there is more history than was looked at)" : ""));
  return print_list(session, made,
                    {{"Device", "deviceId"},
                     {"About", "entity"},
                     {"Times", "hitCount"},
                     {"First", "firstSeen"},
                     {"Last", "lastSeen"},
                     {"Why", "why"}});
}

Outcome<Exit> write_file(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto answer = TRY(client.send("GET", std::string(kAll) + "/document"));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  if (arguments.file.empty() || arguments.file == "-") {
    session.environment.out << answer.body;
    return Exit::Ok;
  }
  std::ofstream file(arguments.file, std::ios::binary);
  file << answer.body;
  file.close();
  if (!file) return give_up(Exit::Failure, "cannot write " + arguments.file);
  return Exit::Ok;
}

Outcome<Exit> read_file(const Session& session, const Arguments& arguments) {
  const std::string text = TRY(read_whole_file(arguments.file));
  auto client = TRY(session.connect());
  std::string path = std::string(kAll) + "/document";
  if (arguments.replace) add_parameter(path, "replace", "true");
  if (arguments.dry_run) add_parameter(path, "dryRun", "true");
  auto done = TRY(client.call("PUT", path, text, {{"Content-Type", "application/yaml"}}));
  return print_object(session, done,
                      {{"Made", "created"},
                       {"Changed", "changed"},
                       {"As they were", "unchanged"},
                       {"Deleted", "removed"}});
}

void add_definition(CLI::App& command, Arguments& arguments) {
  command.add_option("--group", arguments.group, "Security group (default: default)")
      ->type_name("GROUP");
  command.add_option("--window", arguments.window, "Of a range: PT5M to P1D (default PT1H)")
      ->type_name("DURATION");
  command.add_option("--min", arguments.min, "Less is too little (default 0)")->type_name("COUNT");
  command.add_option("--max", arguments.max, "More is too much")->type_name("COUNT");
  command
      .add_option("--allow", arguments.allow,
                  "Of a list: what is not on it raises an alert; addresses and blocks, users, "
                  "programs by path or name; several with commas")
      ->type_name("VALUE")
      ->delimiter(',');
  command.add_option("--deny", arguments.deny, "Of a list: what is on it raises an alert")
      ->type_name("VALUE")
      ->delimiter(',')
      ->excludes("--allow");
  command.add_option("--severity", arguments.severity, "Of its alerts (default Low)")
      ->type_name("Informational|Low|Medium|High")
      ->check(one_of({"Informational", "Low", "Medium", "High"}, CLI::ignore_case));
  command.add_option("--description", arguments.description, "Why, for those who see its alerts")
      ->type_name("TEXT");
  auto* off = command.add_flag("--disable", arguments.disable, "Not in force");
  command.add_flag("--enable", arguments.enable, "In force")->excludes(off);
}

void add_readers(CLI::App& noun, Session& session) {
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(noun, session, name, description, run);
  };
  verb("types", "List what custom alerts can be about", types);
  auto [all, listed] = verb("list", "List the custom alerts", list);
  all->add_option("--group", listed->group, "Only those of this security group")
      ->type_name("GROUP");
  all->add_option("--type", listed->type, "Only those of this type")->type_name("TYPE");
  auto [one, shown] = verb("show", "Show a custom alert", get);
  one->add_option("CUSTOM-ALERT", shown->id, "Its id")->type_name("")->required();
  auto [would, previewed] =
      verb("preview", "Show what one would have raised in the last 30 days", preview);
  would->add_option("TYPE", previewed->type, "A type, or the id of one that is there")
      ->type_name("")
      ->required();
  add_definition(*would, *previewed);
}

}  // namespace

void add_custom_alert(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand(
      "custom-alert", "What devices of a security group may do, by number and by list");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };
  add_readers(*noun, session);

  auto [make, made] = verb("create", "Make a custom alert", create);
  make->add_option("TYPE", made->type, "What it is about: see types")->type_name("")->required();
  add_definition(*make, *made);

  auto [edit, changed] = verb("change", "Change what is told of a custom alert", change);
  edit->add_option("CUSTOM-ALERT", changed->id, "Its id")->type_name("")->required();
  add_definition(*edit, *changed);
  add_if_match(*edit, changed->if_match);

  auto [erase, erased] = verb("delete", "Delete a custom alert", remove);
  erase->add_option("CUSTOM-ALERT", erased->id, "Its id")->type_name("")->required();
  add_if_match(*erase, erased->if_match);

  auto [out, written] = verb("export", "Write all of them as a file", write_file);
  out->add_option("FILE", written->file, "YAML; without one, or -, to standard output")
      ->type_name("");

  auto [in, read] = verb("import", "Take custom alerts from a file, all or none", read_file);
  in->add_option("FILE", read->file, "YAML or JSON")->type_name("")->required();
  in->add_flag("--replace", read->replace, "Delete what the file does not name");
  in->add_flag("--dry-run", read->dry_run, "Only say what would be done");
}

}  // namespace cli
