#include "wire/property_bag.h"

#include <algorithm>

#include "base/text.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kEncodedPrefix = "%24.";

struct Pair {
  std::string_view name;   // as written
  std::string_view value;  // as written
};

std::string_view strip(std::string_view bag) {
  if (bag.starts_with('?')) bag.remove_prefix(1);
  if (bag.ends_with('/')) bag.remove_suffix(1);
  return bag;
}

// Takes the next pair off the front; nullopt at the end. Pairs without any text are skipped.
std::optional<Pair> next_pair(std::string_view& bag) {
  while (!bag.empty()) {
    const std::size_t end = std::min(bag.find('&'), bag.size());
    const std::string_view pair = bag.substr(0, end);
    bag.remove_prefix(std::min(end + 1, bag.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return Pair{pair, {}};
    return Pair{pair.substr(0, equals), pair.substr(equals + 1)};
  }
  return std::nullopt;
}

bool has_escape(std::string_view text) {
  return text.find('%') != std::string_view::npos;
}

// Compares what is written, which may be percent-encoded, with decoded text.
bool reads_as(std::string_view written, std::string_view decoded) {
  if (!has_escape(written)) return written == decoded;
  return base::percent_decode(written) == decoded;
}

void append_pair(const Property& property, std::string& out) {
  if (!out.empty()) out.push_back('&');
  const bool system = property.name.starts_with("$.");
  if (system) out.append(kEncodedPrefix);
  out.append(base::percent_encode(std::string_view(property.name).substr(system ? 2 : 0)));
  out.push_back('=');
  out.append(base::percent_encode(property.value));
}

}  // namespace

Result<PropertyBag> PropertyBag::parse(std::string_view text) {
  PropertyBag bag;
  std::string_view rest = strip(text);
  while (const auto pair = next_pair(rest)) {
    if (pair->name.empty()) {
      return fail(Code::Malformed, "property bag", pair->name.data() - text.data(),
                  "a property without a name");
    }
    if (bag.properties_.size() == kMaxProperties) return fail(Code::TooLarge, "property bag");
    bag.properties_.push_back(
        {base::percent_decode(pair->name), base::percent_decode(pair->value)});
  }
  return bag;
}

void PropertyBag::set(std::string_view name, std::string_view value) {
  const auto found = std::ranges::find(properties_, name, &Property::name);
  if (found != properties_.end()) {
    found->value = value;
  } else {
    properties_.push_back({std::string(name), std::string(value)});
  }
}

const std::string* PropertyBag::find(std::string_view name) const {
  for (auto property = properties_.rbegin(); property != properties_.rend(); ++property) {
    if (property->name == name) return &property->value;
  }
  return nullptr;
}

std::string PropertyBag::encode() const {
  std::string out;
  for (const Property& property : properties_) {
    if (property.name.starts_with("$.")) append_pair(property, out);
  }
  for (const Property& property : properties_) {
    if (!property.name.starts_with("$.")) append_pair(property, out);
  }
  return out;
}

bool is_security_message(std::string_view bag) {
  std::string_view rest = strip(bag);
  bool security = false;
  while (const auto pair = next_pair(rest)) {
    if (!reads_as(pair->name, "$.ifid")) continue;
    security = reads_as(pair->value, kSecurityInterface);
  }
  return security;
}

std::optional<std::string> find_property(std::string_view bag, std::string_view name) {
  std::string_view rest = strip(bag);
  std::optional<std::string> found;
  while (const auto pair = next_pair(rest)) {
    if (reads_as(pair->name, name)) found = base::percent_decode(pair->value);
  }
  return found;
}

}  // namespace wire
