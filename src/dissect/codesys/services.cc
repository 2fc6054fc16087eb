#include "dissect/codesys/services.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::codesys {

namespace {

constexpr std::uint16_t kNormal = 0xcd55;
constexpr std::uint16_t kSecure = 0x7557;
constexpr std::uint16_t kResponse = 0x80;
constexpr std::uint16_t kDevice = 0x01;
constexpr std::uint16_t kApplication = 0x02;
constexpr std::uint16_t kFiles = 0x08;
constexpr std::uint16_t kUsers = 0x0c;
constexpr std::uint32_t kController = 4096;  // a target type
constexpr int kMaxTags = 256;
constexpr int kMaxDepth = 8;

constexpr Named kGroups[] = {
    {0x01, "device"},        {0x02, "application"},     {0x04, "visualization"},
    {0x05, "log"},           {0x06, "settings"},        {0x07, "Ethernet"},
    {0x08, "file transfer"}, {0x09, "variable access"}, {0x0b, "I/O manager"},
    {0x0c, "user manager"},  {0x0f, "trace manager"},   {0x11, "PLC shell"},
    {0x12, "breakpoints"},   {0x13, "forcing"},         {0x18, "alarm manager"},
    {0x1b, "monitor"},       {0x1d, "CodeMeter"},       {0x1f, "core dump"},
    {0x22, "certificates"},
};
static_assert(sorted_by_code(kGroups));

constexpr Access kGet = Access::ConfigRead;
constexpr Access kSet = Access::ConfigWrite;
constexpr Access kDiagnose = Access::Diagnostics;
constexpr Access kLoad = Access::ProgramDownload;

struct Entry {
  std::uint32_t code = 0;  // group and number
  Service what;
};

constexpr Entry kServices[] = {
    {0x010001, {"info", Access::Discovery}},
    {0x010002, {"login", Access::Authentication}},
    {0x010003, {"logout", Access::Session}},
    {0x010004, {"reset origin", Access::Reset}},
    {0x010005, {"echo", kDiagnose}},
    {0x010006, {"set operating mode", Access::ModeChange}},
    {0x010007, {"get operating mode", kDiagnose}},
    {0x010008, {"interactive login", Access::Authentication}},
    {0x010009, {"rename node", kSet}},
    {0x01000a, {"session create", Access::Session}},
    {0x020001, {"login", Access::Session}},
    {0x020002, {"logout", Access::Session}},
    {0x020003, {"create application", kLoad}},
    {0x020004, {"delete application", kLoad}},
    {0x020005, {"download", kLoad}},
    {0x020006, {"online change", kLoad}},
    {0x020007, {"device download", kLoad}},
    {0x020008, {"create device application", kLoad}},
    {0x020010, {"start", Access::Start}},
    {0x020011, {"stop", Access::Stop}},
    {0x020012, {"reset", Access::Reset}},
    {0x020013, {"set breakpoint", kDiagnose}},
    {0x020014, {"read status", kDiagnose}},
    {0x020015, {"delete breakpoint", kDiagnose}},
    {0x020016, {"read call stack", kDiagnose}},
    {0x020017, {"get area offset", Access::Read}},
    {0x020018, {"application list", Access::Discovery}},
    {0x020019, {"set next statement", Access::Write}},
    {0x020020, {"release forced values", Access::Write}},
    {0x020021, {"upload forced values", Access::Read}},
    {0x020022, {"single cycle", Access::ModeChange}},
    {0x020023, {"create boot project", kLoad}},
    {0x020024, {"reinitialize application", Access::Reset}},
    {0x020025, {"application state list", kDiagnose}},
    {0x020026, {"load boot application", kLoad}},
    {0x020027, {"register boot application", kLoad}},
    {0x020028, {"check file consistency", kDiagnose}},
    {0x020029, {"read application info", Access::Discovery}},
    {0x020030, {"download compact", kLoad}},
    {0x020031, {"read project info", Access::Discovery}},
    {0x020032, {"define flow", kDiagnose}},
    {0x020033, {"read flow values", kDiagnose}},
    {0x020034, {"download encrypted", kLoad}},
    {0x020035, {"read application content", Access::ProgramUpload}},
    {0x020036, {"save retained values", Access::Write}},
    {0x020037, {"restore retained values", Access::Write}},
    {0x020038, {"get area address", Access::Read}},
    {0x050001, {"get entries", kDiagnose}},
    {0x050002, {"get component names", kDiagnose}},
    {0x050003, {"list of loggers", kDiagnose}},
    {0x080001, {"file info", Access::File}},
    {0x080002, {"open for writing", Access::File}},
    {0x080003, {"open for writing", Access::File}},
    {0x080004, {"file write", Access::File}},
    {0x080005, {"open for reading", Access::File}},
    {0x080006, {"open for reading", Access::File}},
    {0x080007, {"file read", Access::File}},
    {0x080008, {"file close", Access::File}},
    {0x080009, {"file close", Access::File}},
    {0x08000c, {"file list", Access::File}},
    {0x08000e, {"delete file", Access::File}},
    {0x08000f, {"rename file", Access::File}},
    {0x080010, {"create directory", Access::File}},
    {0x080011, {"delete directory", Access::File}},
    {0x080012, {"rename directory", Access::File}},
    {0x110001, {"execute", kSet}},
    {0x1b0001, {"read", Access::Read}},
    {0x1b0002, {"write", Access::Write}},
    {0x220001, {"import", kSet}},
    {0x220002, {"export", kGet}},
    {0x220003, {"delete", kSet}},
    {0x220004, {"move", kSet}},
    {0x220005, {"list", kGet}},
    {0x220006, {"list of uses", kGet}},
    {0x220007, {"create certificate", kSet}},
    {0x220009, {"get status", kGet}},
};
static_assert(std::ranges::is_sorted(kServices, {}, &Entry::code));

// What a component's services do where single ones are not known.
Access group_access(std::uint16_t group) {
  switch (group) {
    case kDevice:
      return Access::Session;
    case kApplication:
      return Access::None;
    case 0x05:
    case 0x12:
    case 0x1f:
      return kDiagnose;
    case 0x06:
    case 0x07:
    case 0x1d:
    case 0x22:
      return kGet;
    case kFiles:
      return Access::File;
    case kUsers:
      return Access::Authentication;
    case 0x11:
      return kSet;
    case 0x13:
      return Access::Write;
    case 0x18:
      return Access::Alarm;
    default:
      return Access::Read;
  }
}

// Seven bits a byte, the lowest first.
std::uint32_t tag_number(Reader& reader) {
  std::uint32_t value = 0;
  for (unsigned int shift = 0; shift < 35; shift += 7) {
    const std::uint8_t byte = reader.u8();
    value |= static_cast<std::uint32_t>(byte & 0x7fU) << std::min(shift, 31U);
    if ((byte & 0x80U) == 0 || !reader.ok()) return value;
  }
  reader.fail();
  return 0;
}

// A text of three and more characters that can all be seen, with or without a zero behind it.
bool is_text(base::ByteView data) {
  while (!data.empty() && data.back() == 0)
    data = data.first(data.size() - 1);
  return data.size() >= 3 &&
         std::ranges::all_of(data, [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; });
}

class Tags {
 public:
  Tags(std::uint16_t group, Decoding& to) : group_(group), to_(to) {}

  // Tags above 0x80 hold others. What is left of them is told when they are not whole.
  void read(Reader& reader, int depth) {
    while (reader.ok() && !reader.done()) {
      if (++count_ > kMaxTags || depth > kMaxDepth) {
        to_.sink.issue({Issue::Kind::LeftOut, "more tags than are read", 0, 0});
        return reader.skip(reader.remaining());
      }
      const std::uint32_t id = tag_number(reader);
      const std::uint32_t size = tag_number(reader);
      Reader data = reader.sub(size);
      if (!reader.ok()) return;
      to_.sink.number("tag_id", id);
      to_.sink.number("tag_size", size);
      if (id >= 0x80) {
        read(data, depth + 1);
        continue;
      }
      if (group_ == kDevice || group_ == kUsers) continue;  // users and passwords
      if (!data.done()) to_.sink.bytes("tag_data", data.rest());
      name(data.rest());
    }
  }

 private:
  // The first text is the name of what is meant.
  void name(base::ByteView data) {
    if (named_ || (group_ != kApplication && group_ != kFiles) || !is_text(data)) return;
    named_ = true;
    const std::string text = printable(data);
    to_.objects.add(to_.message, to_.sink,
                    {group_ == kFiles ? "file" : "application", to_.objects.compose({text}), 0, 0});
  }

  std::uint16_t group_;
  Decoding& to_;
  int count_ = 0;
  bool named_ = false;
};

}  // namespace

std::string_view group_name(std::uint16_t group) {
  return name_of(kGroups, group);
}

Service service(std::uint16_t group, std::uint16_t number) {
  const std::uint32_t code = std::uint32_t{group} << 16U | number;
  const auto found = std::ranges::lower_bound(kServices, code, {}, &Entry::code);
  if (found != std::end(kServices) && found->code == code) return found->what;
  return {{}, group_access(group)};
}

void read_service(base::ByteView bytes, bool whole, Decoding& to) {
  Reader reader(bytes);
  const std::uint16_t protocol = reader.u16le();
  const std::uint16_t header = reader.u16le();
  const std::uint16_t group = reader.u16le();
  const std::uint16_t number = reader.u16le();
  const std::uint32_t session = reader.u32le();
  const std::uint32_t size = reader.u32le();
  if (!reader.ok() || (protocol != kNormal && protocol != kSecure)) {
    to.sink.issue({Issue::Kind::Malformed, "no message of the services", protocol, 0});
    return;
  }
  const std::uint16_t component = group & 0x7fU;
  to.sink.number("protocol_id", protocol);
  to.sink.number("header_size", header);
  to.sink.number("service_group", component);
  to.sink.number("service_number", number);
  to.sink.number("content_size", size);
  if (header > 12) reader.skip(header - 12U);
  const Service what = service(component, number);
  to.message.kind = (group & kResponse) != 0 ? Kind::Response : Kind::Request;
  to.message.operation = {component, group_name(component)};
  to.message.sub_operation = {number, what.name};
  to.message.access = what.access;
  to.message.key |= std::uint64_t{component} << 16U | number;
  to.message.bytes = size;
  if (to.message.operation.name.empty())
    to.sink.issue({Issue::Kind::Violation, "component that is not known", component, 4});
  if (to.message.kind == Kind::Response) to.message.status.outcome = Outcome::Ok;
  if (session == 0 && to.message.kind == Kind::Request && component != kDevice)
    to.sink.issue({Issue::Kind::Violation, "service without a session", component, 8});
  if (protocol == kSecure) {
    to.sink.issue({Issue::Kind::Unsupported, "hidden by encryption", 0, 0});
    return;
  }
  if (!reader.ok() || !whole) return;
  Tags tags(component, to);
  tags.read(reader, 0);
  if (!reader.ok())
    to.sink.issue({Issue::Kind::Malformed, "tags that are not whole", component, 0});
}

void read_identification(base::ByteView bytes, Sink& sink) {
  Reader reader(bytes);
  const std::uint16_t channels = reader.u16le();
  const std::uint8_t order = reader.u8();
  reader.skip(1);
  const std::uint16_t parent = reader.u16le();
  const std::uint16_t node = reader.u16le();
  const std::uint16_t device = reader.u16le();
  const std::uint16_t vendor = reader.u16le();
  const std::uint32_t type = reader.u32le();
  const std::uint32_t id = reader.u32le();
  const std::uint32_t version = reader.u32le();
  reader.skip(4);
  const std::uint8_t serial = reader.u8();
  reader.skip(1 + 1 + 1 + 8);  // lengths and kinds of what is not read
  reader.skip(parent);
  // A zero character ends each name.
  const std::string node_name = printable_utf16le(reader.bytes(std::size_t{node} * 2));
  reader.skip(2);
  const std::string device_name = printable_utf16le(reader.bytes(std::size_t{device} * 2));
  reader.skip(2);
  const std::string vendor_name = printable_utf16le(reader.bytes(std::size_t{vendor} * 2));
  reader.skip(2);
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "shorter than its lengths say", 0, 0});
    return;
  }
  const std::string number =
      printable(reader.bytes(std::min<std::size_t>(serial, reader.remaining())));
  const std::string firmware =
      std::to_string(version >> 24U) + '.' + std::to_string(version >> 16U & 255U) + '.' +
      std::to_string(version >> 8U & 255U) + '.' + std::to_string(version & 255U);
  sink.number("max_channels", channels);
  sink.number("byte_order", order);
  sink.number("target_type", type);
  sink.number("target_id", id);
  sink.text("target_version", firmware);
  sink.text("node_name", node_name);
  sink.text("device_name", device_name);
  sink.text("vendor_name", vendor_name);
  sink.text("serial_number", number);
  sink.tell(Fact::Vendor, vendor_name);
  sink.tell(Fact::Model, device_name);
  sink.tell(Fact::Name, node_name);
  sink.tell(Fact::Firmware, firmware);
  sink.tell(Fact::Serial, number);
  if (type == kController) sink.tell(Fact::Type, "PLC");
}

}  // namespace dissect::codesys
