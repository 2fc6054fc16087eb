#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "wire/property_bag.h"

namespace hub::commands {

// Of which ends of a message its sender wants to be told.
enum class Ack : std::uint8_t { None, Positive, Negative, Full };
std::string_view to_string(Ack ack);  // none, positive, negative, full
std::optional<Ack> parse_ack(std::string_view text);

// A cloud-to-device message; to a module, a message for one of its inputs.
struct CloudMessage {
  identity::Name to;
  std::string input;       // of a module; empty for a device
  std::string to_address;  // as the sender wrote it; empty: address_of(to, input)
  std::string message_id;
  std::string correlation_id;
  std::string user_id;
  std::string content_type;
  std::string content_encoding;
  std::optional<base::WallTime> expiry;  // nullopt: after the default time to live
  Ack ack = Ack::None;
  std::vector<wire::Property> properties;  // the application's; names may repeat
  std::string body;                        // any bytes
};

// What counts against the limit and is metered: body, system values, names and values of
// properties.
std::size_t size_of(const CloudMessage& message);

// How many blocks are metered for it: at least one.
std::uint64_t meter_units(std::size_t bytes, std::size_t block);

// Whether it can be carried by every protocol: UTF-8 in all but the body, sensible ids, an input
// exactly where the receiver is a module. Errors: Invalid (the detail says what), TooLarge.
base::Result<void> check(const CloudMessage& message, std::size_t max_bytes);

struct Address {
  identity::Name to;
  std::string input;
};
// /devices/{d}/messages/devicebound or /devices/{d}/modules/{m}/inputs/{i}, percent-encoded ids,
// words in either case. Errors: Malformed. Threads: pure.
base::Result<Address> parse_address(std::string_view text);
std::string address_of(const identity::Name& to, std::string_view input);

// What became of a message whose sender asked to be told.
enum class Fate : std::uint8_t { Success, Expired, DeliveryCountExceeded, Rejected, Purged };
std::string_view to_string(Fate fate);

struct Feedback {
  std::string original_message_id;
  base::WallTime at;
  Fate fate = Fate::Success;
  std::string device_id;
  std::string module_id;
  std::string generation_id;
};
// The JSON array that IoT Hub's service SDKs read. Threads: pure.
std::string to_json(const std::vector<Feedback>& feedback);
inline constexpr std::string_view kFeedbackContentType =
    "application/vnd.microsoft.iothub.feedback.json";

}  // namespace hub::commands
