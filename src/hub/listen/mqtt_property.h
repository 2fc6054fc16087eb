#pragma once

#include <string>
#include <string_view>

namespace hub::listen {

// What the hub adds to the bag of a message that asked to be retained, and of a will.
inline constexpr std::string_view kRetainProperty = "mqtt-retain=true";
inline constexpr std::string_view kWillProperty = "iothub-MessageType=Will";

// Appends a property, encoded already, to a bag.
inline void append_property(std::string& bag, std::string_view property) {
  if (bag.ends_with('/')) bag.pop_back();
  if (!bag.empty()) bag.push_back('&');
  bag.append(property);
}

}  // namespace hub::listen
