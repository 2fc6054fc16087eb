// vedette network ...
#include "cli/network.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
  std::string search;
  std::string type;
  std::string protocol;
  std::string level;
  std::string sensor;
  std::string device;
  std::string from;
  std::string to;
  std::size_t limit = 100;
  bool gone = false;
};

Outcome<Exit> assets(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/network/assets";
  add_parameter(path, "search", arguments.search);
  add_parameter(path, "type", arguments.type);
  add_parameter(path, "protocol", arguments.protocol);
  add_parameter(path, "level", arguments.level);
  add_parameter(path, "sensor", arguments.sensor);
  if (arguments.gone) add_parameter(path, "gone", "true");
  auto found = TRY(fetch_list(client, path, arguments.limit));
  return print_list(session, found,
                    {{"Id", "id"},
                     {"Address", "ipAddress"},
                     {"MAC", "macAddress"},
                     {"Type", "type"},
                     {"Vendor", "vendor"},
                     {"Model", "model"},
                     {"Firmware", "firmware"},
                     {"Serves", "serves"},
                     {"Sensor", "sensor.deviceId"},
                     {"Device", "device.deviceId"},
                     {"Last seen", "lastSeen"}});
}

Outcome<Exit> asset(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/network/assets/" + base::percent_encode(arguments.name)));
  return print_object(session, found,
                      {{"Id", "id"},
                       {"Sensor", "sensor.deviceId"},
                       {"Module", "sensor.moduleId"},
                       {"Site", "site"},
                       {"Known as", "assetId"},
                       {"Addresses", "ipAddresses"},
                       {"Former", "formerIpAddresses"},
                       {"MACs", "macAddresses"},
                       {"VLANs", "vlans"},
                       {"Type", "type"},
                       {"Purdue level", "purdueLevel"},
                       {"Vendor", "vendor"},
                       {"Model", "model"},
                       {"Order code", "orderCode"},
                       {"Firmware", "firmware"},
                       {"Hardware", "hardwareRevision"},
                       {"Serial", "serialNumber"},
                       {"Name", "name"},
                       {"Hostname", "hostname"},
                       {"System", "operatingSystem"},
                       {"Location", "location"},
                       {"Mode", "mode"},
                       {"User", "userName"},
                       {"Serves", "serves"},
                       {"Uses", "uses"},
                       {"Device", "device.deviceId"},
                       {"Known by", "device.basis"},
                       {"Not surely", "doubts"},
                       {"Gone", "gone"},
                       {"First seen", "firstSeen"},
                       {"Last seen", "lastSeen"}});
}

// "/usr/bin/curl (root)", for each process of an end.
std::string processes_of(const Value& flow, std::string_view end) {
  const Value* found = find_path(flow, std::string(end) + ".processes");
  std::string out;
  if (found == nullptr || found->if_array() == nullptr) return out;
  for (const Value& process : *found->if_array()) {
    if (!out.empty()) out += ", ";
    out += process.text_or("executable", "");
    const std::string_view user = process.text_or("userName", process.text_or("userId", ""));
    if (!user.empty()) out += fmt::format(" ({})", user);
  }
  return out;
}

std::string end_of(const Value& flow, std::string_view end) {
  const Value* found = flow.find(end);
  if (found == nullptr) return {};
  return std::string(found->text_or("address", found->text_or("macAddress", "")));
}

// What a line of a table has room for.
Value line_of(const Value& flow) {
  Value::Object line;
  const auto copy = [&](const char* name) {
    if (const Value* found = flow.find(name)) line.push_back({name, *found});
  };
  line.push_back({"client", Value(end_of(flow, "client"))});
  line.push_back({"clientProcesses", Value(processes_of(flow, "client"))});
  line.push_back({"server", Value(end_of(flow, "server"))});
  line.push_back({"serverProcesses", Value(processes_of(flow, "server"))});
  for (const char* name : {"serverPort", "protocol", "applicationProtocol", "flows", "clientBytes",
                           "serverBytes", "lastSeen"})
    copy(name);
  return Value(std::move(line));
}

Outcome<Exit> flows(const Session& session, const Arguments& arguments) {
  if (arguments.name.empty() == arguments.device.empty())
    return give_up(Exit::Usage, "name an asset or, with --device, a device");
  auto client = TRY(session.connect());
  const bool of_device = !arguments.device.empty();
  std::string path =
      of_device ? "/devices/" + base::percent_encode(arguments.device) + "/network"
                : "/network/assets/" + base::percent_encode(arguments.name) + "/conversations";
  add_parameter(path, "from", arguments.from);
  add_parameter(path, "to", arguments.to);
  add_parameter(path, "limit", std::to_string(arguments.limit));
  auto found = TRY(client.call("GET", path));
  const auto format = TRY(session.format());
  if (format == Format::Json) {
    print_json(session.environment.out, found);
    return Exit::Ok;
  }
  Value::Array lines;
  const Value* items = found.find(of_device ? "flows" : "items");
  if (items != nullptr && items->if_array() != nullptr) {
    for (const Value& flow : *items->if_array())
      lines.push_back(line_of(flow));
  }
  const Value* truncated = found.find("truncated");
  const bool* more = truncated == nullptr ? nullptr : truncated->if_bool();
  if (more != nullptr && *more) session.note("there are more: narrow --from and --to");
  Value::Object list;
  list.push_back({"items", Value(std::move(lines))});
  return print_list(session, Value(std::move(list)),
                    {{"Last seen", "lastSeen"},
                     {"Client", "client"},
                     {"Process", "clientProcesses"},
                     {"Server", "server"},
                     {"Port", "serverPort"},
                     {"Process", "serverProcesses"},
                     {"Transport", "protocol"},
                     {"Protocol", "applicationProtocol"},
                     {"Flows", "flows"},
                     {"Sent", "clientBytes"},
                     {"Received", "serverBytes"}});
}

}  // namespace

void add_network(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("network", "What sensors see in networks");
  noun->require_subcommand(1);
  auto [list, filter] =
      add_verb<Arguments>(*noun, session, "assets", "List devices in networks", assets);
  list->add_option("--search", filter->search,
                   "Only those with this in a name, an address, vendor, model ...")
      ->type_name("TEXT");
  list->add_option("--type", filter->type, "Only those of this type: PLC, HMI, switch ...")
      ->type_name("TYPE");
  list->add_option("--protocol", filter->protocol, "Only those that serve or use it")
      ->type_name("NAME");
  list->add_option("--level", filter->level, "Only those of this level of the Purdue model")
      ->type_name("1|2|3|4")
      ->check(CLI::IsMember({"1", "2", "3", "4"}));
  list->add_option("--sensor", filter->sensor, "Only those that this sensor sees")
      ->type_name("DEVICE");
  list->add_flag("--gone", filter->gone, "Also those that turned out to be part of others");
  add_limit(*list, filter->limit);
  auto [one, shown] =
      add_verb<Arguments>(*noun, session, "asset", "Show all that is known of one", asset);
  one->add_option("ASSET", shown->name, "Its id")->type_name("")->required();
  auto [talks, asked] = add_verb<Arguments>(
      *noun, session, "flows", "List who it talked to, with the processes that did", flows);
  talks->add_option("ASSET", asked->name, "Id of an asset")->type_name("");
  talks->add_option("--device", asked->device, "Instead of an asset: a device with an agent")
      ->type_name("DEVICE");
  talks->add_option("--from", asked->from, "Since then (default a day ago): 2027-01-31T00:00:00Z")
      ->type_name("TIME");
  talks->add_option("--to", asked->to, "Until then (default now)")->type_name("TIME");
  talks->add_option("--limit", asked->limit, "At most so many (default 100)")
      ->type_name("COUNT")
      ->check(in_range(1, 1000));
}

}  // namespace cli
