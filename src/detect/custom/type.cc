#include "detect/custom/type.h"

#include <array>

#include "base/result.h"
#include "base/text.h"

namespace detect::custom {
namespace {

constexpr std::string_view kPrefix = "IoT_CA_";
constexpr std::string_view kOperations = "IoTHubOperations";

constexpr std::string_view kFlood = "T1498";
constexpr std::string_view kEndpoint = "T1499";
constexpr std::string_view kProtocol = "T1071";
constexpr std::string_view kGuessing = "T1110";
constexpr std::string_view kImpact = "Impact";
constexpr std::string_view kControl = "Command and Control";
constexpr std::string_view kCredentials = "Credential Access";

constexpr std::string_view kSeeTraffic =
    "Look at what else the device and those who speak to it did in that time. If this is how it "
    "works, widen the range.";
constexpr std::string_view kSeeService =
    "Look into the hub's operations for who asked for this, and whether they should. If this is "
    "how the device is used, widen the range.";

// A count of messages by protocol; the three differ in one word.
constexpr TypeInfo messages(Type type, std::string_view id, std::string_view title,
                            std::string_view alias, std::string_view subject,
                            std::string_view technique) {
  return {type,        id.substr(kPrefix.size()),
          id,          title,
          alias,       subject,
          technique,   technique == kProtocol ? kControl : kImpact,
          kSeeTraffic, Kind::Range,
          Source::Hub, Item::None,
          kOperations};
}
constexpr TypeInfo operations(Type type, std::string_view id, std::string_view title,
                              std::string_view alias, std::string_view subject,
                              std::string_view technique) {
  return {type,        id.substr(kPrefix.size()),
          id,          title,
          alias,       subject,
          technique,   technique == kGuessing ? kCredentials : kImpact,
          kSeeService, Kind::Range,
          Source::Hub, Item::None,
          kOperations};
}

constexpr std::array<TypeInfo, kTypes> kInfos = {{
    {Type::ActiveConnections, "ActiveConnectionsNotInAllowedRange",
     "IoT_CA_ActiveConnectionsNotInAllowedRange",
     "Custom alert - number of active connections is outside the allowed range",
     "Active connections outside range", "connections", kFlood, kImpact,
     "See in the device's ConnectionCreate events which program makes them, and to whom. If this "
     "is how it works, widen the range.",
     Kind::Range, Source::Agent, Item::None, "ConnectionCreate"},
    {Type::FailedLocalLogins, "FailedLocalLoginsNotInAllowedRange",
     "IoT_CA_FailedLocalLoginsNotInAllowedRange",
     "Custom alert - number of failed local logins is outside the allowed range",
     "Failed local logins outside range", "failed local logins", kGuessing, kCredentials,
     "Find out who was at the device. Lock the accounts that were tried until it is clear.",
     Kind::Range, Source::Agent, Item::None, "Login"},
    {Type::ConnectionToIp, "ConnectionToIpNotAllowed", "IoT_CA_ConnectionToIpNotAllowed",
     "Custom alert - outbound connection created to an IP that is not allowed",
     "Outbound connection to a not allowed IP", "outbound connections", kProtocol, kControl,
     "Find out which program made the connection and why. Block the address in the device's "
     "firewall, or add it to the list.",
     Kind::List, Source::Agent, Item::Address, "ConnectionCreate"},
    {Type::LocalUser, "LocalUserNotAllowed", "IoT_CA_LocalUserNotAllowed",
     "Custom alert - login of a user that is not on the allowed user list",
     "Login of a user not on the allowed list", "logins", "T1078", "Initial Access",
     "Ask the account's owner. If nobody knows of the login, end its sessions and change its "
     "credentials.",
     Kind::List, Source::Agent, Item::User, "Login"},
    {Type::Process, "ProcessNotAllowed", "IoT_CA_ProcessNotAllowed",
     "Custom alert - a process was executed that is not allowed",
     "Process executed that is not allowed", "processes", "T1204", "Execution",
     "Find out who started it. Remove the program if it does not belong there, or add it to the "
     "list.",
     Kind::List, Source::Agent, Item::Process, "ProcessCreate"},
    messages(Type::AmqpC2D, "IoT_CA_AmqpC2DMessagesNotInAllowedRange",
             "Custom alert - number of cloud to device messages in AMQP protocol is outside the "
             "allowed range",
             "C2D messages over AMQP outside range", "cloud-to-device messages over AMQP",
             kProtocol),
    messages(Type::AmqpC2DRejected, "IoT_CA_AmqpC2DRejectedMessagesNotInAllowedRange",
             "Custom alert - number of rejected cloud to device messages in AMQP protocol is "
             "outside the allowed range",
             "Rejected C2D over AMQP outside range", "rejected cloud-to-device messages over AMQP",
             kFlood),
    messages(Type::AmqpD2C, "IoT_CA_AmqpD2CMessagesNotInAllowedRange",
             "Custom alert - number of device to cloud messages in AMQP protocol is outside the "
             "allowed range",
             "D2C messages over AMQP outside range", "device-to-cloud messages over AMQP", kFlood),
    messages(Type::HttpC2D, "IoT_CA_HttpC2DMessagesNotInAllowedRange",
             "Custom alert - number of cloud to device messages in HTTP protocol is outside the "
             "allowed range",
             "C2D messages over HTTP outside range", "cloud-to-device messages over HTTPS",
             kProtocol),
    messages(Type::HttpC2DRejected, "IoT_CA_HttpC2DRejectedMessagesNotInAllowedRange",
             "Custom alert - number of rejected cloud to device messages in HTTP protocol is "
             "outside the allowed range",
             "Rejected C2D over HTTP outside range", "rejected cloud-to-device messages over HTTPS",
             kFlood),
    messages(Type::HttpD2C, "IoT_CA_HttpD2CMessagesNotInAllowedRange",
             "Custom alert - number of device to cloud messages in HTTP protocol is outside the "
             "allowed range",
             "D2C messages over HTTP outside range", "device-to-cloud messages over HTTPS", kFlood),
    messages(Type::MqttC2D, "IoT_CA_MqttC2DMessagesNotInAllowedRange",
             "Custom alert - number of cloud to device messages in MQTT protocol is outside the "
             "allowed range",
             "C2D messages over MQTT outside range", "cloud-to-device messages over MQTT",
             kProtocol),
    messages(Type::MqttC2DRejected, "IoT_CA_MqttC2DRejectedMessagesNotInAllowedRange",
             "Custom alert - number of rejected cloud to device messages in MQTT protocol is "
             "outside the allowed range",
             "Rejected C2D over MQTT outside range", "rejected cloud-to-device messages over MQTT",
             kFlood),
    messages(Type::MqttD2C, "IoT_CA_MqttD2CMessagesNotInAllowedRange",
             "Custom alert - number of device to cloud messages in MQTT protocol is outside the "
             "allowed range",
             "D2C messages over MQTT outside range", "device-to-cloud messages over MQTT", kFlood),
    operations(Type::DirectMethodInvokes, "IoT_CA_DirectMethodInvokesNotInAllowedRange",
               "Custom alert - number of direct method invokes is outside the allowed range",
               "Direct method invokes outside range", "direct method calls", kEndpoint),
    operations(Type::FileUploads, "IoT_CA_FileUploadsNotInAllowedRange",
               "Custom alert - number of file uploads is outside the allowed range",
               "File uploads outside range", "file uploads", kEndpoint),
    operations(Type::QueuePurges, "IoT_CA_QueuePurgesNotInAllowedRange",
               "Custom alert - number of command queue purges is outside the allowed range",
               "Command queue purges outside range", "purges of its queue of messages", kEndpoint),
    operations(Type::TwinUpdates, "IoT_CA_TwinUpdatesNotInAllowedRange",
               "Custom alert - number of module twin updates is outside the allowed range",
               "Module twin updates outside range", "updates of its modules' twins", kEndpoint),
    operations(Type::UnauthorizedOperations, "IoT_CA_UnauthorizedOperationsNotInAllowedRange",
               "Custom alert - number of unauthorized operations is outside the allowed range",
               "Unauthorized operations outside range", "unauthorized operations", kGuessing),
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTypes; ++i) {
    if (kInfos[i].type != static_cast<Type>(i)) return false;
  }
  return true;
}
static_assert(in_order());

std::optional<Type> by_wire(Wire wire, Type amqp, Type http, Type mqtt) {
  switch (wire) {
    case Wire::Amqp:
      return amqp;
    case Wire::Http:
      return http;
    case Wire::Mqtt:
      return mqtt;
    case Wire::Any:
      break;
  }
  return std::nullopt;
}

std::optional<Type> of_command(const store::OperationRow& row) {
  const Wire wire = wire_of(row.protocol);
  if (row.operation == "deliver") return by_wire(wire, Type::AmqpC2D, Type::HttpC2D, Type::MqttC2D);
  if (row.operation == "reject")
    return by_wire(wire, Type::AmqpC2DRejected, Type::HttpC2DRejected, Type::MqttC2DRejected);
  if (row.operation == "purge" && row.status_code < 400) return Type::QueuePurges;
  return std::nullopt;
}

std::optional<Type> type_of(const store::OperationRow& row) {
  const bool done = row.status_code < 400;
  if (row.category == "DeviceTelemetry") {
    if (row.operation != "ingress" || !done) return std::nullopt;
    return by_wire(wire_of(row.protocol), Type::AmqpD2C, Type::HttpD2C, Type::MqttD2C);
  }
  if (row.category == "C2DCommands") return of_command(row);
  if (row.category == "DirectMethods" && row.operation == "invoke")
    return Type::DirectMethodInvokes;
  if (row.category == "FileUploadOperations" && row.operation == "getBlobSas" && done)
    return Type::FileUploads;
  const bool twin = row.category == "C2DTwinOperations" || row.category == "D2CTwinOperations";
  if (twin && done && !row.module_id.empty() &&
      (row.operation == "update" || row.operation == "replace")) {
    return Type::TwinUpdates;
  }
  return std::nullopt;
}

// Refused for what somebody may, not for how much.
bool is_unauthorized(const store::OperationRow& row) {
  if (row.status_code != 401 && row.status_code != 403) return false;
  if (row.operation == "deviceDisconnect") return false;
  return row.reason != "quota" && row.reason != "limit" && row.reason != "queue_full" &&
         row.reason != "throttled";
}

}  // namespace

const TypeInfo& type_info(Type type) {
  return kInfos[static_cast<std::size_t>(type)];
}

std::span<const TypeInfo> types() {
  return kInfos;
}

std::optional<Type> parse_type(std::string_view text) {
  for (const TypeInfo& info : kInfos) {
    if (base::equal_ignore_case(text, info.name) || base::equal_ignore_case(text, info.id))
      return info.type;
  }
  return std::nullopt;
}

std::optional<Type> type_of_metric(std::string_view metric, std::string_view protocol) {
  const auto find = [](const std::string& name) {
    const auto type = parse_type(name + "NotInAllowedRange");
    return type && type_info(*type).source == Source::Hub ? type : std::nullopt;
  };
  const std::string_view wire = base::equal_ignore_case(protocol, "HTTPS") ? "Http" : protocol;
  const auto found = find(std::string(wire) + std::string(metric) + "Messages");
  return found ? found : find(std::string(metric));
}

Wire wire_of(Type type) {
  const std::string_view name = type_info(type).name;
  if (name.starts_with("Amqp")) return Wire::Amqp;
  if (name.starts_with("Http")) return Wire::Http;
  return name.starts_with("Mqtt") ? Wire::Mqtt : Wire::Any;
}

Wire wire_of(std::string_view protocol) {
  if (protocol == "MQTT" || protocol == "MQTT_WS") return Wire::Mqtt;
  if (protocol == "AMQP" || protocol == "AMQP_WS") return Wire::Amqp;
  return protocol == "HTTPS" ? Wire::Http : Wire::Any;
}

CountedPair counted(const store::OperationRow& operation) {
  CountedPair out;
  if (operation.device_id.empty()) return out;
  const std::int64_t count = operation.count;
  if (const auto type = type_of(operation)) out.first = Counted{*type, count};
  if (is_unauthorized(operation)) out.second = Counted{Type::UnauthorizedOperations, count};
  return out;
}

store::OperationRow example_operation(Type type) {
  struct Example {
    std::string_view category;
    std::string_view operation;
    std::string_view protocol;
  };
  constexpr std::size_t kFirst = static_cast<std::size_t>(Type::AmqpC2D);
  constexpr std::array<Example, kTypes - kFirst> kExamples = {{
      {"C2DCommands", "deliver", "AMQP"},
      {"C2DCommands", "reject", "AMQP"},
      {"DeviceTelemetry", "ingress", "AMQP"},
      {"C2DCommands", "deliver", "HTTPS"},
      {"C2DCommands", "reject", "HTTPS"},
      {"DeviceTelemetry", "ingress", "HTTPS"},
      {"C2DCommands", "deliver", "MQTT"},
      {"C2DCommands", "reject", "MQTT"},
      {"DeviceTelemetry", "ingress", "MQTT"},
      {"DirectMethods", "invoke", ""},
      {"FileUploadOperations", "getBlobSas", "HTTPS"},
      {"C2DCommands", "purge", ""},
      {"C2DTwinOperations", "update", ""},
      {"Connections", "deviceConnect", "MQTT"},
  }};
  ASSERT(type_info(type).source == Source::Hub);
  const Example& example = kExamples[static_cast<std::size_t>(type) - kFirst];
  store::OperationRow row;
  row.category = example.category;
  row.operation = example.operation;
  row.protocol = example.protocol;
  row.level = "Information";
  row.status_code = 200;
  if (type == Type::TwinUpdates) row.module_id = "azureiotsecurity";
  if (type == Type::UnauthorizedOperations) {
    row.status_code = 401;
    row.level = "Error";
    row.reason = "unknown";
  }
  return row;
}

}  // namespace detect::custom
