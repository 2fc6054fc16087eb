#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/identity/registry.h"

// What an IoT Hub's links are called. Threads: pure.
namespace hub::amqp {

enum class Node : std::uint8_t {
  Cbs,                // $cbs: tokens
  Events,             // /devices/{d}[/modules/{m}]/messages/events
  DeviceBound,        // /devices/{d}[/modules/{m}]/messages/devicebound
  Twin,               // /devices/{d}[/modules/{m}]/twin
  Methods,            // /devices/{d}[/modules/{m}]/methods/devicebound
  ServiceSend,        // /messages/devicebound
  Feedback,           // /messages/serviceBound/feedback
  FileNotifications,  // /messages/serviceBound/filenotifications
};

struct Address {
  Node node = Node::Cbs;
  identity::Name name;  // of those below /devices
};

// A path, its segments percent-encoded or not, or a whole URI (amqps://host/path).
// Errors: NotFound (no such node), Invalid (an id that cannot be one).
base::Result<Address> parse_address(std::string_view text);

// Whom a token is for: {host}/devices/{d}[/modules/{m}], or {host} alone for the service.
struct Audience {
  std::string host;
  std::optional<identity::Name> name;  // none: the service
};
// As a whole percent-encoded or not, with a scheme or without. Errors: Malformed, Invalid (an id).
base::Result<Audience> parse_audience(std::string_view text);

// The user of SASL PLAIN: {d}@sas.{hub}, {d}/modules/{m}@sas.{hub}, {policy}@sas.root.{hub}, where
// the hub is its name or its first label.
struct PlainUser {
  std::optional<identity::Name> name;
  std::string policy;  // when it is no device
  std::string hub;
};
// Errors: Malformed, Invalid (an id).
base::Result<PlainUser> parse_plain_user(std::string_view text);

}  // namespace hub::amqp
