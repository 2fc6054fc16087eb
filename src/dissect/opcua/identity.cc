#include "dissect/opcua/identity.h"

#include <string>

#include "dissect/text.h"

namespace dissect::opcua {

namespace {

constexpr std::uint32_t kServerStatus = 2256;
constexpr std::uint32_t kState = 2259;
constexpr std::uint32_t kBuildInfo = 2260;
constexpr std::uint32_t kProductName = 2261;
constexpr std::uint32_t kManufacturer = 2263;
constexpr std::uint32_t kSoftwareVersion = 2264;
constexpr std::uint32_t kBuildInfoType = 340;
constexpr std::uint32_t kServerStatusType = 864;

void read_build(Reader& reader, Sink& sink) {
  const std::string uri = printable(read_string(reader));
  const std::string manufacturer = printable(read_string(reader));
  const std::string product = printable(read_string(reader));
  const std::string version = printable(read_string(reader));
  const std::string build = printable(read_string(reader));
  if (!reader) return;
  sink.text("product_uri", uri);
  sink.text("manufacturer", manufacturer);
  sink.text("product_name", product);
  sink.text("software_version", version);
  sink.text("build_number", build);
  sink.tell(Fact::Vendor, manufacturer);
  sink.tell(Fact::Model, product);
  sink.tell(Fact::Firmware, version);
}

}  // namespace

void read_application(Reader& reader, bool about_sender, Sink& sink) {
  const std::string uri = printable(read_string(reader));
  const std::string product = printable(read_string(reader));
  const std::string name = printable(read_localized(reader));
  const std::uint32_t type = reader.u32le();
  read_string(reader);  // gateway
  read_string(reader);  // discovery profile
  const std::uint32_t urls = read_count(reader);
  for (std::uint32_t i = 0; i < urls && reader; ++i)
    sink.text("discovery_url", printable(read_string(reader)));
  if (!reader) return;
  sink.text("application_uri", uri);
  if (!product.empty()) sink.text("product_uri", product);
  if (!name.empty()) sink.text("application_name", name);
  sink.number("application_type", type);
  if (!about_sender) return;
  // The URI is its name among machines, when people have another for it.
  sink.tell(Fact::Name, name);
  sink.tell(Fact::Name, uri, name.empty() ? Confidence::Protocol : Confidence::Banner);
  sink.tell(Fact::Software, product);
}

void read_endpoint(Reader& reader, Sink& sink) {
  sink.text("endpoint_url", printable(read_string(reader)));
  read_application(reader, true, sink);
  const std::string_view certificate = read_string(reader);
  if (!certificate.empty()) sink.number("certificate_size", certificate.size());
  sink.number("security_mode", reader.u32le());
  sink.text("security_policy", printable(read_string(reader)));
  const std::uint32_t tokens = read_count(reader);
  for (std::uint32_t i = 0; i < tokens && reader; ++i) {
    sink.text("token_policy", printable(read_string(reader)));
    sink.number("token_type", reader.u32le());
    read_string(reader);
    read_string(reader);
    read_string(reader);
  }
  read_string(reader);  // transport profile
  sink.number("security_level", reader.u8());
}

bool tells_identity(const NodeId& node) {
  if (node.space != 0 || node.kind != 'i') return false;
  return node.number == kServerStatus || (node.number >= kState && node.number <= kSoftwareVersion);
}

void tell_identity(std::uint32_t node, const Value& value, Sink& sink) {
  switch (node) {
    case kProductName:
      return sink.tell(Fact::Model, printable(value.text));
    case kManufacturer:
      return sink.tell(Fact::Vendor, printable(value.text));
    case kSoftwareVersion:
      return sink.tell(Fact::Firmware, printable(value.text));
    case kBuildInfo:
    case kServerStatus: {
      const Extension& extension = value.extension;
      Reader body(extension.body);
      if (extension.type.number == kServerStatusType) {
        body.skip(16);  // start, now
        sink.number("server_state", body.u32le());
      } else if (extension.type.number != kBuildInfoType) {
        return;
      }
      return read_build(body, sink);
    }
    default:
      return;
  }
}

}  // namespace dissect::opcua
