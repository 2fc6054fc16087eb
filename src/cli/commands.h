#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "base/json.h"
#include "cli/client.h"
#include "cli/environment.h"
#include "cli/failure.h"
#include "cli/output.h"
#include "cli/settings.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace cli {

// One run of the program: the command line fills it, then its action runs.
struct Session {
  Environment& environment;
  Flags flags = {};
  std::function<Outcome<Exit>()> action = {};

  Outcome<Client> connect() const;
  Outcome<Format> format() const { return choose_format(flags, environment); }
  Color color() const { return wants_color(environment) ? Color::Yes : Color::No; }
  // A line for people on standard error.
  void note(const std::string& text) const;
};

// A list as the API gives it, on all pages up to `limit` items: {"items":[...],"total":N}.
// `path` has its own parameters already, or none.
Outcome<base::json::Value> fetch_list(Client& client, const std::string& path, std::size_t limit);
// Prints such a list: as it is, or the fields of its items.
Outcome<Exit> print_list(const Session& session, const base::json::Value& list,
                         std::initializer_list<Field> fields);
// Prints one object: as it is, or its fields.
Outcome<Exit> print_object(const Session& session, const base::json::Value& object,
                           std::initializer_list<Field> fields);

// Appends "?name=value" or "&name=value", encoded; nothing when the value is empty.
void add_parameter(std::string& path, std::string_view name, std::string_view value);

// Each noun adds its commands.
void add_device(CLI::App& program, Session& session);
void add_module(CLI::App& program, Session& session);
void add_enrollment(CLI::App& program, Session& session);
void add_certificate(CLI::App& program, Session& session);
void add_policy(CLI::App& program, Session& session);
void add_ip_filter(CLI::App& program, Session& session);
void add_limits(CLI::App& program, Session& session);
void add_credential(CLI::App& program, Session& session);
void add_alert(CLI::App& program, Session& session);
void add_rule(CLI::App& program, Session& session);
void add_suppression(CLI::App& program, Session& session);
void add_recommendation(CLI::App& program, Session& session);
void add_advisory(CLI::App& program, Session& session);
void add_vulnerability(CLI::App& program, Session& session);
void add_configuration(CLI::App& program, Session& session);
void add_custom_alert(CLI::App& program, Session& session);
void add_kql(CLI::App& program, Session& session);
void add_table(CLI::App& program, Session& session);
void add_query(CLI::App& program, Session& session);
void add_analytics(CLI::App& program, Session& session);
void add_quarantine(CLI::App& program, Session& session);
void add_egress(CLI::App& program, Session& session);
void add_retention(CLI::App& program, Session& session);
void add_store(CLI::App& program, Session& session);
void add_message(CLI::App& program, Session& session);
void add_status(CLI::App& program, Session& session);
void add_completion(CLI::App& program, Session& session);

}  // namespace cli
