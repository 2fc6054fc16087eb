// vedette ip-filter ...
#include <algorithm>
#include <ostream>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

constexpr const char* kPath = "/ip-filter";

struct Arguments {
  std::string name;
  std::string action;
  std::string range;
  std::size_t position = 0;  // from 1; 0: the last
};

Outcome<Exit> print(const Session& session, const Value& filter) {
  const auto format = TRY(session.format());
  std::ostream& out = session.environment.out;
  if (format == Format::Json) {
    print_json(out, filter);
    return Exit::Ok;
  }
  const Value* rules = filter.find("rules");
  const Grid grid = make_grid(
      rules == nullptr || rules->if_array() == nullptr ? Value::Array() : *rules->if_array(),
      {{"Rule", "name"}, {"Action", "action"}, {"Range", "range"}});
  if (format == Format::Csv) {
    print_csv(out, grid);
    return Exit::Ok;
  }
  if (!grid.rows.empty()) print_table(out, grid, session.color());
  out << "All other addresses: " << filter.text_or("default", "allow") << '\n';
  return Exit::Ok;
}

// Reads, changes and writes what it read, if nobody else did meanwhile.
template <class Change>
Outcome<Exit> change(const Session& session, const Change& apply) {
  auto client = TRY(session.connect());
  auto current = TRY(client.call("GET", kPath));
  const Value* found = current.find("rules");
  Value::Array rules =
      found == nullptr || found->if_array() == nullptr ? Value::Array() : *found->if_array();
  std::string otherwise(current.text_or("default", "allow"));
  TRY(apply(rules, otherwise));
  const std::string body = Value(Value::Object{{"default", Value(std::move(otherwise))},
                                               {"rules", Value(std::move(rules))}})
                               .to_json();
  const std::string etag(current.text_or("etag", ""));
  auto set = TRY(client.call("PUT", kPath, body, if_match_of(etag)));
  return print(session, set);
}

auto named(const std::string& name) {
  return [&name](const Value& rule) { return rule.text_or("name", "") == name; };
}

Outcome<Exit> show(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto filter = TRY(client.call("GET", kPath));
  return print(session, filter);
}

Outcome<Exit> add(const Session& session, const Arguments& arguments) {
  return change(session, [&](Value::Array& rules, std::string&) -> Outcome<Exit> {
    if (std::ranges::any_of(rules, named(arguments.name)))
      return give_up(Exit::Conflict, "there is a rule '" + arguments.name + "' already");
    const std::size_t last = rules.size();
    const std::size_t at = arguments.position == 0 ? last : std::min(arguments.position - 1, last);
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(at),
                 Value(Value::Object{{"name", Value(arguments.name)},
                                     {"action", Value(arguments.action)},
                                     {"range", Value(arguments.range)}}));
    return Exit::Ok;
  });
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  return change(session, [&](Value::Array& rules, std::string&) -> Outcome<Exit> {
    if (std::erase_if(rules, named(arguments.name)) == 0)
      return give_up(Exit::NotFound, "there is no rule '" + arguments.name + "'");
    return Exit::Ok;
  });
}

Outcome<Exit> set_default(const Session& session, const Arguments& arguments) {
  return change(session, [&](Value::Array&, std::string& otherwise) -> Outcome<Exit> {
    otherwise = arguments.action;
    return Exit::Ok;
  });
}

void add_action(CLI::App& command, Arguments& arguments, const char* what) {
  command.add_option("ACTION", arguments.action, what)
      ->type_name("allow|deny")
      ->check(one_of({"allow", "deny"}))
      ->required();
}

}  // namespace

void add_ip_filter(CLI::App& program, Session& session) {
  auto* noun =
      program.add_subcommand("ip-filter", "From which addresses devices and services may connect");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "show", "Show the rules; the first that fits decides", show);

  auto [make, made] = add_verb<Arguments>(*noun, session, "add", "Add a rule", add);
  make->add_option("NAME", made->name, "Name of the rule")->type_name("")->required();
  add_action(*make, *made, "What happens to who comes from there");
  make->add_option("RANGE", made->range, "An address or a prefix: 10.0.0.0/8, 2001:db8::/32")
      ->type_name("")
      ->required();
  constexpr int kMostRules = 1000;
  make->add_option("--position", made->position, "Before which rule, from 1 (default: the last)")
      ->type_name("NUMBER")
      ->check(in_range(1, kMostRules));

  auto [erase, erased] = add_verb<Arguments>(*noun, session, "remove", "Remove a rule", remove);
  erase->add_option("NAME", erased->name, "Name of the rule")->type_name("")->required();

  auto [otherwise, given] = add_verb<Arguments>(
      *noun, session, "default", "Set what happens to all other addresses", set_default);
  add_action(*otherwise, *given, "What happens to them");
}

}  // namespace cli
