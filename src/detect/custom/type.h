#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "store/events.h"

// What a custom alert can be about.
namespace detect::custom {

enum class Type : std::uint8_t {
  ActiveConnections,
  FailedLocalLogins,
  ConnectionToIp,
  LocalUser,
  Process,
  AmqpC2D,
  AmqpC2DRejected,
  AmqpD2C,
  HttpC2D,
  HttpC2DRejected,
  HttpD2C,
  MqttC2D,
  MqttC2DRejected,
  MqttD2C,
  DirectMethodInvokes,
  FileUploads,
  QueuePurges,
  TwinUpdates,
  UnauthorizedOperations,
};
inline constexpr std::size_t kTypes = 19;

// Range: how many of something there are in a window of time. List: what is on it, or is not.
enum class Kind : std::uint8_t { Range, List };
enum class Source : std::uint8_t { Agent, Hub };
// What the list of a List is made of.
enum class Item : std::uint8_t { None, Address, User, Process };

struct TypeInfo {
  Type type;
  std::string_view name;     // ActiveConnectionsNotInAllowedRange
  std::string_view id;       // IoT_CA_ActiveConnectionsNotInAllowedRange
  std::string_view title;    // of its alerts
  std::string_view alias;    // the same elsewhere
  std::string_view subject;  // "connections": what is counted or compared, for sentences
  std::string_view technique;
  std::string_view tactic;
  std::string_view remediation;
  Kind kind;
  Source source;
  Item item;
  std::string_view event;  // of agents; of the hub: IoTHubOperations
};
const TypeInfo& type_info(Type type);
std::span<const TypeInfo> types();

// By its name, with or without IoT_CA_ in front; whatever the case.
std::optional<Type> parse_type(std::string_view text);
// The count that a hub keeps: ("C2DRejected", "AMQP"), ("FileUploads", "").
std::optional<Type> type_of_metric(std::string_view metric, std::string_view protocol);

// The protocol that messages of a type come over; Any where they are not told apart by it.
enum class Wire : std::uint8_t { Any, Amqp, Http, Mqtt };
inline constexpr std::size_t kWires = 4;
Wire wire_of(Type type);
// By its name in operations: AMQP_WS; Any for none of these.
Wire wire_of(std::string_view protocol);

// What an operation of the hub adds to, and how much. Threads: pure.
struct Counted {
  Type type;
  std::int64_t count = 1;
};
// An operation can be two: a refused direct method is an unauthorized operation as well.
struct CountedPair {
  std::optional<Counted> first;
  std::optional<Counted> second;
};
CountedPair counted(const store::OperationRow& operation);

// An operation that adds one to that type, of Source::Hub; for whoever replays counts. Without
// time, device and count. TwinUpdates: of the module `azureiotsecurity`.
store::OperationRow example_operation(Type type);

}  // namespace detect::custom
