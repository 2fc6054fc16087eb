#include "hub/amqp/address.h"

#include <vector>

#include "base/text.h"
#include "wire/topics.h"

namespace hub::amqp {

using base::Code;
using base::equal_ignore_case;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxSegments = 8;

using Segments = std::vector<std::string>;

// Empty when there are too many.
Segments split(std::string_view path) {
  Segments segments;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segments.size() == kMaxSegments) return {};
    if (!segment.empty()) segments.push_back(base::percent_decode(segment));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return segments;
}

std::string_view without_scheme(std::string_view text) {
  const std::size_t scheme = text.find("://");
  return scheme == std::string_view::npos ? text : text.substr(scheme + 3);
}

// "devices", d[, "modules", m]: takes them from the front, at `at`.
Result<identity::Name> take_name(const Segments& segments, std::size_t& at) {
  const auto has = [&](std::string_view word) {
    return at + 1 < segments.size() && equal_ignore_case(segments[at], word);
  };
  if (!has("devices")) return fail(Code::NotFound, "address");
  identity::Name name{segments[at + 1], {}};
  at += 2;
  if (has("modules")) {
    name.module_id = segments[at + 1];
    at += 2;
    if (!wire::is_valid_id(name.module_id)) return fail(Code::Invalid, "module id");
  }
  if (!wire::is_valid_id(name.device_id)) return fail(Code::Invalid, "device id");
  return name;
}

bool rest_is(const Segments& segments, std::size_t at, std::initializer_list<const char*> words) {
  if (segments.size() - at != words.size()) return false;
  for (const char* word : words) {
    if (!equal_ignore_case(segments[at++], word)) return false;
  }
  return true;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (text.size() > kMaxText) return fail(Code::NotFound, "address");
  if (text == "$cbs") return Address{Node::Cbs, {}};
  const std::string_view rest = without_scheme(text);
  // With a scheme there is a host before the path.
  const bool whole = rest.size() != text.size();
  const std::size_t path = whole ? rest.find('/') : 0;
  if (path == std::string_view::npos) return fail(Code::NotFound, "address");
  const Segments segments = split(rest.substr(path));
  if (rest_is(segments, 0, {"$cbs"})) return Address{Node::Cbs, {}};
  if (rest_is(segments, 0, {"messages", "devicebound"})) return Address{Node::ServiceSend, {}};
  if (rest_is(segments, 0, {"messages", "servicebound", "feedback"}))
    return Address{Node::Feedback, {}};
  if (rest_is(segments, 0, {"messages", "servicebound", "filenotifications"}))
    return Address{Node::FileNotifications, {}};
  std::size_t at = 0;
  Address address{Node::Events, TRY(take_name(segments, at))};
  if (rest_is(segments, at, {"messages", "events"})) return address;
  address.node = Node::DeviceBound;
  if (rest_is(segments, at, {"messages", "devicebound"})) return address;
  address.node = Node::Twin;
  if (rest_is(segments, at, {"twin"})) return address;
  address.node = Node::Methods;
  if (rest_is(segments, at, {"methods", "devicebound"})) return address;
  return fail(Code::NotFound, "address");
}

Result<Audience> parse_audience(std::string_view text) {
  if (text.size() > kMaxText) return fail(Code::Malformed, "audience");
  // Encoded as a whole, as the signature's `sr` is, or segment by segment.
  const bool encoded = text.find('/') == std::string_view::npos;
  const std::string decoded = encoded ? base::percent_decode(text) : std::string(text);
  const Segments segments = split(without_scheme(decoded));
  if (segments.empty()) return fail(Code::Malformed, "audience");
  Audience audience{segments.front(), std::nullopt};
  std::size_t at = 1;
  if (segments.size() == at || !equal_ignore_case(segments[at], "devices")) return audience;
  auto name = take_name(segments, at);
  if (!name) return std::unexpected(std::move(name).error());
  audience.name = std::move(*name);
  return audience;
}

Result<PlainUser> parse_plain_user(std::string_view text) {
  constexpr std::string_view kDevice = "@sas.";
  constexpr std::string_view kPolicy = "@sas.root.";
  if (text.size() > kMaxText) return fail(Code::Malformed, "user");
  // An id may hold '@'; what the hub is called may not.
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return fail(Code::Malformed, "user");
  const std::string_view who = text.substr(0, at);
  const std::string_view where = text.substr(at);
  PlainUser user;
  if (where.starts_with(kPolicy)) {
    user.policy = who;
    user.hub = where.substr(kPolicy.size());
    return user;
  }
  if (!where.starts_with(kDevice)) return fail(Code::Malformed, "user");
  user.hub = where.substr(kDevice.size());
  const std::size_t module = who.find("/modules/");
  identity::Name name{std::string(who.substr(0, module)), {}};
  if (module != std::string_view::npos) name.module_id = who.substr(module + 9);
  if (!wire::is_valid_id(name.device_id) ||
      (module != std::string_view::npos && !wire::is_valid_id(name.module_id))) {
    return fail(Code::Invalid, "id");
  }
  user.name = std::move(name);
  return user;
}

}  // namespace hub::amqp
