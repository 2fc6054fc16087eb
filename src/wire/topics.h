#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// The fixed topics of IoT Hub's MQTT dialect. Threads: pure.
namespace wire {

// A device, or one of its modules when `module_id` is not empty.
struct TopicOwner {
  std::string_view device_id;
  std::string_view module_id;
};

enum class PublishKind : std::uint8_t {
  Events,          // device to cloud
  TwinGet,         // $iothub/twin/GET/?$rid=X
  TwinReported,    // $iothub/twin/PATCH/properties/reported/?$rid=X
  MethodResponse,  // $iothub/methods/res/{status}/?$rid=X
};

// A topic that a device may publish to. Views of the input.
struct PublishTopic {
  PublishKind kind = PublishKind::Events;
  TopicOwner owner;             // Events only; ids as written
  std::string_view bag;         // Events: the property bag, still encoded
  std::string_view request_id;  // the others: $rid
  int status = 0;               // MethodResponse
};
// Errors: NotFound (none of those topics), Malformed (one of them, but its end is not as it must
// be).
base::Result<PublishTopic> parse_publish_topic(std::string_view topic);

// An id as it stands in a topic (raw, or percent-encoded by some clients) against the real one.
bool same_topic_id(std::string_view in_topic, std::string_view id);

// devices/{d}[/modules/{m}]/messages/events/{bag}
std::string events_topic(TopicOwner owner, std::string_view bag);

enum class FilterKind : std::uint8_t {
  DeviceBound,   // devices/{d}/messages/devicebound/#
  ModuleInputs,  // devices/{d}/modules/{m}/inputs/#
  TwinResults,   // $iothub/twin/res/#
  TwinDesired,   // $iothub/twin/PATCH/properties/desired/#
  Methods,       // $iothub/methods/POST/#
};
// What the owner may subscribe to; nullopt for everything else, other identities' topics included.
std::optional<FilterKind> parse_filter(std::string_view filter, TopicOwner owner);
std::string filter_text(FilterKind kind, TopicOwner owner);

// $iothub/twin/res/{status}/?$rid={rid}
std::string twin_result_topic(int status, std::string_view request_id);

// $iothub/twin/res/{status}/?$rid={rid}&$version={version}
std::string twin_result_topic(int status, std::string_view request_id, std::int64_t version);
// $iothub/twin/PATCH/properties/desired/?$version={version}
std::string twin_desired_topic(std::int64_t version);
// $iothub/twin/GET/?$rid={rid} and $iothub/twin/PATCH/properties/reported/?$rid={rid}
std::string twin_get_topic(std::string_view request_id);
std::string twin_reported_topic(std::string_view request_id);

// devices/{d}/messages/devicebound/{bag}, or devices/{d}/modules/{m}/inputs/{input}/{bag}
std::string command_topic(TopicOwner owner, std::string_view input, std::string_view bag);
// $iothub/methods/POST/{method}/?$rid={rid}
std::string method_topic(std::string_view method, std::string_view request_id);

enum class DeliveryKind : std::uint8_t { TwinResult, TwinDesired };

// A topic on which the hub publishes about a twin. Views of the input.
struct DeliveryTopic {
  DeliveryKind kind = DeliveryKind::TwinResult;
  int status = 0;                       // TwinResult
  std::string_view request_id;          // TwinResult
  std::optional<std::int64_t> version;  // TwinDesired: always there
};
// Errors: NotFound (none of those topics), Malformed (one of them, but its end is not as it must
// be).
base::Result<DeliveryTopic> parse_delivery_topic(std::string_view topic);

// What CONNECT says besides the credentials:
// {host}/{device}[/{module}]/?api-version=..&DeviceClientType=..
struct MqttUsername {
  std::string host;
  std::string device_id;
  std::string module_id;
  std::string api_version;
  std::string client_type;  // DeviceClientType, decoded
  std::string model_id;
};
// Lenient about the '?', as older clients leave it out. Errors: Malformed.
base::Result<MqttUsername> parse_mqtt_username(std::string_view text);
std::string mqtt_username(std::string_view host, TopicOwner owner, std::string_view client_type);
// "d" or "d/m": what the CONNECT's client id must be.
std::string mqtt_client_id(TopicOwner owner);

// Ids of devices and modules: 1 to 128 ASCII letters, digits and -:.+%_#*?!(),=@;$'.
bool is_valid_id(std::string_view id);

}  // namespace wire
