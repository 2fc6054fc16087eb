#include "dissect/bacnet/parameter.h"

#include <algorithm>
#include <iterator>

namespace dissect::bacnet {

namespace {

struct Row {
  Part part;
  std::uint8_t service;
  std::uint8_t parent;
  std::uint8_t tag;
  Parameter parameter;

  constexpr std::uint32_t key() const {
    return static_cast<std::uint32_t>(part) << 24U | std::uint32_t{service} << 16U |
           std::uint32_t{parent} << 8U | tag;
  }
};

constexpr Part kR = Part::Request;
constexpr Part kU = Part::Unconfirmed;
constexpr Part kA = Part::Ack;
constexpr std::uint8_t kTop = kNoParent;
constexpr Parameter kObject = {Meaning::Object, ""};
constexpr Parameter kDevice = {Meaning::Device, ""};
constexpr Parameter kProperty = {Meaning::Property, ""};
constexpr Parameter kIndex = {Meaning::Index, ""};
constexpr Parameter kSecret = {Meaning::Secret, ""};
constexpr Parameter kState = {Meaning::State, ""};
constexpr Parameter kValue = {Meaning::Value, ""};
constexpr Parameter number(const char* name) {
  return {Meaning::Number, name};
}
constexpr Parameter text(const char* name) {
  return {Meaning::Text, name};
}

// In the order of their keys.
constexpr Row kRows[] = {
    {kR, 0, kTop, 0, number("process")},
    {kR, 0, kTop, 1, kObject},
    {kR, 0, kTop, 2, number("event_state")},
    {kR, 0, kTop, 4, text("acknowledged_by")},
    {kR, 1, 4, 0, kProperty},
    {kR, 1, 4, 1, kIndex},
    {kR, 1, 4, 2, kValue},
    {kR, 1, 4, 3, number("priority")},
    {kR, 1, kTop, 0, number("process")},
    {kR, 1, kTop, 1, kDevice},
    {kR, 1, kTop, 2, kObject},
    {kR, 1, kTop, 3, number("time_remaining")},
    {kR, 2, kTop, 0, number("process")},
    {kR, 2, kTop, 1, kDevice},
    {kR, 2, kTop, 2, kObject},
    {kR, 2, kTop, 4, number("notification_class")},
    {kR, 2, kTop, 5, number("priority")},
    {kR, 2, kTop, 6, number("event_type")},
    {kR, 2, kTop, 7, text("event_message")},
    {kR, 2, kTop, 8, number("notify_type")},
    {kR, 2, kTop, 9, number("ack_required")},
    {kR, 2, kTop, 10, number("from_state")},
    {kR, 2, kTop, 11, number("to_state")},
    {kR, 5, kTop, 0, number("process")},
    {kR, 5, kTop, 1, kObject},
    {kR, 5, kTop, 2, number("confirmed")},
    {kR, 5, kTop, 3, number("lifetime")},
    {kR, 6, 0, kPlace + 0, number("file_start")},
    {kR, 6, 0, kPlace + 1, number("file_count")},
    {kR, 6, 1, kPlace + 0, number("record_start")},
    {kR, 6, 1, kPlace + 1, number("record_count")},
    {kR, 6, kTop, kPlace + 0, kObject},
    {kR, 7, 0, kPlace + 0, number("file_start")},
    {kR, 7, 0, kPlace + 1, kValue},
    {kR, 7, 1, kPlace + 0, number("record_start")},
    {kR, 7, 1, kPlace + 1, number("record_count")},
    {kR, 7, kTop, kPlace + 0, kObject},
    {kR, 8, kTop, 0, kObject},
    {kR, 8, kTop, 1, kProperty},
    {kR, 8, kTop, 2, kIndex},
    {kR, 8, kTop, 3, kValue},
    {kR, 9, kTop, 0, kObject},
    {kR, 9, kTop, 1, kProperty},
    {kR, 9, kTop, 2, kIndex},
    {kR, 9, kTop, 3, kValue},
    {kR, 10, 0, 0, number("new_object_type")},
    {kR, 10, 0, 1, kObject},
    {kR, 10, 1, 0, kProperty},
    {kR, 10, 1, 1, kIndex},
    {kR, 10, 1, 2, kValue},
    {kR, 10, 1, 3, number("priority")},
    {kR, 11, kTop, kPlace + 0, kObject},
    {kR, 12, kTop, 0, kObject},
    {kR, 12, kTop, 1, kProperty},
    {kR, 12, kTop, 2, kIndex},
    {kR, 14, 1, 0, kProperty},
    {kR, 14, 1, 1, kIndex},
    {kR, 14, kTop, 0, kObject},
    {kR, 15, kTop, 0, kObject},
    {kR, 15, kTop, 1, kProperty},
    {kR, 15, kTop, 2, kIndex},
    {kR, 15, kTop, 3, kValue},
    {kR, 15, kTop, 4, number("priority")},
    {kR, 16, 1, 0, kProperty},
    {kR, 16, 1, 1, kIndex},
    {kR, 16, 1, 2, kValue},
    {kR, 16, 1, 3, number("priority")},
    {kR, 16, kTop, 0, kObject},
    {kR, 17, kTop, 0, number("duration")},
    {kR, 17, kTop, 1, kState},
    {kR, 17, kTop, 2, kSecret},
    {kR, 18, kTop, 0, number("vendor_id")},
    {kR, 18, kTop, 1, number("service_number")},
    {kR, 18, kTop, 2, kValue},
    {kR, 19, kTop, 0, kDevice},
    {kR, 19, kTop, 3, text("message")},
    {kR, 20, kTop, 0, kState},
    {kR, 20, kTop, 1, kSecret},
    {kR, 24, kTop, 2, kSecret},
    {kR, 26, kTop, 0, kObject},
    {kR, 26, kTop, 1, kProperty},
    {kR, 26, kTop, 2, kIndex},
    {kR, 27, kTop, 0, number("process")},
    {kR, 27, kTop, 1, text("source")},
    {kR, 27, kTop, 2, number("life_safety_operation")},
    {kR, 27, kTop, 3, kObject},
    {kR, 28, 4, 0, kProperty},
    {kR, 28, 4, 1, kIndex},
    {kR, 28, kTop, 0, number("process")},
    {kR, 28, kTop, 1, kObject},
    {kR, 28, kTop, 2, number("confirmed")},
    {kR, 28, kTop, 3, number("lifetime")},
    {kR, 29, kTop, 0, kObject},
    {kU, 0, kTop, kPlace + 0, kDevice},
    {kU, 0, kTop, kPlace + 1, number("max_apdu")},
    {kU, 0, kTop, kPlace + 2, number("segmentation")},
    {kU, 0, kTop, kPlace + 3, number("vendor_id")},
    {kU, 1, kTop, kPlace + 0, kDevice},
    {kU, 1, kTop, kPlace + 1, kObject},
    {kU, 1, kTop, kPlace + 2, text("object_name")},
    {kU, 2, 4, 0, kProperty},
    {kU, 2, 4, 1, kIndex},
    {kU, 2, 4, 2, kValue},
    {kU, 2, 4, 3, number("priority")},
    {kU, 2, kTop, 0, number("process")},
    {kU, 2, kTop, 1, kDevice},
    {kU, 2, kTop, 2, kObject},
    {kU, 2, kTop, 3, number("time_remaining")},
    {kU, 3, kTop, 0, number("process")},
    {kU, 3, kTop, 1, kDevice},
    {kU, 3, kTop, 2, kObject},
    {kU, 3, kTop, 4, number("notification_class")},
    {kU, 3, kTop, 5, number("priority")},
    {kU, 3, kTop, 6, number("event_type")},
    {kU, 3, kTop, 7, text("event_message")},
    {kU, 3, kTop, 8, number("notify_type")},
    {kU, 3, kTop, 9, number("ack_required")},
    {kU, 3, kTop, 10, number("from_state")},
    {kU, 3, kTop, 11, number("to_state")},
    {kU, 4, kTop, 0, number("vendor_id")},
    {kU, 4, kTop, 1, number("service_number")},
    {kU, 4, kTop, 2, kValue},
    {kU, 5, kTop, 0, kDevice},
    {kU, 5, kTop, 3, text("message")},
    {kU, 7, kTop, 0, number("low_limit")},
    {kU, 7, kTop, 1, number("high_limit")},
    {kU, 7, kTop, 2, kObject},
    {kU, 7, kTop, 3, text("object_name")},
    {kU, 8, kTop, 0, number("low_limit")},
    {kU, 8, kTop, 1, number("high_limit")},
    {kA, 6, 0, kPlace + 0, number("file_start")},
    {kA, 6, 0, kPlace + 1, kValue},
    {kA, 6, 1, kPlace + 0, number("record_start")},
    {kA, 6, 1, kPlace + 1, number("record_count")},
    {kA, 7, kTop, 0, number("file_start")},
    {kA, 7, kTop, 1, number("record_start")},
    {kA, 10, kTop, kPlace + 0, kObject},
    {kA, 12, kTop, 0, kObject},
    {kA, 12, kTop, 1, kProperty},
    {kA, 12, kTop, 2, kIndex},
    {kA, 12, kTop, 3, kValue},
    {kA, 14, 1, 2, kProperty},
    {kA, 14, 1, 3, kIndex},
    {kA, 14, 1, 4, kValue},
    {kA, 14, kTop, 0, kObject},
    {kA, 18, kTop, 0, number("vendor_id")},
    {kA, 18, kTop, 1, number("service_number")},
    {kA, 18, kTop, 2, kValue},
    {kA, 26, kTop, 0, kObject},
    {kA, 26, kTop, 1, kProperty},
    {kA, 26, kTop, 2, kIndex},
    {kA, 26, kTop, 4, number("item_count")},
    {kA, 26, kTop, 5, kValue},
    {kA, 29, 0, 0, kObject},
    {kA, 29, 0, 1, number("event_state")},
};
static_assert(std::ranges::is_sorted(kRows, {}, &Row::key));

}  // namespace

Parameter find_parameter(Part part, unsigned int service, std::uint8_t parent, std::uint8_t tag) {
  if (service > 0xff) return {};
  const Row wanted{part, static_cast<std::uint8_t>(service), parent, tag, {}};
  const auto* const found = std::ranges::lower_bound(kRows, wanted.key(), {}, &Row::key);
  return found != std::end(kRows) && found->key() == wanted.key() ? found->parameter : Parameter{};
}

}  // namespace dissect::bacnet
