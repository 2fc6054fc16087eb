#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/api/message.h"
#include "hub/commands/messages.h"

// Messages as devices speak of them over HTTPS. Threads: pure.
namespace hub::api {

// As it goes into the journal: properties as a topic would carry them.
struct EventMessage {
  std::string bag;
  std::string payload;
  bool operator==(const EventMessage&) const = default;
};

inline constexpr std::string_view kBatchType = "application/vnd.microsoft.iothub.json";
inline constexpr std::size_t kMaxBatch = 500;

// One message: the body, and properties from the headers (iothub-app-NAME, iothub-messageid, ...).
// Errors: TooLarge (more than PropertyBag::kMaxProperties).
base::Result<EventMessage> read_event(const Request& request);

// Many: a JSON array of {"body": base64, "properties": {"iothub-app-NAME": "value", ...}}; with
// "base64Encoded": false a body is text. Errors: Malformed (what is wrong, and in which message),
// TooLarge (more than kMaxBatch).
base::Result<std::vector<EventMessage>> read_batch(std::string_view json);

// A message from the cloud as an answer: the lock is its ETag. Values that no header can carry are
// encoded words (RFC 2047); names that none can carry are percent-encoded.
Response command_response(const commands::Locked& locked);

}  // namespace hub::api
