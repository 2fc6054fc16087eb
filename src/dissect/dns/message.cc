#include "dissect/dns/message.h"

#include "dissect/dns/name.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::dns {

namespace {

// Records and questions that are read of one message.
constexpr std::size_t kMaxRecords = 512;

// IANA's register of DNS parameters.
constexpr Named kOpcodes[] = {
    {0, "query"},  {1, "inverse query"}, {2, "status"},
    {4, "notify"}, {5, "update"},        {6, "stateful operation"},
};
static_assert(sorted_by_code(kOpcodes));

constexpr Named kNbnsOpcodes[] = {
    {0, "query"},
    {5, "registration"},
    {6, "release"},
    {7, "wait for acknowledgement"},
    {8, "refresh"},
    {9, "refresh"},
    {15, "multi-homed registration"},
};
static_assert(sorted_by_code(kNbnsOpcodes));

constexpr Named kCodes[] = {
    {0, "no error"},        {1, "format error"},      {2, "server failure"}, {3, "no such name"},
    {4, "not implemented"}, {5, "refused"},           {6, "name exists"},    {7, "set exists"},
    {8, "no such set"},     {9, "not authoritative"}, {10, "not in zone"},
};
static_assert(sorted_by_code(kCodes));

constexpr Named kNbnsCodes[] = {
    {0, "no error"},        {1, "format error"}, {2, "server failure"}, {3, "no such name"},
    {4, "not implemented"}, {5, "refused"},      {6, "name is active"}, {7, "name in conflict"},
};
static_assert(sorted_by_code(kNbnsCodes));

enum Type : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kHinfo = 13,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kNb = 32,
  kSrv = 33,
  kNbstat = 33,
  kDname = 39,
  kOpt = 41,
};

constexpr Named kTypes[] = {
    {1, "A"},       {2, "NS"},      {5, "CNAME"},     {6, "SOA"},         {10, "NULL"},
    {11, "WKS"},    {12, "PTR"},    {13, "HINFO"},    {14, "MINFO"},      {15, "MX"},
    {16, "TXT"},    {17, "RP"},     {18, "AFSDB"},    {24, "SIG"},        {25, "KEY"},
    {28, "AAAA"},   {29, "LOC"},    {32, "NB"},       {33, "SRV"},        {35, "NAPTR"},
    {36, "KX"},     {37, "CERT"},   {39, "DNAME"},    {41, "OPT"},        {42, "APL"},
    {43, "DS"},     {44, "SSHFP"},  {45, "IPSECKEY"}, {46, "RRSIG"},      {47, "NSEC"},
    {48, "DNSKEY"}, {49, "DHCID"},  {50, "NSEC3"},    {51, "NSEC3PARAM"}, {52, "TLSA"},
    {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},      {60, "CDNSKEY"},    {61, "OPENPGPKEY"},
    {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},     {65, "HTTPS"},      {99, "SPF"},
    {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"},    {250, "TSIG"},      {251, "IXFR"},
    {252, "AXFR"},  {255, "ANY"},   {256, "URI"},     {257, "CAA"},
};
static_assert(sorted_by_code(kTypes));

constexpr std::uint16_t kChaos = 3;

// 10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7, fe80::/10: addresses of a site's own devices.
bool site_address(const IpAddress& ip) {
  const auto& b = ip.bytes;
  if (!ip.v4()) return (b[0] & 0xfeU) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0U) == 0x80);
  return b[12] == 10 || (b[12] == 172 && (b[13] & 0xf0U) == 16) || (b[12] == 192 && b[13] == 168) ||
         (b[12] == 169 && b[13] == 254);
}

int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The address in "4.3.2.1.in-addr.arpa" or its like for IPv6; none.
IpAddress reverse_address(std::string_view name) {
  constexpr std::string_view kFour = ".in-addr.arpa";
  constexpr std::string_view kSix = ".ip6.arpa";
  if (name.ends_with(kFour)) {
    name.remove_suffix(kFour.size());
    std::uint8_t bytes[4] = {};
    unsigned int value = 0;
    std::size_t part = 0;
    bool any = false;
    for (const char c : name) {
      if (c == '.' && any && part < 3) {
        bytes[3 - part++] = static_cast<std::uint8_t>(value);
        value = 0;
        any = false;
      } else if (c >= '0' && c <= '9' && value < 100) {
        value = value * 10 + static_cast<unsigned int>(c - '0');
        any = true;
      } else {
        return {};
      }
    }
    if (part != 3 || !any || value > 255) return {};
    bytes[0] = static_cast<std::uint8_t>(value);
    return IpAddress::of(bytes);
  }
  if (!name.ends_with(kSix) || name.size() != 63 + kSix.size()) return {};
  IpAddress ip;
  for (std::size_t i = 0; i < 32; ++i) {
    const int value = digit(name[2 * i]);
    if (value < 0 || name[2 * i + 1] != '.') return {};
    const std::size_t at = 31 - i;
    ip.bytes[at / 2] |= static_cast<std::uint8_t>(at % 2 == 0 ? value << 4 : value);
  }
  return ip;
}

struct ServiceType {
  std::string_view service;
  std::string_view type;
};
// What offers these is a device of that type (DNS-SD's register of service names).
constexpr ServiceType kServiceTypes[] = {
    {"_ipp", "printer"},
    {"_ipps", "printer"},
    {"_printer", "printer"},
    {"_pdl-datastream", "printer"},
    {"_scanner", "scanner"},
    {"_uscan", "scanner"},
    {"_axis-video", "camera"},
    {"_rtsp", "camera"},
    {"_googlecast", "media player"},
    {"_airplay", "media player"},
    {"_raop", "media player"},
    {"_sonos", "media player"},
    {"_hap", "smart home device"},
    {"_matter", "smart home device"},
};

}  // namespace

Header read_header(base::ByteView message) {
  Reader reader(message);
  Header header;
  header.id = reader.u16be();
  header.flags = reader.u16be();
  header.questions = reader.u16be();
  header.answers = reader.u16be();
  header.authorities = reader.u16be();
  header.additionals = reader.u16be();
  return header;
}

bool known_type(std::uint16_t type) {
  return !name_of(kTypes, type).empty();
}

std::string_view type_name(std::uint16_t type) {
  const std::string_view name = name_of(kTypes, type);
  return name.empty() ? "other" : name;
}

void Walker::take(base::ByteView message, const Pdu& pdu, Sink& sink) {
  pdu_ = &pdu;
  query_type_ = 0;
  asked_.clear();
  unknown_type_told_ = false;
  if (message.size() < kHeaderSize) {
    sink.issue({Issue::Kind::Truncated, "message ends within its header", 0,
                static_cast<std::uint32_t>(message.size())});
    return;
  }
  header_ = read_header(message);
  if (sink.wants_details()) {
    sink.number("id", header_.id);
    sink.number("flags", header_.flags);
    sink.number("questions", header_.questions);
    sink.number("answers", header_.answers);
    sink.number("authorities", header_.authorities);
    sink.number("additionals", header_.additionals);
  }
  std::size_t offset = kHeaderSize;
  std::size_t left = kMaxRecords;
  bool good = true;
  for (std::size_t i = 0; good && i < header_.questions && left > 0; ++i, --left)
    good = question(message, offset, i == 0, sink);
  const std::size_t records =
      std::size_t{header_.answers} + header_.authorities + header_.additionals;
  for (std::size_t i = 0; good && i < records && left > 0; ++i, --left)
    good = record(message, offset, i < header_.answers, sink);
  if (left == 0) sink.issue({Issue::Kind::LeftOut, "more records than are read", kMaxRecords});
  tell_message(header_, pdu, sink);
}

bool Walker::name(base::ByteView message, std::size_t& offset, std::string& out, Sink& sink) const {
  const auto at = static_cast<std::uint32_t>(offset);
  switch (read_name(message, offset, out)) {
    case NameError::None:
      return true;
    case NameError::Truncated:
      // What was cut by a truncated answer or by the capture is not the sender's mistake.
      sink.issue({Issue::Kind::Truncated, "name ends after the message", 0, at});
      return false;
    case NameError::Malformed:
      sink.issue({Issue::Kind::Malformed, "name cannot be", 0, at});
      return false;
  }
  return false;
}

bool Walker::question(base::ByteView message, std::size_t& offset, bool first, Sink& sink) {
  if (!name(message, offset, other_, sink)) return false;
  Reader reader(message.subspan(offset));
  const std::uint16_t type = reader.u16be();
  std::uint16_t type_class = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "question ends after the message", 0,
                static_cast<std::uint32_t>(offset)});
    return false;
  }
  offset += 4;
  // The first bit asks for an answer to the asker alone.
  const bool unicast = flavor_ == Flavor::Mdns && (type_class & 0x8000U) != 0;
  if (flavor_ == Flavor::Mdns) type_class &= 0x7fffU;
  std::uint8_t suffix = 0;
  if (flavor_ == Flavor::Nbns && netbios_name(other_, netbios_, suffix)) other_ = netbios_;
  if (first) {
    asked_ = other_;
    query_type_ = type;
  }
  if (sink.wants_details()) {
    sink.text("query_name", other_);
    sink.number("query_type", type);
    sink.number("query_class", type_class);
    if (flavor_ == Flavor::Mdns) sink.number("query_unicast", unicast ? 1 : 0);
  }
  return true;
}

bool Walker::record(base::ByteView message, std::size_t& offset, bool answer, Sink& sink) {
  if (!name(message, offset, owner_, sink)) return false;
  Reader reader(message.subspan(offset));
  Record record;
  record.type = reader.u16be();
  record.type_class = reader.u16be();
  record.ttl = reader.u32be();
  record.size = reader.u16be();
  record.at = offset + reader.offset();
  record.data = reader.bytes(record.size);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "record ends after the message", record.type,
                static_cast<std::uint32_t>(offset)});
    return false;
  }
  offset = record.at + record.size;
  if (flavor_ == Flavor::Mdns && record.type != kOpt) record.type_class &= 0x7fffU;
  std::uint8_t suffix = 0;
  if (flavor_ == Flavor::Nbns && netbios_name(owner_, netbios_, suffix)) owner_ = netbios_;
  if (sink.wants_details()) {
    sink.text("name", owner_);
    sink.number("type", record.type);
    sink.number("length", record.size);
    if (record.type == kOpt) {
      sink.number("udp_payload_size", record.type_class);
    } else {
      sink.number("class", record.type_class);
      sink.number("ttl", record.ttl);
    }
  }
  data(message, record, answer, sink);
  return true;
}

void Walker::data(base::ByteView message, const Record& record, bool answer, Sink& sink) {
  if (flavor_ == Flavor::Nbns) {
    if (record.type == kNb) netbios_addresses(record, sink);
    if (record.type == kNbstat) netbios_status(record, sink);
    return;
  }
  // An update deletes by records without data.
  if (record.size == 0 && record.type != kOpt) return;
  switch (record.type) {
    case kA:
    case kAaaa:
      address(record, answer, sink);
      break;
    case kNs:
    case kCname:
    case kDname:
    case kPtr:
      pointer(message, record, answer, sink);
      break;
    case kSoa:
      start_of_authority(message, record, sink);
      break;
    case kMx:
      mail_exchange(message, record, sink);
      break;
    case kTxt:
      texts(record, sink);
      break;
    case kHinfo:
      host_information(record, sink);
      break;
    case kSrv:
      service(message, record, sink);
      break;
    case kOpt:
      extension(record, sink);
      break;
    default:
      sink.bytes("data", record.data);
      break;
  }
}

void Walker::tell_about(const IpAddress& ip, std::string_view hostname, Confidence confidence,
                        Sink& sink) const {
  if (ip.none() || hostname.empty() || hostname == ".") return;
  Evidence one;
  one.about = ip == pdu_->from.ip ? About::Sender : About::Address;
  one.fact = Fact::Hostname;
  one.confidence = confidence;
  one.value = hostname;
  one.ip = ip;
  sink.evidence(one);
}

void Walker::address(const Record& record, bool answer, Sink& sink) {
  const std::size_t wanted = record.type == kA ? 4 : 16;
  if (record.size != wanted) {
    sink.issue({Issue::Kind::Malformed, "address of a wrong size",
                static_cast<std::uint32_t>(record.size), static_cast<std::uint32_t>(record.at)});
    return;
  }
  const IpAddress ip = IpAddress::of(record.data);
  if (sink.wants_details())
    sink.text(record.type == kA ? "a" : "aaaa", ip.none() ? "::" : ip.text());
  if (!header_.response()) return;
  // Names of the internet say nothing of a device here; those of a site's own addresses do.
  if (flavor_ == Flavor::Mdns) {
    if (service_of(owner_).empty()) tell_about(ip, owner_, Confidence::Neighbor, sink);
  } else if (answer && flavor_ == Flavor::Llmnr) {
    tell_about(ip, owner_, Confidence::Neighbor, sink);
  } else if (answer && site_address(ip)) {
    tell_about(ip, asked_.empty() ? owner_ : asked_, Confidence::Banner, sink);
  }
}

void Walker::pointer(base::ByteView message, const Record& record, bool answer, Sink& sink) {
  std::size_t at = record.at;
  if (!name(message, at, other_, sink)) return;
  switch (record.type) {
    case kNs:
      sink.text("ns", other_);
      break;
    case kCname:
      sink.text("cname", other_);
      break;
    case kDname:
      sink.text("dname", other_);
      break;
    default:
      sink.text("ptr", other_);
      if (!header_.response() || !answer) break;
      if (flavor_ == Flavor::Mdns) tell_service(other_, sink);
      tell_about(reverse_address(owner_), other_, Confidence::Banner, sink);
      break;
  }
}

void Walker::tell_service(std::string_view name, Sink& sink) {
  const std::string_view service = service_of(name);
  for (const ServiceType& one : kServiceTypes) {
    if (one.service == service) sink.tell(Fact::Type, one.type, Confidence::Neighbor);
  }
}

void Walker::service(base::ByteView message, const Record& record, Sink& sink) {
  Reader reader(record.data);
  const std::uint16_t priority = reader.u16be();
  const std::uint16_t weight = reader.u16be();
  const std::uint16_t port = reader.u16be();
  std::size_t at = record.at + 6;
  if (!reader || !name(message, at, other_, sink)) {
    if (!reader)
      sink.issue({Issue::Kind::Truncated, "service record is too short", 0,
                  static_cast<std::uint32_t>(record.at)});
    return;
  }
  if (sink.wants_details()) {
    sink.number("srv_priority", priority);
    sink.number("srv_weight", weight);
    sink.number("srv_port", port);
    sink.text("srv_target", other_);
  }
  if (flavor_ == Flavor::Mdns && header_.response())
    sink.tell(Fact::Hostname, other_, Confidence::Neighbor);
}

void Walker::start_of_authority(base::ByteView message, const Record& record, Sink& sink) {
  if (!sink.wants_details()) return;
  std::size_t at = record.at;
  if (!name(message, at, other_, sink)) return;
  sink.text("soa_server", other_);
  if (!name(message, at, other_, sink)) return;
  sink.text("soa_mailbox", other_);
  Reader reader(message.subspan(at));
  const std::uint32_t values[] = {reader.u32be(), reader.u32be(), reader.u32be(), reader.u32be(),
                                  reader.u32be()};
  if (!reader) return;
  sink.number("soa_serial", values[0]);
  sink.number("soa_refresh", values[1]);
  sink.number("soa_retry", values[2]);
  sink.number("soa_expire", values[3]);
  sink.number("soa_minimum", values[4]);
}

void Walker::mail_exchange(base::ByteView message, const Record& record, Sink& sink) {
  if (!sink.wants_details() || record.size < 3) return;
  std::size_t at = record.at + 2;
  if (!name(message, at, other_, sink)) return;
  sink.number("mx_preference", Reader(record.data).u16be());
  sink.text("mx_exchange", other_);
}

void Walker::texts(const Record& record, Sink& sink) {
  Reader reader(record.data);
  while (!reader.done()) {
    const std::uint8_t size = reader.u8();
    const std::string_view text = reader.text(size);
    if (!reader) {
      sink.issue({Issue::Kind::Malformed, "text is longer than its record", size,
                  static_cast<std::uint32_t>(record.at)});
      return;
    }
    if (sink.wants_details()) sink.text("txt", printable(text));
    if (!header_.response()) continue;
    // A name server's version, asked in the class of Chaosnet.
    if (record.type_class == kChaos && owner_.starts_with("version."))
      sink.tell(Fact::Software, printable(text), Confidence::Banner);
    if (flavor_ != Flavor::Mdns) continue;
    if (text.starts_with("model=") || text.starts_with("md=")) {
      sink.tell(Fact::Model, printable(text.substr(text.find('=') + 1)), Confidence::Neighbor);
    } else if (text.starts_with("ty=")) {
      sink.tell(Fact::Model, printable(text.substr(3)), Confidence::Neighbor);
    } else if (text.starts_with("osxvers=")) {
      sink.tell(Fact::Os, "macOS", Confidence::Neighbor);
    } else if (text.starts_with("usb_MFG=") || text.starts_with("manufacturer=")) {
      sink.tell(Fact::Vendor, printable(text.substr(text.find('=') + 1)), Confidence::Neighbor);
    }
  }
}

void Walker::host_information(const Record& record, Sink& sink) {
  Reader reader(record.data);
  const std::string_view processor = reader.text(reader.u8());
  const std::string_view system = reader.text(reader.u8());
  if (!reader) return;
  if (sink.wants_details()) {
    sink.text("hinfo_cpu", printable(processor));
    sink.text("hinfo_os", printable(system));
  }
  if (flavor_ != Flavor::Mdns || !header_.response()) return;
  sink.tell(Fact::Hardware, printable(processor), Confidence::Neighbor);
  sink.tell(Fact::Os, printable(system), Confidence::Neighbor);
}

void Walker::extension(const Record& record, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("extended_code", record.ttl >> 24U);
  sink.number("edns_version", record.ttl >> 16U & 0xffU);
  sink.number("edns_flags", record.ttl & 0xffffU);
  Reader reader(record.data);
  while (reader.remaining() >= 4) {
    sink.number("edns_option", reader.u16be());
    const std::uint16_t size = reader.u16be();
    reader.skip(size);
    if (!reader) return;
  }
}

void Walker::netbios_addresses(const Record& record, Sink& sink) {
  Reader reader(record.data);
  while (reader.remaining() >= 6) {
    const std::uint16_t flags = reader.u16be();
    const IpAddress ip = IpAddress::of(reader.bytes(4));
    if (sink.wants_details()) {
      sink.number("nb_flags", flags);
      sink.text("nb_address", ip.text());
    }
    const bool group = (flags & 0x8000U) != 0;
    const std::size_t mark = owner_.rfind('<');
    if (mark == std::string::npos || header_.code() != 0) continue;
    const std::string_view suffix = std::string_view(owner_).substr(mark);
    const std::string_view name = std::string_view(owner_).substr(0, mark);
    // The workstation's and the file server's names are the machine's; a group's is the domain.
    if (suffix != "<00>" && suffix != "<20>") continue;
    if (group && suffix == "<00>" && ip == pdu_->from.ip) {
      sink.tell(Fact::Domain, name, Confidence::Neighbor);
    } else if (!group) {
      tell_about(ip, name, Confidence::Neighbor, sink);
    }
  }
}

void Walker::netbios_status(const Record& record, Sink& sink) {
  Reader reader(record.data);
  const std::uint8_t count = reader.u8();
  sink.number("status_names", count);
  for (std::uint8_t i = 0; i < count && reader; ++i) {
    const std::string_view text = reader.text(15);
    const std::uint8_t suffix = reader.u8();
    const std::uint16_t flags = reader.u16be();
    if (!reader) break;
    const std::string name = printable(text);
    sink.text("status_name", name);
    sink.number("status_suffix", suffix);
    sink.number("status_flags", flags);
    if (suffix != 0) continue;
    sink.tell((flags & 0x8000U) != 0 ? Fact::Domain : Fact::Hostname, name, Confidence::Neighbor);
  }
  const base::ByteView unit = reader.bytes(6);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "node status ends within its names", count});
    return;
  }
  sink.bytes("status_unit", unit);
  const MacAddress mac = MacAddress::of(unit);
  if (!mac.none()) sink.tell(Fact::Mac, mac.text(), Confidence::Neighbor);
}

void Walker::tell_message(const Header& header, const Pdu& pdu, Sink& sink) {
  const bool nbns = flavor_ == Flavor::Nbns;
  const Object object{"name", asked_.empty() ? std::string_view(owner_) : std::string_view(asked_)};
  const bool named = header.questions > 0 ? !asked_.empty() : header.answers > 0;
  Message message;
  message.key = std::uint64_t{1} << 16U | header.id;
  message.operation = {header.opcode(), nbns ? name_of(kNbnsOpcodes, header.opcode())
                                             : name_of(kOpcodes, header.opcode())};
  if (header.questions > 0) {
    message.sub_operation = {query_type_,
                             nbns && query_type_ == kNbstat ? "NBSTAT" : type_name(query_type_)};
  }
  message.access = !nbns && header.opcode() == 5 ? Access::Write : Access::Discovery;
  if (named) message.objects = {&object, 1};
  if (header.response()) {
    message.status = {header.code() == 0 ? Outcome::Ok : Outcome::Failed, header.code(),
                      nbns ? name_of(kNbnsCodes, header.code()) : name_of(kCodes, header.code())};
  }
  const bool alone = flavor_ == Flavor::Mdns || (!header.response() && pdu.to.ip.group()) ||
                     (nbns && (header.flags & 0x10U) != 0 && !header.response());
  message.kind = alone ? Kind::OneWay : header.response() ? Kind::Response : Kind::Request;
  sink.message(message);
  if (message.operation.name.empty())
    sink.issue({Issue::Kind::Malformed, "unknown operation", header.opcode(), 2});
  if (!nbns && flavor_ == Flavor::Dns && (header.flags & 0x40U) != 0)
    sink.issue({Issue::Kind::Violation, "reserved bit is set", header.flags, 2});
}

}  // namespace dissect::dns
