#include "dissect/snmp/snmp.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/ber/ber.h"
#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::snmp {

namespace {

// Of one message; objects of a transaction are fewer.
constexpr std::size_t kMaxBindings = 256;

enum Operation : std::uint32_t {
  kGet,
  kGetNext,
  kResponse,
  kSet,
  kTrap1,
  kGetBulk,
  kInform,
  kTrap2,
  kReport
};

constexpr Named kOperations[] = {
    {kGet, "get"},       {kGetNext, "get next"}, {kResponse, "response"},
    {kSet, "set"},       {kTrap1, "trap"},       {kGetBulk, "get bulk"},
    {kInform, "inform"}, {kTrap2, "trap"},       {kReport, "report"},
};
static_assert(sorted_by_code(kOperations));

constexpr Named kErrors[] = {
    {0, "no error"},
    {1, "too big"},
    {2, "no such name"},
    {3, "bad value"},
    {4, "read only"},
    {5, "general error"},
    {6, "no access"},
    {7, "wrong type"},
    {8, "wrong length"},
    {9, "wrong encoding"},
    {10, "wrong value"},
    {11, "no creation"},
    {12, "inconsistent value"},
    {13, "resource unavailable"},
    {14, "commit failed"},
    {15, "undo failed"},
    {16, "authorization error"},
    {17, "not writable"},
    {18, "inconsistent name"},
};
static_assert(sorted_by_code(kErrors));

// What objects say of the device that has them.
struct Known {
  std::string_view prefix;  // of the object identifier, with the dot before an instance
  Fact fact;
};
constexpr Known kKnown[] = {
    {"1.3.6.1.2.1.1.1.0", Fact::Software},          // sysDescr
    {"1.3.6.1.2.1.1.5.0", Fact::Name},              // sysName
    {"1.3.6.1.2.1.1.6.0", Fact::Location},          // sysLocation
    {"1.3.6.1.2.1.47.1.1.1.1.8.", Fact::Hardware},  // entPhysicalHardwareRev
    {"1.3.6.1.2.1.47.1.1.1.1.9.", Fact::Firmware},  // entPhysicalFirmwareRev
    {"1.3.6.1.2.1.47.1.1.1.1.11.", Fact::Serial},   // entPhysicalSerialNum
    {"1.3.6.1.2.1.47.1.1.1.1.12.", Fact::Vendor},   // entPhysicalMfgName
    {"1.3.6.1.2.1.47.1.1.1.1.13.", Fact::Model},    // entPhysicalModelName
    {"1.3.6.1.2.1.43.5.1.1.17.", Fact::Serial},     // prtGeneralSerialNumber
};
constexpr std::string_view kObjectId = "1.3.6.1.2.1.1.2.0";  // sysObjectID
constexpr std::string_view kEnterprises = "1.3.6.1.4.1.";

bool common(std::string_view community) {
  return community == "public" || community == "private";
}

Access access_of(std::uint32_t operation) {
  switch (operation) {
    case kSet:
      return Access::ConfigWrite;
    case kTrap1:
    case kInform:
    case kTrap2:
      return Access::Alarm;
    case kReport:
      return Access::Diagnostics;
    default:
      return Access::Read;
  }
}

std::optional<std::uint64_t> natural(const ber::Element& element) {
  return element.universal(ber::kInteger) ? ber::natural(element.value) : std::nullopt;
}

class SnmpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    const auto whole = ber::first(pdu.bytes);
    if (!whole || !whole->universal(ber::kSequence)) {
      sink.issue({Issue::Kind::Malformed, "message is no sequence"});
      return;
    }
    ber::Elements parts(whole->value);
    const std::optional<std::uint64_t> version =
        parts.next() ? natural(parts.here()) : std::nullopt;
    if (!version || *version > 3 || !parts.next()) {
      sink.issue({Issue::Kind::Malformed, "version cannot be"});
      return;
    }
    sink.number("version", *version);
    said_ = {};
    if (*version == 3) {
      version3(parts, sink);
      return;
    }
    const ber::Element community = parts.here();
    if (!community.universal(ber::kOctetString) || !parts.next()) {
      sink.issue({Issue::Kind::Malformed, "message without a community"});
      return;
    }
    said_.common = common(base::as_text(community.value));
    sink.number("common_community", said_.common ? 1 : 0);
    data(parts.here(), sink);
  }

 private:
  struct Said {
    bool common = false;
    std::uint64_t id = 0;
    std::uint64_t error = 0;
  };

  // Global data, security parameters, and the scoped data.
  void version3(ber::Elements& parts, Sink& sink) {
    ber::Elements global(parts.here().value);
    const auto id = global.next() ? natural(global.here()) : std::nullopt;
    global.next();
    const bool flagged = global.next() && global.here().value.size() == 1;
    if (!id || !flagged) {
      sink.issue({Issue::Kind::Malformed, "message's global data cannot be"});
      return;
    }
    const std::uint8_t flags = global.here().value[0];
    sink.number("message_id", *id);
    sink.number("message_flags", flags);
    if (!parts.next()) {
      sink.issue({Issue::Kind::Truncated, "message ends before its security parameters"});
      return;
    }
    security(parts.here().value, sink);
    if (!parts.next()) {
      sink.issue({Issue::Kind::Truncated, "message ends before its data"});
      return;
    }
    if (parts.here().universal(ber::kOctetString)) {
      Message message;
      message.kind = Kind::OneWay;
      message.operation = {100, "encrypted"};
      message.bytes = static_cast<std::uint32_t>(parts.here().value.size());
      sink.message(message);
      return;
    }
    ber::Elements scoped(parts.here().value);
    if (scoped.next() && scoped.next() && scoped.next()) {
      data(scoped.here(), sink);
    } else {
      sink.issue({Issue::Kind::Truncated, "message ends before its data"});
    }
  }

  // RFC 3414 section 2.4: engine, boots, time, user; the rest are secrets' digests.
  static void security(base::ByteView value, Sink& sink) {
    const auto inner = ber::first(value);
    if (!inner) return;
    ber::Elements parts(inner->value);
    if (!parts.next()) return;
    const base::ByteView engine = parts.here().value;
    sink.bytes("engine_id", engine);
    if (parts.next()) {
      if (const auto boots = natural(parts.here())) sink.number("engine_boots", *boots);
    }
    if (parts.next()) {
      if (const auto time = natural(parts.here())) sink.number("engine_time", *time);
    }
    if (parts.next()) {
      const std::string user = printable(parts.here().value);
      sink.text("user", user);
    }
  }

  void data(const ber::Element& element, Sink& sink) {
    if (element.tag_class != ber::Class::Context || name_of(kOperations, element.tag).empty()) {
      sink.issue({Issue::Kind::Malformed, "unknown operation", element.tag});
      return;
    }
    sink.number("operation", element.tag);
    if (element.tag == kTrap1) {
      trap1(element, sink);
      return;
    }
    ber::Elements parts(element.value);
    std::array<std::uint64_t, 3> values{};
    for (std::uint64_t& value : values) {
      const auto number = parts.next() ? natural(parts.here()) : std::nullopt;
      if (!number) {
        sink.issue({Issue::Kind::Malformed, "operation's numbers cannot be", element.tag});
        return;
      }
      value = *number;
    }
    said_.id = values[0];
    said_.error = element.tag == kGetBulk ? 0 : values[1];
    if (sink.wants_details()) {
      sink.number("request_id", values[0]);
      sink.number(element.tag == kGetBulk ? "non_repeaters" : "error_status", values[1]);
      sink.number(element.tag == kGetBulk ? "max_repetitions" : "error_index", values[2]);
    }
    bindings(element.tag, parts, sink);
  }

  void trap1(const ber::Element& element, Sink& sink) {
    ber::Elements parts(element.value);
    const std::string enterprise = parts.next() ? ber::oid(parts.here().value) : std::string{};
    const base::ByteView agent = parts.next() ? parts.here().value : base::ByteView{};
    const auto generic = parts.next() ? natural(parts.here()) : std::nullopt;
    const auto specific = parts.next() ? natural(parts.here()) : std::nullopt;
    if (!parts.next() || !generic || !specific) {
      sink.issue({Issue::Kind::Malformed, "operation's numbers cannot be", element.tag});
      return;
    }
    if (sink.wants_details()) {
      sink.text("enterprise", enterprise);
      if (agent.size() == 4) sink.text("agent_address", IpAddress::of(agent).text());
      sink.number("generic_trap", *generic);
      sink.number("specific_trap", *specific);
    }
    tell_vendor(enterprise, sink);
    bindings(element.tag, parts, sink);
  }

  static void tell_vendor(std::string_view oid, Sink& sink) {
    if (!oid.starts_with(kEnterprises)) return;
    const std::string_view rest = oid.substr(kEnterprises.size());
    std::string id = "enterprise ";
    id += rest.substr(0, rest.find('.'));
    sink.tell(Fact::VendorId, id, Confidence::Neighbor);
  }

  void bindings(std::uint32_t operation, ber::Elements& parts, Sink& sink) {
    names_count_ = 0;
    if (!parts.next() || !parts.here().universal(ber::kSequence)) {
      sink.issue({Issue::Kind::Malformed, "operation without its list of values", operation});
      return;
    }
    std::size_t count = 0;
    ber::Elements list(parts.here().value);
    while (list.next()) {
      if (++count > kMaxBindings) {
        sink.issue({Issue::Kind::LeftOut, "more values than are read", kMaxBindings});
        break;
      }
      ber::Elements pair(list.here().value);
      if (!pair.next() || !pair.here().universal(ber::kOid)) {
        sink.issue(
            {Issue::Kind::Malformed, "value without a name", static_cast<std::uint32_t>(count)});
        continue;
      }
      const base::ByteView name = pair.here().value;
      if (pair.next()) binding(operation, name, pair.here(), sink);
    }
    if (!list.ok())
      sink.issue({Issue::Kind::Malformed, "list of values cannot be read", operation});
    tell_message(operation, count, sink);
  }

  void binding(std::uint32_t operation, base::ByteView oid, const ber::Element& value, Sink& sink) {
    const std::string name = ber::oid(oid);
    if (names_count_ < names_.size()) names_[names_count_++] = name;
    if (sink.wants_details()) {
      sink.text("name", name);
      tell_value(value, sink);
    }
    if (operation != kResponse && access_of(operation) != Access::Alarm) return;
    if (name == kObjectId && value.universal(ber::kOid)) {
      tell_vendor(ber::oid(value.value), sink);
      return;
    }
    if (!value.universal(ber::kOctetString)) return;
    for (const Known& one : kKnown) {
      const bool fits =
          one.prefix.ends_with('.') ? name.starts_with(one.prefix) : name == one.prefix;
      if (fits) sink.tell(one.fact, printable(value.value, 512), Confidence::Neighbor);
    }
  }

  static void tell_value(const ber::Element& value, Sink& sink) {
    if (value.universal(ber::kInteger)) {
      if (const auto number = ber::integer(value.value))
        sink.number("value_integer", static_cast<std::uint64_t>(*number));
    } else if (value.universal(ber::kOctetString)) {
      sink.bytes("value_octets", value.value);
    } else if (value.universal(ber::kOid)) {
      sink.text("value_oid", ber::oid(value.value));
    } else if (value.application(0) && value.value.size() == 4) {
      sink.text("value_address", IpAddress::of(value.value).text());
    } else if (value.tag_class == ber::Class::Application) {
      const auto number = ber::natural(value.value);
      if (!number) return;
      sink.number(value.tag == 3   ? "value_ticks"
                  : value.tag == 1 ? "value_counter"
                                   : "value_number",
                  *number);
    } else if (value.tag_class == ber::Class::Context) {
      sink.number("value_missing", value.tag);
    }
  }

  void tell_message(std::uint32_t operation, std::size_t count, Sink& sink) const {
    std::array<Object, kNames> objects;
    for (std::size_t i = 0; i < names_count_; ++i)
      objects[i] = {"object", names_[i]};
    Message message;
    message.key = std::uint64_t{1} << 32U | (said_.id & 0xffffffffU);
    message.operation = {operation, name_of(kOperations, operation)};
    // A community that everybody tries: what asks with it may be anybody.
    if (said_.common) message.sub_operation = {1, "common community"};
    message.access = access_of(operation);
    message.objects = {objects.data(), names_count_};
    message.bytes = static_cast<std::uint32_t>(count);
    if (operation == kResponse) {
      message.kind = Kind::Response;
      message.access = Access::None;
      const auto error =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(said_.error, UINT32_MAX));
      message.status = {error == 0 ? Outcome::Ok : Outcome::Failed, error, name_of(kErrors, error)};
    } else if (operation == kTrap1 || operation == kTrap2) {
      message.kind = Kind::OneWay;
    } else if (operation == kReport) {
      message.kind = Kind::Response;
      message.status = {Outcome::Failed, operation, "report"};
    } else {
      message.kind = Kind::Request;
    }
    sink.message(message);
  }

  static constexpr std::size_t kNames = 16;

  Said said_;
  // Of the message at hand; keeps its room.
  std::array<std::string, kNames> names_;
  std::size_t names_count_ = 0;
};

Match probe(const Sample& sample) {
  const auto whole = ber::first(sample.bytes);
  if (!whole || !whole->universal(ber::kSequence) || whole->whole.size() != sample.bytes.size())
    return Match::No;
  ber::Elements parts(whole->value);
  const auto version = parts.next() ? natural(parts.here()) : std::nullopt;
  if (!version || *version > 3 || parts.here().value.size() != 1 || !parts.next()) return Match::No;
  if (*version == 3) {
    if (!parts.here().universal(ber::kSequence)) return Match::No;
    return parts.next() && parts.here().universal(ber::kOctetString) ? Match::Yes : Match::No;
  }
  if (!parts.here().universal(ber::kOctetString) || !parts.next()) return Match::No;
  const ber::Element& data = parts.here();
  return data.tag_class == ber::Class::Context && data.constructed && data.tag <= kReport
             ? Match::Yes
             : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<SnmpSession>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {161, 162};

}  // namespace

constinit const Protocol kProtocol{"snmp", "SNMP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::snmp
