#include "wire/connection_string.h"

#include <array>

#include "base/hash.h"
#include "base/text.h"

namespace wire {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 7> kNames = {
    "HostName",        "DeviceId",  "ModuleId", "SharedAccessKeyName",
    "SharedAccessKey", "HttpsPort", "x509"};

Result<std::uint16_t> parse_port(std::string_view text) {
  const auto port = base::parse_int(text);
  if (!port || *port < 1 || *port > 65'535) {
    return fail(Code::Malformed, "connection string", -1, "expected a port from 1 to 65535");
  }
  return static_cast<std::uint16_t>(*port);
}

// H, H:8883, [::1] or [::1]:8883; the brackets are not part of the host name.
Result<void> take_host(std::string_view value, ConnectionString& connection) {
  std::string_view host = value;
  std::string_view port;
  if (value.starts_with('[')) {
    const std::size_t close = value.find(']');
    if (close == std::string_view::npos) {
      return fail(Code::Malformed, "connection string", -1, "HostName: ']' is missing");
    }
    host = value.substr(1, close - 1);
    port = value.substr(close + 1);
  } else if (const std::size_t colon = value.find(':'); colon != std::string_view::npos) {
    host = value.substr(0, colon);
    port = value.substr(colon);
  }
  if (!port.empty()) {
    if (!port.starts_with(':')) {
      return fail(Code::Malformed, "connection string", -1, "HostName: expected ':' and a port");
    }
    connection.port = TRY(parse_port(port.substr(1)));
  }
  if (host.empty()) return fail(Code::Malformed, "connection string", -1, "HostName is empty");
  connection.host_name = host;
  return {};
}

Result<void> take_field(std::string_view name, std::string_view value,
                        ConnectionString& connection) {
  const auto is = [&](std::string_view known) { return base::equal_ignore_case(name, known); };
  if (is("HostName")) return take_host(value, connection);
  if (is("HttpsPort")) {
    connection.https_port = TRY(parse_port(value));
    return {};
  }
  if (is("x509")) {
    connection.x509 = base::equal_ignore_case(value, "true");
    if (connection.x509 || base::equal_ignore_case(value, "false")) return {};
    return fail(Code::Malformed, "connection string", -1, "x509: expected true or false");
  }
  if (is("DeviceId")) {
    connection.device_id = value;
  } else if (is("ModuleId")) {
    connection.module_id = value;
  } else if (is("SharedAccessKeyName")) {
    connection.policy = value;
  } else if (is("SharedAccessKey")) {
    connection.key_base64 = value;
  } else {
    std::string detail = "unknown field '" + std::string(name.substr(0, 64)) + "'";
    if (const auto near = base::nearest(name, kNames))
      detail += "; did you mean " + std::string(*near) + "?";
    return fail(Code::Malformed, "connection string", -1, std::move(detail));
  }
  return {};
}

Result<void> check(const ConnectionString& connection) {
  const auto invalid = [](const char* detail) {
    return fail(Code::Invalid, "connection string", -1, detail);
  };
  if (connection.host_name.empty()) return invalid("HostName is missing");
  if (connection.x509) {
    if (!connection.key_base64.empty()) return invalid("both SharedAccessKey and x509=true");
    if (connection.device_id.empty()) return invalid("x509=true without DeviceId");
  } else {
    if (connection.key_base64.empty()) return invalid("SharedAccessKey is missing");
    auto key = base::base64_decode(connection.key_base64);
    if (!key) return invalid("SharedAccessKey is not base64");
    base::wipe(*key);
  }
  if (connection.device_id.empty() && connection.policy.empty()) {
    return invalid("DeviceId (for a device) or SharedAccessKeyName (for the service) is missing");
  }
  if (connection.device_id.empty() && !connection.module_id.empty())
    return invalid("ModuleId without DeviceId");
  return {};
}

}  // namespace

Result<ConnectionString> parse_connection_string(std::string_view text) {
  ConnectionString connection;
  for (const std::string_view field : base::split(base::trim(text), ';')) {
    if (field.empty()) continue;
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos) {
      // The text is not shown: it may be a piece of the key.
      return fail(Code::Malformed, "connection string", field.data() - text.data(),
                  "expected Name=value");
    }
    TRY(take_field(base::trim(field.substr(0, equals)), field.substr(equals + 1), connection));
  }
  TRY(check(connection));
  return connection;
}

std::string format_connection_string(const ConnectionString& connection) {
  const bool is_v6 = connection.host_name.find(':') != std::string::npos;
  std::string text = "HostName=";
  text += is_v6 ? "[" + connection.host_name + "]" : connection.host_name;
  if (connection.port) text += ":" + std::to_string(*connection.port);
  if (!connection.device_id.empty()) text += ";DeviceId=" + connection.device_id;
  if (!connection.module_id.empty()) text += ";ModuleId=" + connection.module_id;
  if (!connection.policy.empty()) text += ";SharedAccessKeyName=" + connection.policy;
  text += connection.x509 ? ";x509=true" : ";SharedAccessKey=" + connection.key_base64;
  if (connection.https_port) text += ";HttpsPort=" + std::to_string(*connection.https_port);
  return text;
}

}  // namespace wire
