#include "hub/commands/message.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "wire/topics.h"

namespace hub::commands {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxIdBytes = 128;  // of messages and inputs
constexpr std::size_t kMaxProperties = 256;
constexpr std::array<std::string_view, 4> kAcks = {"none", "positive", "negative", "full"};
constexpr std::array<std::string_view, 5> kFates = {"Success", "Expired", "DeliveryCountExceeded",
                                                    "Rejected", "Purged"};

Result<void> check_text(std::string_view name, std::string_view text, std::size_t most) {
  if (text.size() > most) {
    return fail(Code::Invalid, "message", -1,
                std::string(name) + " is longer than " + std::to_string(most) + " bytes");
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (!base::is_utf8(text) || std::ranges::any_of(text, control)) {
    return fail(Code::Invalid, "message", -1,
                std::string(name) + " is not UTF-8, or has control characters");
  }
  return {};
}

Result<void> check_receiver(const CloudMessage& message) {
  if (!message.to.is_module()) {
    if (message.input.empty()) return {};
    return fail(Code::Invalid, "message", -1, "only a module has inputs");
  }
  if (message.input.empty())
    return fail(Code::Invalid, "message", -1, "a message to a module names one of its inputs");
  // It is a level of the topic.
  if (message.input.find_first_of("/+#") != std::string::npos)
    return fail(Code::Invalid, "message", -1, "the input has one of / + #");
  return check_text("the input", message.input, kMaxIdBytes);
}

bool take_word(std::string_view& text, std::string_view word) {
  if (text.size() < word.size() || !base::equal_ignore_case(text.substr(0, word.size()), word))
    return false;
  text.remove_prefix(word.size());
  return true;
}

// One level, decoded; empty at the end.
std::string take_level(std::string_view& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string level = base::percent_decode(text.substr(0, slash));
  text.remove_prefix(slash);
  return level;
}

}  // namespace

std::string_view to_string(Ack ack) {
  const auto index = static_cast<std::size_t>(ack);
  ASSERT(index < kAcks.size());
  return kAcks[index];
}

std::optional<Ack> parse_ack(std::string_view text) {
  const auto same = [text](std::string_view name) { return base::equal_ignore_case(name, text); };
  const auto found = std::ranges::find_if(kAcks, same);
  if (found == kAcks.end()) return std::nullopt;
  return static_cast<Ack>(found - kAcks.begin());
}

std::string_view to_string(Fate fate) {
  const auto index = static_cast<std::size_t>(fate);
  ASSERT(index < kFates.size());
  return kFates[index];
}

std::size_t size_of(const CloudMessage& message) {
  std::size_t size = message.body.size() + message.message_id.size() +
                     message.correlation_id.size() + message.user_id.size() +
                     message.content_type.size() + message.content_encoding.size();
  for (const wire::Property& property : message.properties)
    size += property.name.size() + property.value.size();
  return size;
}

std::uint64_t meter_units(std::size_t bytes, std::size_t block) {
  return std::max<std::size_t>(1, (bytes + block - 1) / block);
}

Result<void> check(const CloudMessage& message, std::size_t max_bytes) {
  TRY(check_receiver(message));
  TRY(check_text("the message id", message.message_id, kMaxIdBytes));
  TRY(check_text("the correlation id", message.correlation_id, kMaxIdBytes));
  for (const std::string* text :
       {&message.user_id, &message.content_type, &message.content_encoding, &message.to_address})
    TRY(check_text("a system property", *text, 1024));
  if (message.properties.size() > kMaxProperties) {
    return fail(Code::Invalid, "message", -1,
                "more than " + std::to_string(kMaxProperties) + " properties");
  }
  for (const wire::Property& property : message.properties) {
    if (property.name.empty())
      return fail(Code::Invalid, "message", -1, "a property without a name");
    // Those are the hub's own.
    if (property.name.starts_with("$."))
      return fail(Code::Invalid, "message", -1, "a property's name starts with $.");
    TRY(check_text("a property's name", property.name, max_bytes));
    TRY(check_text("a property", property.value, max_bytes));
  }
  const std::size_t size = size_of(message);
  if (size > max_bytes) {
    return fail(Code::TooLarge, "message", -1,
                "the message has " + std::to_string(size) + " bytes; the limit is " +
                    std::to_string(max_bytes));
  }
  return {};
}

Result<Address> parse_address(std::string_view text) {
  constexpr const char* kExpected =
      "expected /devices/{device}/messages/devicebound or "
      "/devices/{device}/modules/{module}/inputs/{input}";
  const auto malformed = fail(Code::Malformed, "address", -1, kExpected);
  Address address;
  if (text.starts_with('/')) text.remove_prefix(1);
  if (!take_word(text, "devices/")) return malformed;
  address.to.device_id = take_level(text);
  if (!wire::is_valid_id(address.to.device_id)) return malformed;
  if (take_word(text, "/modules/")) {
    address.to.module_id = take_level(text);
    if (!wire::is_valid_id(address.to.module_id) || !take_word(text, "/inputs/")) return malformed;
    address.input = take_level(text);
    if (address.input.empty() || !text.empty()) return malformed;
    return address;
  }
  if (!take_word(text, "/messages/devicebound") || !text.empty()) return malformed;
  return address;
}

std::string address_of(const identity::Name& to, std::string_view input) {
  std::string text = "/devices/" + base::percent_encode(to.device_id);
  if (!to.is_module()) return text + "/messages/devicebound";
  return text + "/modules/" + base::percent_encode(to.module_id) + "/inputs/" +
         base::percent_encode(input);
}

std::string to_json(const std::vector<Feedback>& feedback) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  for (const Feedback& one : feedback) {
    writer.begin_object();
    writer.field("originalMessageId", one.original_message_id);
    writer.field("enqueuedTimeUtc", base::format_rfc3339(one.at, 7));
    writer.field("statusCode", to_string(one.fate));
    writer.field("description", to_string(one.fate));
    writer.field("deviceId", one.device_id);
    if (!one.module_id.empty()) writer.field("moduleId", one.module_id);
    writer.field("deviceGenerationId", one.generation_id);
    writer.end_object();
  }
  writer.end_array();
  return out;
}

}  // namespace hub::commands
