#include "dissect/ads/discovery.h"

#include <string>
#include <string_view>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ads {

namespace {

constexpr std::uint32_t kResponse = 0x80000000;
constexpr std::uint32_t kMaxItems = 64;

constexpr Named kServices[] = {
    {1, "identify"},
    {2, "reset"},
    {6, "add route"},
};
static_assert(sorted_by_code(kServices));

enum class Tag : std::uint16_t {
  Status = 1,
  Password = 2,
  Version = 3,
  OsVersion = 4,
  HostName = 5,
  NetId = 7,
  Options = 9,
  RouteName = 12,
  UserName = 13,
  Fingerprint = 18,
};

std::string dotted(base::ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

std::string_view platform_name(std::uint32_t platform) {
  switch (platform) {
    case 2:
      return "Windows NT";
    case 3:
      return "Windows CE";
    case 8:
      return "TwinCAT/BSD";
    default:
      return {};
  }
}

// Size of this, major, minor, build, platform; a service pack in UTF-16 follows (Windows:
// OSVERSIONINFOW).
void read_os(Reader item, Sink& sink) {
  item.skip(4);
  const std::uint32_t major = item.u32le();
  const std::uint32_t minor = item.u32le();
  const std::uint32_t build = item.u32le();
  const std::uint32_t platform = item.u32le();
  if (!item.ok()) return;
  const std::string version =
      std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(build);
  sink.number("os_platform", platform);
  sink.text("os_version", version);
  sink.tell(Fact::Os, platform_name(platform));
  sink.tell(Fact::OsVersion, version);
}

void read_version(Reader item, Sink& sink) {
  const std::uint8_t major = item.u8();
  const std::uint8_t minor = item.u8();
  const std::uint16_t build = item.u16le();
  if (!item.ok()) return;
  const std::string version =
      std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(build);
  sink.text("twincat_version", version);
  sink.tell(Fact::Software, "TwinCAT " + version);
}

struct Decoding {
  Message& message;
  Objects& objects;
  Sink& sink;
};

void read_item(std::uint16_t tag, Reader item, Decoding& to) {
  Sink& sink = to.sink;
  const bool answers = to.message.kind == Kind::Response;
  const auto text = [&item] { return printable(item.rest()); };
  switch (static_cast<Tag>(tag)) {
    case Tag::Status: {
      const std::uint32_t status = item.u32le();
      sink.number("status", status);
      to.message.status = {status == 0 ? Outcome::Ok : Outcome::Failed, status, {}};
      return;
    }
    case Tag::Version:
      return read_version(item, sink);
    case Tag::OsVersion:
      return read_os(item, sink);
    case Tag::HostName: {
      const std::string name = text();
      sink.text("host_name", name);
      if (answers) sink.tell(Fact::Hostname, name);
      return;
    }
    case Tag::RouteName: {
      const std::string name = text();
      sink.text("route_name", name);
      to.objects.add(to.message, sink, {"route", to.objects.compose({name}), 0, 0});
      return;
    }
    case Tag::UserName: {
      const std::string name = text();
      sink.text("user_name", name);
      sink.tell(Fact::User, name);
      return;
    }
    case Tag::NetId:
      if (sink.wants_details()) sink.text("route_net_id", dotted(item.rest()));
      return;
    case Tag::Fingerprint:
      sink.text("fingerprint", text());
      return;
    case Tag::Options:
      sink.number("options", item.u32le());
      return;
    case Tag::Password:
      return;
  }
}

}  // namespace

void read_discovery(base::ByteView datagram, Objects& objects, Sink& sink) {
  Reader reader(datagram);
  const std::uint32_t magic = reader.u32le();
  const std::uint32_t invoke = reader.u32le();
  const std::uint32_t service = reader.u32le();
  const base::ByteView net_id = reader.bytes(6);
  const std::uint16_t port = reader.u16le();
  const std::uint32_t items = reader.u32le();
  if (!reader.ok() || magic != kDiscoveryMagic) {
    sink.issue({Issue::Kind::Malformed, "no discovery message", magic, 0});
    return;
  }
  objects.begin();
  const std::uint32_t plain = service & ~kResponse;
  sink.number("service", service);
  sink.number("discovery_invoke_id", invoke);
  if (sink.wants_details()) sink.text("sender_net_id", dotted(net_id));
  sink.number("sender_port", port);
  sink.number("items", items);
  Message message;
  message.kind = (service & kResponse) != 0 ? Kind::Response : Kind::Request;
  message.operation = {0x10000U | plain, name_of(kServices, plain)};
  message.access = plain == 1   ? Access::Discovery
                   : plain == 2 ? Access::Reset
                                : Access::ConfigWrite;
  message.key = std::uint64_t{1} << 63U | std::uint64_t{plain} << 32U | invoke;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  Decoding to{message, objects, sink};
  for (std::uint32_t i = 0; i < items && i < kMaxItems && reader.remaining() >= 4; ++i) {
    const std::uint16_t tag = reader.u16le();
    const std::uint16_t length = reader.u16le();
    sink.number("item_tag", tag);
    sink.number("item_length", length);
    const Reader item = reader.sub(length);
    if (!reader.ok()) break;
    read_item(tag, item, to);
  }
  if (items > kMaxItems) sink.issue({Issue::Kind::LeftOut, "more items than are read", items, 20});
  if (!reader.ok()) sink.issue({Issue::Kind::Truncated, "shorter than its lengths say", items, 20});
  sink.message(message);
}

}  // namespace dissect::ads
