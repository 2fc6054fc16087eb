// The bodies of services. Source: OPC 10000-4, 5.
#include <bit>
#include <string>

#include "dissect/opcua/identity.h"
#include "dissect/opcua/service.h"
#include "dissect/text.h"

namespace dissect::opcua {

namespace {

constexpr std::uint32_t kDataChange = 811;
constexpr std::uint32_t kEventList = 916;
constexpr std::uint32_t kAnonymous = 321;
constexpr std::uint32_t kUserName = 324;
constexpr std::uint32_t kX509 = 327;

double f64(Reader& reader) {
  return std::bit_cast<double>(reader.u64le());
}

void bad(Found& found, std::uint32_t status) {
  if (is_bad(status) && !is_bad(found.result)) found.result = status;
}

void tell_node(const NodeId& node, Sink& sink, Found& found) {
  found.node(node);
  if (sink.wants_details()) sink.text("node", node.written());
}

void read_request_header(Reader& reader, Sink& sink) {
  read_node_id(reader);  // the session's secret
  reader.skip(8);
  sink.number("request_handle", reader.u32le());
  sink.number("return_diagnostics", reader.u32le());
  const std::string_view audit = read_string(reader);
  if (!audit.empty()) sink.text("audit_entry", printable(audit));
  sink.number("timeout_hint", reader.u32le());
  read_extension(reader);
}

std::uint32_t read_response_header(Reader& reader, Sink& sink) {
  reader.skip(8);
  sink.number("request_handle", reader.u32le());
  const std::uint32_t result = reader.u32le();
  sink.number("service_result", result);
  skip_diagnostics(reader);
  const std::uint32_t strings = read_count(reader);
  for (std::uint32_t i = 0; i < strings && reader; ++i)
    read_string(reader);
  read_extension(reader);
  return result;
}

// A node's attribute that is to be read: ReadValueId.
NodeId read_value_id(Reader& reader, Sink& sink, Found& found) {
  const NodeId node = read_node_id(reader);
  const std::uint32_t attribute = reader.u32le();
  read_string(reader);
  skip_qualified(reader);
  if (!reader) return node;
  tell_node(node, sink, found);
  sink.number("attribute", attribute);
  return node;
}

void request_endpoint(Reader& reader, Sink& sink) {
  const std::string_view url = read_string(reader);
  if (!url.empty()) sink.text("endpoint_url", printable(url));
}

void request_read(Reader& reader, Sink& sink, Found& found) {
  sink.real("max_age", f64(reader));
  sink.number("timestamps", reader.u32le());
  const std::uint32_t count = read_count(reader);
  sink.number("nodes", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_value_id(reader, sink, found);
    if (reader && tells_identity(node) && found.asked.size() < kMaxAsked)
      found.asked.push_back({i, node.number});
  }
}

void request_write(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("nodes", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_node_id(reader);
    const std::uint32_t attribute = reader.u32le();
    read_string(reader);
    if (!reader) return;
    tell_node(node, sink, found);
    sink.number("attribute", attribute);
    std::uint32_t status = 0;
    read_data_value(reader, sink, status);
  }
}

void request_call(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("methods", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId object = read_node_id(reader);
    const NodeId method = read_node_id(reader);
    if (!reader) return;
    if (sink.wants_details()) sink.text("object_node", object.written());
    tell_node(method, sink, found);
    const std::uint32_t arguments = read_count(reader);
    for (std::uint32_t k = 0; k < arguments && reader; ++k)
      read_variant(reader, sink);
  }
}

void request_browse(Reader& reader, Sink& sink, Found& found) {
  read_node_id(reader);
  reader.skip(12);
  sink.number("max_references", reader.u32le());
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_node_id(reader);
    sink.number("browse_direction", reader.u32le());
    read_node_id(reader);
    reader.skip(9);
    if (reader) tell_node(node, sink, found);
  }
}

void request_monitor(Reader& reader, Sink& sink, Found& found) {
  sink.number("subscription", reader.u32le());
  sink.number("timestamps", reader.u32le());
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    read_value_id(reader, sink, found);
    sink.number("monitoring_mode", reader.u32le());
    sink.number("client_handle", reader.u32le());
    sink.real("sampling_interval", f64(reader));
    read_extension(reader);
    sink.number("queue_size", reader.u32le());
    reader.skip(1);
  }
}

void request_subscription(Reader& reader, Sink& sink) {
  sink.real("publishing_interval", f64(reader));
  sink.number("lifetime_count", reader.u32le());
  sink.number("keep_alive_count", reader.u32le());
  sink.number("max_notifications", reader.u32le());
  sink.number("publishing_enabled", reader.u8());
  sink.number("priority", reader.u8());
}

void request_registration(Reader& reader, Sink& sink) {
  sink.text("server_uri", printable(read_string(reader)));
  const std::string_view product = read_string(reader);
  if (!product.empty()) sink.text("product_uri", printable(product));
  const std::uint32_t names = read_count(reader);
  for (std::uint32_t i = 0; i < names && reader; ++i)
    sink.text("application_name", printable(read_localized(reader)));
  sink.number("application_type", reader.u32le());
  read_string(reader);
  const std::uint32_t urls = read_count(reader);
  for (std::uint32_t i = 0; i < urls && reader; ++i)
    sink.text("discovery_url", printable(read_string(reader)));
  read_string(reader);
  sink.number("online", reader.u8());
}

void request_publish(Reader& reader, Sink& sink) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    sink.number("subscription", reader.u32le());
    sink.number("acknowledged", reader.u32le());
  }
}

void request_session(Reader& reader, Sink& sink) {
  read_application(reader, true, sink);
  const std::string_view server = read_string(reader);
  if (!server.empty()) sink.text("server_uri", printable(server));
  sink.text("endpoint_url", printable(read_string(reader)));
  const std::string_view session = read_string(reader);
  if (!session.empty()) sink.text("session_name", printable(session));
  read_string(reader);  // nonce
  read_string(reader);  // certificate
  sink.real("session_timeout", f64(reader));
  sink.number("max_response_size", reader.u32le());
}

// Of a user's token, who it is: never what proves it.
void read_token(const Extension& token, Sink& sink, Found& found) {
  Reader body(token.body);
  const std::string policy = printable(read_string(body));
  sink.number("user_token", token.type.number);
  sink.text("token_policy", policy);
  switch (token.type.number) {
    case kAnonymous:
      found.detail = {kAnonymous, "anonymous"};
      return;
    case kUserName: {
      found.detail = {kUserName, "user name"};
      const std::string user = printable(read_string(body));
      if (!body || user.empty()) return;
      sink.text("user_name", user);
      sink.tell(Fact::User, user);
      return;
    }
    case kX509:
      found.detail = {kX509, "certificate"};
      return;
    default:
      found.detail = {token.type.number, "issued token"};
      return;
  }
}

void request_activation(Reader& reader, Sink& sink, Found& found) {
  read_string(reader);
  read_string(reader);
  const std::uint32_t certificates = read_count(reader);
  for (std::uint32_t i = 0; i < certificates && reader; ++i) {
    read_string(reader);
    read_string(reader);
  }
  const std::uint32_t locales = read_count(reader);
  for (std::uint32_t i = 0; i < locales && reader; ++i)
    read_string(reader);
  const Extension token = read_extension(reader);
  if (reader) read_token(token, sink, found);
}

void request_history(Reader& reader, Sink& sink, Found& found) {
  read_extension(reader);
  reader.skip(5);
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_node_id(reader);
    read_string(reader);
    skip_qualified(reader);
    read_string(reader);
    if (reader) tell_node(node, sink, found);
  }
}

void request_add_nodes(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    read_node_id(reader);
    read_node_id(reader);
    const NodeId node = read_node_id(reader);
    reader.skip(2);
    const std::string_view name = read_string(reader);
    sink.number("node_class", reader.u32le());
    read_extension(reader);
    read_node_id(reader);
    if (!reader) return;
    sink.text("browse_name", printable(name));
    tell_node(node, sink, found);
  }
}

// Lists of nodes with so many bytes behind each.
void request_nodes(Reader& reader, std::size_t behind, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_node_id(reader);
    reader.skip(behind);
    if (reader) tell_node(node, sink, found);
  }
}

void request_paths(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const NodeId node = read_node_id(reader);
    if (reader) tell_node(node, sink, found);
    const std::uint32_t elements = read_count(reader);
    for (std::uint32_t k = 0; k < elements && reader; ++k) {
      read_node_id(reader);
      reader.skip(2);
      reader.skip(2);
      const std::string_view name = read_string(reader);
      if (reader) sink.text("browse_name", printable(name));
    }
  }
}

void response_read(Reader& reader, const std::vector<Asked>& asked, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    std::uint32_t status = 0;
    const Value value = read_data_value(reader, sink, status);
    if (status != 0) sink.number("status_code", status);
    bad(found, status);
    if (!reader) return;
    for (const Asked& one : asked) {
      if (one.place == i) tell_identity(one.node, value, sink);
    }
  }
}

void response_statuses(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const std::uint32_t status = reader.u32le();
    sink.number("status_code", status);
    if (reader) bad(found, status);
  }
}

void response_call(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const std::uint32_t status = reader.u32le();
    sink.number("status_code", status);
    if (reader) bad(found, status);
    const std::uint32_t arguments = read_count(reader);
    for (std::uint32_t k = 0; k < arguments && reader; ++k)
      sink.number("argument_status", reader.u32le());
    const std::uint32_t diagnostics = read_count(reader);
    for (std::uint32_t k = 0; k < diagnostics && reader; ++k)
      skip_diagnostics(reader);
    const std::uint32_t outputs = read_count(reader);
    for (std::uint32_t k = 0; k < outputs && reader; ++k)
      read_variant(reader, sink);
  }
}

void response_session(Reader& reader, Sink& sink) {
  const NodeId session = read_node_id(reader);
  if (sink.wants_details()) sink.text("session", session.written());
  read_node_id(reader);  // the session's secret
  sink.real("session_timeout", f64(reader));
  read_string(reader);
  read_string(reader);
  const std::uint32_t endpoints = read_count(reader);
  for (std::uint32_t i = 0; i < endpoints && reader; ++i)
    read_endpoint(reader, sink);
}

void response_publish(Reader& reader, Sink& sink, Found& found) {
  found.access = Access::Read;
  sink.number("subscription", reader.u32le());
  const std::uint32_t available = read_count(reader);
  for (std::uint32_t i = 0; i < available && reader; ++i)
    reader.skip(4);
  sink.number("more_notifications", reader.u8());
  sink.number("notification_sequence", reader.u32le());
  reader.skip(8);
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const Extension one = read_extension(reader);
    if (!reader) return;
    sink.number("notification", one.type.number);
    if (one.type.number == kEventList) {
      found.detail = {kEventList, "event"};
      found.access = Access::Alarm;
    } else if (found.detail.name.empty()) {
      found.detail = {one.type.number,
                      one.type.number == kDataChange ? "data change" : "status change"};
    }
  }
}

void response_subscription(Reader& reader, Sink& sink) {
  sink.number("subscription", reader.u32le());
  sink.real("publishing_interval", f64(reader));
  sink.number("lifetime_count", reader.u32le());
  sink.number("keep_alive_count", reader.u32le());
}

void response_monitor(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const std::uint32_t status = reader.u32le();
    sink.number("status_code", status);
    if (reader) bad(found, status);
    sink.number("monitored_item", reader.u32le());
    sink.real("sampling_interval", f64(reader));
    sink.number("queue_size", reader.u32le());
    read_extension(reader);
  }
}

void response_browse(Reader& reader, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const std::uint32_t status = reader.u32le();
    sink.number("status_code", status);
    if (reader) bad(found, status);
    read_string(reader);
    const std::uint32_t references = read_count(reader);
    for (std::uint32_t k = 0; k < references && reader; ++k) {
      read_node_id(reader);
      reader.skip(1);
      const NodeId node = read_node_id(reader);
      reader.skip(2);
      const std::string_view name = read_string(reader);
      read_localized(reader);
      sink.number("node_class", reader.u32le());
      read_node_id(reader);
      if (!reader || !sink.wants_details()) continue;
      sink.text("node", node.written());
      sink.text("browse_name", printable(name));
    }
  }
}

// Statuses, each with what was made or found.
void response_added(Reader& reader, bool paths, Sink& sink, Found& found) {
  const std::uint32_t count = read_count(reader);
  sink.number("results", count);
  for (std::uint32_t i = 0; i < count && reader; ++i) {
    const std::uint32_t status = reader.u32le();
    sink.number("status_code", status);
    if (reader) bad(found, status);
    const std::uint32_t targets = paths ? read_count(reader) : 1;
    for (std::uint32_t k = 0; k < targets && reader; ++k) {
      const NodeId node = read_node_id(reader);
      if (paths) reader.skip(4);
      if (reader && sink.wants_details()) sink.text("node", node.written());
    }
  }
}

void response_activation(Reader& reader, Sink& sink, Found& found) {
  read_string(reader);
  response_statuses(reader, sink, found);
}

void response_servers(Reader& reader, Sink& sink) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i)
    read_application(reader, false, sink);
}

void response_endpoints(Reader& reader, Sink& sink) {
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i)
    read_endpoint(reader, sink);
}

void request_channel(Reader& reader, Sink& sink, Found& found) {
  sink.number("client_protocol_version", reader.u32le());
  const std::uint32_t type = reader.u32le();
  sink.number("channel_request", type);
  sink.number("security_mode", reader.u32le());
  read_string(reader);
  sink.number("requested_lifetime", reader.u32le());
  if (reader) found.detail = {type, type == 0 ? "issue" : "renew"};
}

void response_channel(Reader& reader, Sink& sink) {
  sink.number("server_protocol_version", reader.u32le());
  sink.number("token_channel", reader.u32le());
  sink.number("new_token", reader.u32le());
  reader.skip(8);
  sink.number("revised_lifetime", reader.u32le());
  read_string(reader);
}

}  // namespace

void Found::clear() {
  count = 0;
  left_out = false;
  detail = {};
  access = Access::None;
  result = 0;
  asked.clear();
}

void Found::node(const NodeId& node) {
  if (count == objects.size()) {
    left_out = true;
    return;
  }
  names[count] = node.written();
  objects[count] = {"node", names[count], 0, 0};
  ++count;
}

void read_request(Reader& reader, const Service& service, Sink& sink, Found& found) {
  found.clear();
  read_request_header(reader, sink);
  switch (service.request) {
    case 422:
    case 428:
      return request_endpoint(reader, sink);
    case 437:
    case 12211:
      return request_registration(reader, sink);
    case 446:
      return request_channel(reader, sink, found);
    case 461:
      return request_session(reader, sink);
    case 467:
      return request_activation(reader, sink, found);
    case 488:
      return request_add_nodes(reader, sink, found);
    case 500:
      return request_nodes(reader, 1, sink, found);
    case 527:
      return request_browse(reader, sink, found);
    case 554:
      return request_paths(reader, sink, found);
    case 560:
    case 566:
      return request_nodes(reader, 0, sink, found);
    case 631:
      return request_read(reader, sink, found);
    case 664:
      return request_history(reader, sink, found);
    case 673:
      return request_write(reader, sink, found);
    case 712:
      return request_call(reader, sink, found);
    case 751:
      return request_monitor(reader, sink, found);
    case 781:
    case 793:
    case 832:
      return sink.number("subscription", reader.u32le());
    case 787:
      return request_subscription(reader, sink);
    case 826:
      return request_publish(reader, sink);
    default:
      return;
  }
}

void read_response(Reader& reader, const Service& service, const std::vector<Asked>& asked,
                   Sink& sink, Found& found) {
  found.clear();
  found.result = read_response_header(reader, sink);
  if (!reader || is_bad(found.result)) return;
  switch (service.response) {
    case 425:
      return response_servers(reader, sink);
    case 431:
      return response_endpoints(reader, sink);
    case 449:
      return response_channel(reader, sink);
    case 464:
      return response_session(reader, sink);
    case 634:
      return response_read(reader, asked, sink, found);
    case 470:
      return response_activation(reader, sink, found);
    case 491:
    case 557:
      return response_added(reader, service.response == 557, sink, found);
    case 530:
    case 536:
      return response_browse(reader, sink, found);
    case 754:
      return response_monitor(reader, sink, found);
    case 790:
      return response_subscription(reader, sink);
    case 503:
    case 676:
    case 784:
    case 802:
    case 850:
      return response_statuses(reader, sink, found);
    case 715:
      return response_call(reader, sink, found);
    case 829:
      return response_publish(reader, sink, found);
    default:
      return;
  }
}

}  // namespace dissect::opcua
