#include "dissect/profinet/profinet.h"

#include <memory>
#include <string_view>

#include "dissect/names.h"
#include "dissect/profinet/dcp.h"
#include "dissect/reader.h"

namespace dissect::profinet {

namespace {

constexpr std::uint16_t kEtherType = 0x8892;
constexpr std::size_t kStatusSize = 4;  // behind cyclic data

// What a FrameID is for. Source: IEC 61158-6-10, 4.2.2.
struct Range {
  std::uint16_t first;
  std::uint16_t last;
  std::string_view name;
  enum class Kind : std::uint8_t { Time, Cyclic, Alarm, Dcp, Fragment, Other } kind;
};
constexpr Range kRanges[] = {
    {0x0000, 0x00ff, "time synchronization", Range::Kind::Time},
    {0x0100, 0x0fff, "real-time class 3", Range::Kind::Cyclic},
    {0x8000, 0xbfff, "real-time class 2", Range::Kind::Cyclic},
    {0xc000, 0xfbff, "real-time class 1", Range::Kind::Cyclic},
    {0xfc00, 0xfc01, "alarm, high priority", Range::Kind::Alarm},
    {0xfe00, 0xfe01, "alarm, low priority", Range::Kind::Alarm},
    {0xfe02, 0xfe02, "remote service interface", Range::Kind::Other},
    {0xfefc, 0xfeff, "DCP", Range::Kind::Dcp},
    {0xff00, 0xff01, "time announcement", Range::Kind::Time},
    {0xff20, 0xff21, "time follow-up", Range::Kind::Time},
    {0xff40, 0xff43, "delay measurement", Range::Kind::Time},
    {0xff80, 0xff8f, "fragment", Range::Kind::Fragment},
};

const Range* find_range(std::uint16_t id) {
  for (const Range& one : kRanges) {
    if (id >= one.first && id <= one.last) return &one;
  }
  return nullptr;
}

constexpr Named kAlarms[] = {{1, "diagnosis"},
                             {2, "process"},
                             {3, "pull"},
                             {4, "plug"},
                             {5, "status"},
                             {6, "update"},
                             {7, "media redundancy"},
                             {8, "controlled by supervisor"},
                             {9, "released"},
                             {10, "plug wrong submodule"},
                             {11, "return of submodule"},
                             {12, "diagnosis disappears"},
                             {13, "multicast mismatch"},
                             {14, "port data change"},
                             {15, "sync data change"},
                             {16, "isochronous mode problem"},
                             {17, "network component problem"},
                             {18, "time data change"},
                             {30, "upload and retrieval"},
                             {31, "pull module"}};
static_assert(sorted_by_code(kAlarms));

class Profinet final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override;

 private:
  static void cyclic(const Range& range, std::uint16_t id, Reader& reader, Sink& sink);
  static void alarm(const Range& range, std::uint16_t id, Reader& reader, Sink& sink);
  static void notification(Reader& reader, Sink& sink, Message& message, Object& slot);
};

void Profinet::take(const Pdu& pdu, Sink& sink) {
  Reader reader(pdu.bytes);
  const std::uint16_t id = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "FrameID"});
    return;
  }
  sink.number("frame_id", id);
  const Range* const range = find_range(id);
  if (range == nullptr) {
    sink.issue({Issue::Kind::Violation, "reserved FrameID", id, 0});
    return;
  }
  switch (range->kind) {
    case Range::Kind::Dcp:
      return read_dcp(id, reader, sink);
    case Range::Kind::Alarm:
      return alarm(*range, id, reader, sink);
    case Range::Kind::Cyclic:
      return cyclic(*range, id, reader, sink);
    case Range::Kind::Time:
    case Range::Kind::Fragment:
    case Range::Kind::Other:
      break;
  }
  Message message;
  message.operation = {id, range->name};
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  sink.message(message);
}

void Profinet::cyclic(const Range& range, std::uint16_t id, Reader& reader, Sink& sink) {
  if (reader.remaining() < kStatusSize) {
    sink.issue({Issue::Kind::Truncated, "cyclic data", id, 2});
    return;
  }
  const base::ByteView data = reader.bytes(reader.remaining() - kStatusSize);
  const std::uint16_t counter = reader.u16be();
  const std::uint8_t status = reader.u8();
  const std::uint8_t transfer = reader.u8();
  if (sink.wants_details()) {
    sink.bytes("data", data);
    sink.number("cycle_counter", counter);
    sink.number("data_status", status);
    sink.number("primary", status & 1U);
    sink.number("data_valid", status >> 2U & 1U);
    sink.number("provider_run", status >> 4U & 1U);
    sink.number("station_ok", status >> 5U & 1U);
    sink.number("transfer_status", transfer);
  }
  const Object frame = {"FrameID", {}, id, 1};
  Message message;
  message.operation = {range.first, range.name};
  message.objects = std::span(&frame, 1);
  message.bytes = static_cast<std::uint32_t>(data.size());
  sink.message(message);
}

void Profinet::notification(Reader& reader, Sink& sink, Message& message, Object& slot) {
  const std::uint16_t block = reader.u16be();
  const std::uint16_t length = reader.u16be();
  reader.skip(2);
  const std::uint16_t type = reader.u16be();
  const std::uint32_t api = reader.u32be();
  const std::uint16_t number = reader.u16be();
  const std::uint16_t subslot = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "alarm notification", block});
    return;
  }
  sink.number("block_type", block);
  sink.number("block_length", length);
  sink.number("alarm_type", type);
  sink.number("api", api);
  sink.number("slot", number);
  sink.number("subslot", subslot);
  // Acknowledgements have no more than that.
  if (block < 0x8000) {
    sink.number("module_ident", reader.u32be());
    sink.number("submodule_ident", reader.u32be());
    sink.number("alarm_specifier", reader.u16be());
  }
  message.sub_operation = {type, name_of(kAlarms, type)};
  slot = {"slot", {}, number, 1};
}

// Source: IEC 61158-6-10, 4.7 (real-time acyclic).
void Profinet::alarm(const Range& range, std::uint16_t id, Reader& reader, Sink& sink) {
  const std::uint16_t to = reader.u16be();
  const std::uint16_t from = reader.u16be();
  const std::uint8_t type = reader.u8();
  const std::uint8_t flags = reader.u8();
  const std::uint16_t sent = reader.u16be();
  const std::uint16_t acknowledged = reader.u16be();
  const std::uint16_t length = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "alarm header", id, 2});
    return;
  }
  sink.number("alarm_destination", to);
  sink.number("alarm_source", from);
  sink.number("alarm_pdu_type", type & 0x0fU);
  sink.number("alarm_flags", flags);
  sink.number("send_sequence", sent);
  sink.number("ack_sequence", acknowledged);
  sink.number("variable_length", length);
  if (length > reader.remaining()) {
    sink.issue({Issue::Kind::Truncated, "alarm data", length, 12});
    return;
  }
  Reader data = reader.sub(length);
  Object slot;
  Message message;
  message.operation = {id, range.name};
  message.bytes = length;
  switch (type & 0x0fU) {
    case 1:
      message.access = Access::Alarm;
      notification(data, sink, message, slot);
      break;
    case 4: {
      message.access = Access::Session;
      const std::uint32_t error = data.u32be();
      sink.number("alarm_error", error);
      message.status = {Outcome::Failed, error, "connection aborted"};
      break;
    }
    default:
      break;
  }
  if (!slot.space.empty()) message.objects = std::span(&slot, 1);
  sink.message(message);
}

Match probe(const Sample& sample) {
  if (sample.flow.transport != Transport::Link || sample.flow.selector != kEtherType ||
      sample.bytes.size() < 2)
    return Match::No;
  return find_range(Reader(sample.bytes).u16be()) == nullptr ? Match::Likely : Match::Yes;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Profinet>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {kEtherType};

}  // namespace

const Protocol kProtocol = {.name = "profinet",
                            .title = "PROFINET",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = {},
                            .selectors = kSelectors,
                            .probe = probe,
                            .open = open};

}  // namespace dissect::profinet
