#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wire {

// The interface id that marks a security message (property `$.ifid`).
inline constexpr std::string_view kSecurityInterface = "urn:azureiot:Security:SecurityAgent:1";

struct Property {
  std::string name;   // system properties start with "$."
  std::string value;  // empty when the bag had no '='
  bool operator==(const Property&) const = default;
};

// The properties that an IoT Hub client writes at the end of a topic: name=value pairs joined by
// '&', each side percent-encoded or, from some clients, raw. A later pair of the same name wins in
// find().
class PropertyBag {
 public:
  static constexpr std::size_t kMaxProperties = 1024;

  // A leading '?' and a trailing '/' are not part of the bag; empty pairs are skipped. Names that
  // were sent as "%24.x" and as "$.x" are the same "$.x". Errors: TooLarge (more than
  // kMaxProperties), Malformed (a pair without a name).
  static base::Result<PropertyBag> parse(std::string_view text);

  void set(std::string_view name, std::string_view value);
  // One more, whether there is one of that name or not.
  void add(std::string_view name, std::string_view value) {
    properties_.push_back({std::string(name), std::string(value)});
  }
  // nullptr when there is none.
  const std::string* find(std::string_view name) const;
  const std::vector<Property>& properties() const { return properties_; }
  bool empty() const { return properties_.empty(); }

  // System properties first, every byte but the unreserved ones encoded, as the SDKs do.
  std::string encode() const;

 private:
  std::vector<Property> properties_;
};

// Does this bag, as it stands in the topic, carry kSecurityInterface? Makes no copies.
bool is_security_message(std::string_view bag);

// The value of one property, decoded, without parsing the rest into memory.
std::optional<std::string> find_property(std::string_view bag, std::string_view name);

}  // namespace wire
