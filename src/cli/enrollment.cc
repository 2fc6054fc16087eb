// vedette enrollment ...
#include <algorithm>
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
  std::string search;
  std::string status;
  std::string if_match;
  std::string device;
  std::string primary_key;
  std::string certificate;
  std::string secondary_certificate;
  std::string tags;
  std::string desired;
  std::string reprovision;
  std::size_t limit = 1000;
  bool group = false;
  bool keys = false;
};

std::string collection(const Arguments& arguments) {
  return arguments.group ? "/enrollment-groups" : "/enrollments";
}
std::string path_of(const Arguments& arguments) {
  return collection(arguments) + "/" + base::percent_encode(arguments.id);
}

Outcome<Exit> show(const Session& session, const Value& enrollment) {
  return print_object(
      session, enrollment,
      {{"Registration id", "registrationId"},
       {"Group", "enrollmentGroupId"},
       {"Device", "deviceId"},
       {"Status", "provisioningStatus"},
       {"Proof", "attestation.type"},
       {"Primary key", "attestation.symmetricKey.primaryKey"},
       {"Secondary key", "attestation.symmetricKey.secondaryKey"},
       {"Certificate", "attestation.x509.clientCertificates.primary.info.sha256Thumbprint"},
       {"Authority", "attestation.x509.signingCertificates.primary.info.subjectName"},
       {"Tags", "initialTwin.tags"},
       {"Desired", "initialTwin.properties.desired"},
       {"Registered", "registrationState.status"},
       {"Registered as", "registrationState.deviceId"},
       {"Created", "createdDateTimeUtc"},
       {"ETag", "etag"}});
}

// {"certificate": <the file's text>}
Outcome<Value> certificate_of(const std::string& path) {
  auto text = TRY(read_whole_file(path));
  return Value(Value::Object{{"certificate", Value(std::move(text))}});
}

Outcome<Value> x509_attestation(const Arguments& arguments) {
  Value::Object certificates;
  auto primary = TRY(certificate_of(arguments.certificate));
  certificates.push_back({"primary", std::move(primary)});
  if (!arguments.secondary_certificate.empty()) {
    auto secondary = TRY(certificate_of(arguments.secondary_certificate));
    certificates.push_back({"secondary", std::move(secondary)});
  }
  Value::Object x509{{arguments.group ? "signingCertificates" : "clientCertificates",
                      Value(std::move(certificates))}};
  return Value(
      Value::Object{{"type", Value(std::string("x509"))}, {"x509", Value(std::move(x509))}});
}

Outcome<Value> attestation_of(const Arguments& arguments) {
  if (!arguments.certificate.empty()) return x509_attestation(arguments);
  Value::Object attestation{{"type", Value(std::string("symmetricKey"))}};
  if (!arguments.primary_key.empty()) {
    // From a file: not everybody who sees the processes shall see the key.
    auto key = TRY(read_whole_file(arguments.primary_key));
    Value::Object keys{{"primaryKey", Value(std::string(base::trim(key)))}};
    attestation.push_back({"symmetricKey", Value(std::move(keys))});
  }
  return Value(std::move(attestation));
}

Outcome<Value> object_of(const std::string& option, const std::string& json) {
  if (json.empty()) return Value(Value::Object{});
  auto value = base::json::parse(json);
  if (!value || value->if_object() == nullptr)
    return give_up(Exit::Usage, option + ": expected a JSON object");
  return std::move(*value);
}

Outcome<Value::Object> body_of(const Arguments& arguments) {
  Value::Object body;
  if (!arguments.status.empty()) body.push_back({"provisioningStatus", Value(arguments.status)});
  if (!arguments.device.empty()) body.push_back({"deviceId", Value(arguments.device)});
  auto tags = TRY(object_of("--tags", arguments.tags));
  auto desired = TRY(object_of("--desired", arguments.desired));
  if (!arguments.tags.empty() || !arguments.desired.empty()) {
    Value::Object properties{{"desired", std::move(desired)}};
    Value::Object twin{{"tags", std::move(tags)}, {"properties", Value(std::move(properties))}};
    body.push_back({"initialTwin", Value(std::move(twin))});
  }
  if (!arguments.reprovision.empty()) {
    Value::Object policy{{"updateHubAssignment", Value(arguments.reprovision != "never")},
                         {"migrateDeviceData", Value(arguments.reprovision == "keep")}};
    body.push_back({"reprovisionPolicy", Value(std::move(policy))});
  }
  return body;
}

Outcome<Exit> create(const Session& session, const Arguments& arguments) {
  auto body = TRY(body_of(arguments));
  auto attestation = TRY(attestation_of(arguments));
  body.push_back({"attestation", std::move(attestation)});
  auto client = TRY(session.connect());
  auto made = TRY(client.call("PUT", path_of(arguments), Value(std::move(body)).to_json()));
  return show(session, made);
}

// What is not named stays: reads, changes, and writes what it read, if nobody else did meanwhile.
Outcome<Exit> update(const Session& session, const Arguments& arguments) {
  auto changes = TRY(body_of(arguments));
  if (!arguments.certificate.empty() || !arguments.primary_key.empty()) {
    auto attestation = TRY(attestation_of(arguments));
    changes.push_back({"attestation", std::move(attestation)});
  }
  auto client = TRY(session.connect());
  auto current = TRY(client.call("GET", path_of(arguments)));
  Value::Object body = std::move(changes);
  for (const base::json::Member& member : *current.if_object()) {
    const bool changed = std::ranges::any_of(
        body, [&](const base::json::Member& each) { return each.name == member.name; });
    if (!changed && member.name != "registrationState") body.push_back(member);
  }
  const std::string etag(arguments.if_match.empty() ? current.text_or("etag", "*")
                                                    : arguments.if_match);
  auto updated = TRY(client.call("PUT", path_of(arguments), Value(std::move(body)).to_json(),
                                 {{"If-Match", etag}}));
  // The keys are shown where they are made.
  return show(session, updated);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = collection(arguments);
  add_parameter(path, "search", arguments.search);
  auto found = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, found,
                    {{arguments.group ? "Group" : "Registration id",
                      arguments.group ? "enrollmentGroupId" : "registrationId"},
                     {"Status", "provisioningStatus"},
                     {"Proof", "attestation.type"},
                     {"Created", "createdDateTimeUtc"}});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = path_of(arguments);
  if (arguments.keys) add_parameter(path, "keys", "true");
  auto found = TRY(client.call("GET", path));
  return show(session, found);
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", path_of(arguments), {}, if_match_of(arguments.if_match)));
  return Exit::Ok;
}

Outcome<Exit> registrations(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(fetch_list(
      client, "/enrollment-groups/" + base::percent_encode(arguments.id) + "/registrations",
      arguments.limit));
  return print_list(session, found,
                    {{"Registration id", "registrationId"},
                     {"Status", "status"},
                     {"Device", "deviceId"},
                     {"Updated", "lastUpdatedDateTimeUtc"},
                     {"Error", "errorMessage"}});
}

Outcome<Exit> scope(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/provisioning"));
  return print_object(session, found,
                      {{"Id scope", "idScope"},
                       {"Host name", "hostName"},
                       {"Enrollments", "enrollments"},
                       {"Groups", "enrollmentGroups"},
                       {"Registrations", "registrations"}});
}

void add_group(CLI::App& command, Arguments& arguments) {
  command.add_option("ID", arguments.id, "Registration id, or name of the group")
      ->type_name("")
      ->required();
  command.add_flag("--group", arguments.group, "A group of devices, not a single one");
}

// What can be said of an enrollment.
void add_content(CLI::App& command, Arguments& arguments) {
  command.add_option("--status", arguments.status, "enabled (default) or disabled")
      ->type_name("enabled|disabled")
      ->check(one_of({"enabled", "disabled"}));
  command
      .add_option("--device", arguments.device,
                  "Id of the device at the hub, where it is not the registration id")
      ->type_name("ID");
  command
      .add_option("--key-file", arguments.primary_key,
                  "File with the primary symmetric key (default: new keys are made)")
      ->type_name("FILE");
  command
      .add_option("--certificate", arguments.certificate,
                  "The device's X.509 certificate, PEM; of a group: its authority's")
      ->type_name("FILE")
      ->excludes("--key-file");
  command
      .add_option("--secondary-certificate", arguments.secondary_certificate,
                  "A second one, for changing them without a pause")
      ->type_name("FILE")
      ->needs("--certificate");
  command.add_option("--tags", arguments.tags, "Tags of a new device's twin")->type_name("JSON");
  command.add_option("--desired", arguments.desired, "Desired properties of a new device's twin")
      ->type_name("JSON");
  command
      .add_option("--reprovision", arguments.reprovision,
                  "When a device registers again: keep its twin (default), reset it, or never "
                  "change anything")
      ->type_name("keep|reset|never")
      ->check(one_of({"keep", "reset", "never"}));
}

}  // namespace

void add_enrollment(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("enrollment", "Devices that may register themselves");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };

  auto [make, made] = verb("create", "Create an enrollment and print it with its keys", create);
  add_group(*make, *made);
  add_content(*make, *made);

  auto [all, listed] = verb("list", "List enrollments", list);
  all->add_flag("--group", listed->group, "Groups of devices, not single ones");
  all->add_option("--search", listed->search, "Only ids that contain this text")->type_name("TEXT");
  add_limit(*all, listed->limit);

  auto [one, shown] = verb("show", "Show an enrollment", get);
  add_group(*one, *shown);
  one->add_flag("--keys", shown->keys, "With its keys");

  auto [change, changed] = verb("update", "Change an enrollment; what is not named stays", update);
  add_group(*change, *changed);
  add_content(*change, *changed);
  add_if_match(*change, changed->if_match);

  auto [erase, erased] =
      verb("delete", "Delete an enrollment; devices that registered stay", remove);
  add_group(*erase, *erased);
  add_if_match(*erase, erased->if_match);

  auto [came, asked] =
      verb("registrations", "List the devices of a group that registered", registrations);
  came->add_option("GROUP", asked->id, "Name of the group")->type_name("")->required();
  add_limit(*came, asked->limit);

  verb("scope", "Show the id scope that devices must be told", scope);
}

}  // namespace cli
