#include "dissect/ldap/operations.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "dissect/auth/auth.h"
#include "dissect/ber/cut.h"
#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::ldap {

namespace {

constexpr int kMaxItems = 1024;

constexpr Named kOperations[] = {
    {kBindRequest, "bind"},
    {kBindResponse, "bind"},
    {kUnbind, "unbind"},
    {kSearchRequest, "search"},
    {kSearchEntry, "search"},
    {kSearchDone, "search"},
    {kModifyRequest, "modify"},
    {kModifyResponse, "modify"},
    {kAddRequest, "add"},
    {kAddResponse, "add"},
    {kDeleteRequest, "delete"},
    {kDeleteResponse, "delete"},
    {kRenameRequest, "rename"},
    {kRenameResponse, "rename"},
    {kCompareRequest, "compare"},
    {kCompareResponse, "compare"},
    {kAbandon, "abandon"},
    {kSearchReference, "search"},
    {kExtendedRequest, "extended"},
    {kExtendedResponse, "extended"},
    {kIntermediate, "intermediate"},
};
static_assert(sorted_by_code(kOperations));

constexpr Named kResults[] = {
    {0, "success"},
    {1, "operations error"},
    {2, "protocol error"},
    {3, "time limit exceeded"},
    {4, "size limit exceeded"},
    {5, "compare false"},
    {6, "compare true"},
    {7, "authentication method not supported"},
    {8, "stronger authentication required"},
    {10, "referral"},
    {11, "administrative limit exceeded"},
    {12, "unavailable critical extension"},
    {13, "confidentiality required"},
    {14, "bind in progress"},
    {16, "no such attribute"},
    {17, "undefined attribute type"},
    {18, "inappropriate matching"},
    {19, "constraint violation"},
    {20, "attribute or value exists"},
    {21, "invalid attribute syntax"},
    {32, "no such object"},
    {33, "alias problem"},
    {34, "invalid name syntax"},
    {36, "alias dereferencing problem"},
    {48, "inappropriate authentication"},
    {49, "invalid credentials"},
    {50, "insufficient access rights"},
    {51, "busy"},
    {52, "unavailable"},
    {53, "unwilling to perform"},
    {54, "loop detected"},
    {64, "naming violation"},
    {65, "object class violation"},
    {66, "not allowed on an entry with others below it"},
    {67, "not allowed on a relative name"},
    {68, "entry already exists"},
    {69, "object class modifications prohibited"},
    {71, "affects multiple servers"},
    {80, "other"},
    {118, "canceled"},
    {119, "no such operation"},
    {120, "too late"},
    {121, "cannot cancel"},
    {122, "assertion failed"},
    {123, "authorization denied"},
};
static_assert(sorted_by_code(kResults));

struct Extension {
  std::string_view oid;
  std::string_view name;
  Access access;
};
constexpr Extension kExtensions[] = {
    {"1.3.6.1.4.1.1466.20037", "start TLS", Access::Session},
    {"1.3.6.1.4.1.4203.1.11.1", "modify password", Access::ConfigWrite},
    {"1.3.6.1.4.1.4203.1.11.3", "who am I", Access::Read},
    {"1.3.6.1.1.8", "cancel", Access::None},
    {"1.3.6.1.4.1.1466.20036", "notice of disconnection", Access::Session},
    {"1.2.840.113556.1.4.1781", "fast bind", Access::Authentication},
    {"1.3.6.1.4.1.1466.101.119.1", "dynamic refresh", Access::Write},
};

// What the root of a directory says of its server (RFC 4512 section 5.1, MS-ADTS 3.1.1.3.2).
struct Known {
  std::string_view attribute;
  Fact fact;
};
constexpr Known kKnown[] = {
    {"dnsHostName", Fact::Hostname},
    {"vendorName", Fact::Vendor},
    {"vendorVersion", Fact::Software},
};

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char left, char right) {
    return std::tolower(static_cast<unsigned char>(left)) ==
           std::tolower(static_cast<unsigned char>(right));
  });
}

// Attributes that hold passwords.
bool secret(std::string_view attribute) {
  std::string lower(attribute);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return lower.find("passw") != std::string::npos || lower.find("pwd") != std::string::npos;
}

std::string tell_text(std::string_view name, base::ByteView value, Sink& sink) {
  std::string text = printable(value, 1024);
  if (!text.empty()) sink.text(name, text);
  return text;
}

void tell_number(std::string_view name, const ber::Element& element, Sink& sink) {
  if (const auto value = ber::natural(element.value)) sink.number(name, *value);
}

// The next part, which must be there; ends the operation otherwise.
bool next(ber::Elements& parts, Sink& sink) {
  if (parts.next()) return true;
  sink.issue({Issue::Kind::Truncated, "operation ends too early", 0, 0});
  return false;
}

void bind_request(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  tell_number("version", parts.here(), sink);
  if (!next(parts, sink)) return;
  read.user = tell_text("name", parts.here().value, sink);
  if (!next(parts, sink)) return;
  const ber::Element& method = parts.here();
  if (method.tag_class == ber::Class::Context) sink.number("authentication", method.tag);
  if (method.context(0)) {
    read.mechanism = read.user.empty() && method.value.empty() ? "anonymous" : "simple";
    sink.tell(Fact::User, read.user, Confidence::Banner);
    return;
  }
  if (method.context(3)) {
    read.mechanism = "SASL";
    ber::Elements sasl(method.value);
    if (!next(sasl, sink)) return;
    const std::string name = tell_text("mechanism", sasl.here().value, sink);
    if (name == "EXTERNAL") read.mechanism = "EXTERNAL";
    if (name.starts_with("SCRAM")) read.mechanism = "SCRAM";
    if (name == "DIGEST-MD5") read.mechanism = "DIGEST-MD5";
    if (name == "PLAIN") read.mechanism = "PLAIN";
    if (!sasl.next() || !name.starts_with("GSS")) return;
    const auth::Token token = auth::read_token(sasl.here().value, sink);
    if (token.mechanism != auth::Mechanism::None)
      read.mechanism = auth::mechanism_name(token.mechanism);
    if (!token.user.empty()) read.user = token.user;
    return;
  }
  // Windows' own way (MS-ADTS 5.1.1.1.3).
  if (method.tag_class == ber::Class::Context && method.tag >= 9 && method.tag <= 11) {
    read.mechanism = "NTLM";
    const auth::Token token = auth::read_token(method.value, sink);
    if (!token.user.empty()) read.user = token.user;
    return;
  }
  sink.issue({Issue::Kind::Malformed, "unknown way of authentication", method.tag, 0});
}

// LDAPResult: what all responses begin with.
bool result(ber::Elements& parts, Read& read, Sink& sink) {
  if (!next(parts, sink)) return false;
  const auto code = ber::natural(parts.here().value);
  if (!code || !parts.here().universal(ber::kEnumerated)) {
    sink.issue({Issue::Kind::Malformed, "result is no number", 0, 0});
    return false;
  }
  read.result = static_cast<std::uint32_t>(std::min<std::uint64_t>(*code, UINT32_MAX));
  read.has_result = true;
  sink.number("result_code", *code);
  if (!next(parts, sink)) return false;
  const ber::Element matched = parts.here();
  if (!next(parts, sink)) return false;
  tell_text("matched_dn", matched.value, sink);
  tell_text("error_message", parts.here().value, sink);
  return true;
}

void bind_response(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  // Windows puts an NTLM message where the name should be (MS-ADTS 5.1.1.1.3).
  Read ignored;
  if (!result(parts, read, sink)) return;
  ber::Elements again(value);
  if (again.next() && again.next() && auth::is_ntlm(again.here().value))
    auth::read_token(again.here().value, sink);
  while (parts.next()) {
    if (parts.here().context(7)) auth::read_token(parts.here().value, sink);
  }
}

void search_request(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  read.entry = tell_text("base_object", parts.here().value, sink);
  static constexpr std::string_view kNumbers[] = {"scope", "dereference_aliases", "size_limit",
                                                  "time_limit", "types_only"};
  for (const std::string_view name : kNumbers) {
    if (!next(parts, sink)) return;
    tell_number(name, parts.here(), sink);
  }
  if (!next(parts, sink)) return;
  read.filter = read_filter(parts.here(), sink);
  sink.text("filter", read.filter);
  if (!next(parts, sink)) return;
  int count = 0;
  for (ber::Elements attributes(parts.here().value); attributes.next() && count < kMaxItems;
       ++count)
    tell_text("requested_attribute", attributes.here().value, sink);
}

// The next part; of a message that is cut, the beginning of its last one.
std::optional<ber::Element> next_or_cut(ber::Elements& parts, bool cut) {
  if (parts.next()) return parts.here();
  return cut && parts.truncated() ? ber::first_of_cut(parts.rest()) : std::nullopt;
}

// One attribute with its values, as entries and changes have it.
void attribute(base::ByteView value, bool cut, Sink& sink) {
  ber::Elements parts(value);
  if (cut ? !parts.next() : !next(parts, sink)) return;
  const std::string name = tell_text("attribute", parts.here().value, sink);
  const bool silent = secret(name);
  const auto set = next_or_cut(parts, cut);
  if (!set) return;
  int count = 0;
  for (ber::Elements values(set->value); values.next() && count < kMaxItems; ++count) {
    const base::ByteView one = values.here().value;
    if (!silent) sink.bytes("value", one);
    for (const Known& known : kKnown) {
      if (count == 0 && same_name(name, known.attribute))
        sink.tell(known.fact, printable(one), Confidence::Neighbor);
    }
    if (same_name(name, "netlogon")) read_netlogon(one, sink);
  }
}

void attributes(base::ByteView list, bool cut, Sink& sink) {
  int count = 0;
  ber::Elements items(list);
  for (; items.next(); ++count) {
    if (count == kMaxItems) {
      sink.issue({Issue::Kind::LeftOut, "more attributes than are read", kMaxItems, 0});
      return;
    }
    attribute(items.here().value, false, sink);
  }
  if (const auto last = next_or_cut(items, cut)) attribute(last->value, true, sink);
}

void entry_with_attributes(std::string_view name, base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  read.entry = tell_text(name, parts.here().value, sink);
  if (const auto list = next_or_cut(parts, read.cut))
    attributes(list->value, read.cut, sink);
  else
    sink.issue({Issue::Kind::Truncated, "operation ends too early", 0, 0});
}

void modify_request(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  read.entry = tell_text("object", parts.here().value, sink);
  if (!next(parts, sink)) return;
  int count = 0;
  for (ber::Elements changes(parts.here().value); changes.next() && count < kMaxItems; ++count) {
    ber::Elements change(changes.here().value);
    if (!next(change, sink)) return;
    tell_number("change", change.here(), sink);
    if (!next(change, sink)) return;
    attribute(change.here().value, false, sink);
  }
}

void rename_request(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  read.entry = tell_text("entry", parts.here().value, sink);
  if (!next(parts, sink)) return;
  tell_text("new_name", parts.here().value, sink);
  if (!next(parts, sink)) return;
  tell_number("delete_old_name", parts.here(), sink);
  if (parts.next() && parts.here().context(0)) tell_text("new_superior", parts.here().value, sink);
}

void compare_request(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!next(parts, sink)) return;
  read.entry = tell_text("entry", parts.here().value, sink);
  if (!next(parts, sink)) return;
  ber::Elements assertion(parts.here().value);
  if (!next(assertion, sink)) return;
  const std::string name = tell_text("compared_attribute", assertion.here().value, sink);
  if (next(assertion, sink) && !secret(name))
    tell_text("compared_value", assertion.here().value, sink);
}

void extension(base::ByteView oid, Read& read) {
  const std::string_view text = base::as_text(oid);
  const auto* const known = std::ranges::find(kExtensions, text, &Extension::oid);
  if (known == std::end(kExtensions)) return;
  read.extended_name = known->name;
  read.extended_access = known->access;
}

void extended_request(base::ByteView value, Read& read, Sink& sink) {
  for (ber::Elements parts(value); parts.next();) {
    if (!parts.here().context(0)) continue;
    read.entry = tell_text("request_name", parts.here().value, sink);
    extension(parts.here().value, read);
  }
}

void extended_response(base::ByteView value, Read& read, Sink& sink) {
  ber::Elements parts(value);
  if (!result(parts, read, sink)) return;
  while (parts.next()) {
    if (!parts.here().context(10)) continue;
    tell_text("response_name", parts.here().value, sink);
    extension(parts.here().value, read);
  }
}

}  // namespace

bool read_operation(const ber::Element& operation, Read& read, Sink& sink) {
  if (operation.tag_class != ber::Class::Application || operation_name(operation.tag).empty())
    return false;
  sink.number("operation", operation.tag);
  read.bytes = static_cast<std::uint32_t>(operation.value.size());
  const base::ByteView value = operation.value;
  if (read.cut && operation.tag != kSearchEntry && operation.tag != kAddRequest) return true;
  switch (operation.tag) {
    case kBindRequest:
      bind_request(value, read, sink);
      break;
    case kBindResponse:
      bind_response(value, read, sink);
      break;
    case kSearchRequest:
      search_request(value, read, sink);
      break;
    case kSearchEntry:
      entry_with_attributes("entry_name", value, read, sink);
      break;
    case kSearchDone:
    case kModifyResponse:
    case kAddResponse:
    case kDeleteResponse:
    case kRenameResponse:
    case kCompareResponse: {
      ber::Elements parts(value);
      result(parts, read, sink);
      break;
    }
    case kModifyRequest:
      modify_request(value, read, sink);
      break;
    case kAddRequest:
      entry_with_attributes("entry", value, read, sink);
      break;
    case kDeleteRequest:
      read.entry = tell_text("delete", value, sink);
      break;
    case kRenameRequest:
      rename_request(value, read, sink);
      break;
    case kCompareRequest:
      compare_request(value, read, sink);
      break;
    case kAbandon:
      tell_number("abandon", operation, sink);
      break;
    case kExtendedRequest:
      extended_request(value, read, sink);
      break;
    case kExtendedResponse:
      extended_response(value, read, sink);
      break;
    default:
      break;
  }
  return true;
}

std::string_view operation_name(std::uint32_t operation) {
  return name_of(kOperations, operation);
}

Access operation_access(std::uint32_t operation) {
  switch (operation) {
    case kBindRequest:
    case kBindResponse:
      return Access::Authentication;
    case kUnbind:
      return Access::Session;
    case kModifyRequest:
    case kAddRequest:
    case kDeleteRequest:
    case kRenameRequest:
      return Access::ConfigWrite;
    case kSearchRequest:
    case kCompareRequest:
      return Access::Read;
    default:
      return Access::None;
  }
}

std::string_view result_name(std::uint32_t code) {
  return name_of(kResults, code);
}

}  // namespace dissect::ldap
