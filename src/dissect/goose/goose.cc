#include "dissect/goose/goose.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dissect/ber/ber.h"
#include "dissect/iec61850/iec61850.h"
#include "dissect/text.h"

namespace dissect::goose {

namespace {

constexpr std::uint16_t kEtherType = 0x88b8;

// Of goosePdu, in their order.
enum Field : std::uint32_t {
  kControlBlock,
  kTimeAllowedToLive,
  kDataSet,
  kId,
  kTime,
  kStateNumber,
  kSequenceNumber,
  kSimulation,
  kRevision,
  kNeedsCommissioning,
  kEntries,
  kAllData,
};

struct Publication {
  base::ByteView control_block;
  base::ByteView data_set;
  base::ByteView id;
  std::uint64_t revision = 0;
  std::uint64_t entries = 0;
  std::uint64_t counted = 0;
  bool simulation = false;
  bool needs_commissioning = false;
  bool has_data = false;
};

void number(std::string_view name, const ber::Element& part, Sink& sink, std::uint64_t& value) {
  const auto read = ber::natural(part.value);
  if (!read) {
    sink.issue({Issue::Kind::Malformed, "number that cannot be read", part.tag, 0});
    return;
  }
  value = *read;
  sink.number(name, value);
}

void flag(std::string_view name, const ber::Element& part, Sink& sink, bool& value) {
  value = ber::boolean(part.value).value_or(false);
  sink.number(name, value ? 1 : 0);
}

void text(std::string_view name, const ber::Element& part, Sink& sink) {
  if (sink.wants_details()) sink.text(name, printable(part.value));
}

void read_data(const ber::Element& part, Publication& told, Sink& sink) {
  ber::Elements values(part.value);
  while (values.next()) {
    ++told.counted;
    iec61850::show_data(values.here(), sink);
  }
  told.has_data = true;
  if (!values.ok())
    sink.issue({Issue::Kind::Malformed, "data that cannot be read", 0, 0});
  else if (told.counted != told.entries)
    sink.issue({Issue::Kind::Violation, "another number of values than announced",
                static_cast<std::uint32_t>(told.counted), 0});
}

void read_field(const ber::Element& part, Publication& told, Sink& sink) {
  std::uint64_t unused = 0;
  switch (part.tag) {
    case kControlBlock:
      told.control_block = part.value;
      return text("control_block", part, sink);
    case kTimeAllowedToLive:
      return number("time_allowed_to_live", part, sink, unused);
    case kDataSet:
      told.data_set = part.value;
      return text("data_set", part, sink);
    case kId:
      told.id = part.value;
      return text("goose_id", part, sink);
    case kTime:
      if (const auto time = iec61850::utc_time(part.value))
        sink.real("time", *time);
      else
        sink.issue({Issue::Kind::Malformed, "time that cannot be read", 0, 0});
      return;
    case kStateNumber:
      return number("state_number", part, sink, unused);
    case kSequenceNumber:
      return number("sequence_number", part, sink, unused);
    case kSimulation:
      return flag("simulation", part, sink, told.simulation);
    case kRevision:
      return number("configuration_revision", part, sink, told.revision);
    case kNeedsCommissioning:
      return flag("needs_commissioning", part, sink, told.needs_commissioning);
    case kEntries:
      return number("entries", part, sink, told.entries);
    case kAllData:
      return read_data(part, told, sink);
    default:
      return;
  }
}

class GooseSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    const auto header = iec61850::read_header(pdu.bytes);
    if (!header) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    iec61850::show_header(*header, sink);
    const auto apdu = ber::first(header->apdu);
    if (!apdu || !apdu->application(1)) {
      sink.issue({Issue::Kind::Malformed, "no GOOSE message", 0, 8});
      return;
    }
    Publication told;
    ber::Elements parts(apdu->value);
    while (parts.next())
      read_field(parts.here(), told, sink);
    if (!parts.ok()) sink.issue({Issue::Kind::Malformed, "message that cannot be read", 0, 8});
    if (told.control_block.empty() || told.data_set.empty() || !told.has_data)
      sink.issue({Issue::Kind::Violation, "without a field that must be there", 0, 8});
    tell(*header, told, sink);
  }

 private:
  void tell(const iec61850::EthernetHeader& header, const Publication& told, Sink& sink) {
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {1, "publish"};
    if (told.needs_commissioning)
      message.sub_operation = {1, "needs commissioning"};
    else if (told.simulation || (header.reserved1 & 0x8000U) != 0)
      message.sub_operation = {2, "simulation"};
    message.unit = header.appid;
    message.bytes = static_cast<std::uint32_t>(header.apdu.size());
    // The revision and the number of entries are settings, as the names are.
    objects_ = {Object{"control block", base::as_text(told.control_block), told.revision, 1},
                Object{"data set", base::as_text(told.data_set), told.entries, 1},
                Object{"GOOSE id", base::as_text(told.id), 0, 0}};
    message.objects = objects_;
    sink.message(message);
  }

  std::array<Object, 3> objects_;
};

Match probe(const Sample& sample) {
  return sample.flow.selector == kEtherType && iec61850::read_header(sample.bytes) ? Match::Yes
                                                                                   : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& /*flow*/) {
  return std::make_unique<GooseSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {kEtherType};

}  // namespace

const Protocol kProtocol = {
    .name = "goose",
    .title = "IEC 61850 GOOSE",
    .industrial = true,
    .transports = kTransports,
    .ports = {},
    .selectors = kSelectors,
    .probe = probe,
    .open = open,
};

}  // namespace dissect::goose
