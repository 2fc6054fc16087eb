#include "dissect/sv/sv.h"

#include <cstdint>
#include <memory>

#include "dissect/ber/ber.h"
#include "dissect/iec61850/iec61850.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::sv {

namespace {

constexpr std::uint16_t kEtherType = 0x88ba;
constexpr std::size_t kValueSize = 8;  // a value and its quality

// Of an ASDU, in their order.
enum Field : std::uint32_t {
  kId,
  kDataSet,
  kCount,
  kRevision,
  kRefreshTime,
  kSynchronised,
  kRate,
  kData,
  kMode,
  kGrandmaster,
};

struct Stream {
  base::ByteView id;
  base::ByteView data_set;
  std::uint64_t revision = 0;
  bool counted = false;
  bool has_data = false;
};

void show_samples(base::ByteView data, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.bytes("samples", data);
  if (data.size() % kValueSize != 0) return;
  Reader values(data);
  while (!values.done()) {
    const auto value = static_cast<std::int32_t>(values.u32be());
    if (value < 0)
      sink.real("value", value);
    else
      sink.number("value", static_cast<std::uint64_t>(value));
    sink.number("quality", values.u32be());
  }
}

void read_field(const ber::Element& part, Stream& stream, Sink& sink) {
  const std::uint64_t number = ber::natural(part.value).value_or(0);
  switch (part.tag) {
    case kId:
      stream.id = part.value;
      if (sink.wants_details()) sink.text("stream_id", printable(part.value));
      return;
    case kDataSet:
      stream.data_set = part.value;
      if (sink.wants_details()) sink.text("data_set", printable(part.value));
      return;
    case kCount:
      stream.counted = true;
      return sink.number("sample_count", number);
    case kRevision:
      stream.revision = number;
      return sink.number("configuration_revision", number);
    case kRefreshTime:
      if (const auto time = iec61850::utc_time(part.value)) sink.real("refresh_time", *time);
      return;
    case kSynchronised:
      return sink.number("synchronised", number);
    case kRate:
      return sink.number("sample_rate", number);
    case kData:
      stream.has_data = true;
      return show_samples(part.value, sink);
    case kMode:
      return sink.number("sample_mode", number);
    case kGrandmaster:
      return sink.bytes("grandmaster", part.value);
    default:
      return;
  }
}

class SvSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    const auto header = iec61850::read_header(pdu.bytes);
    if (!header) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    iec61850::show_header(*header, sink);
    const auto apdu = ber::first(header->apdu);
    if (!apdu || !apdu->application(0)) {
      sink.issue({Issue::Kind::Malformed, "no sampled values", 0, 8});
      return;
    }
    objects_.begin();
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {0, "publish"};
    if ((header->reserved1 & 0x8000U) != 0) message.sub_operation = {2, "simulation"};
    message.unit = header->appid;
    message.bytes = static_cast<std::uint32_t>(header->apdu.size());
    ber::Elements parts(apdu->value);
    while (parts.next()) {
      const ber::Element& part = parts.here();
      if (part.context(0)) sink.number("asdu_count", ber::natural(part.value).value_or(0));
      if (part.context(2)) read_units(part.value, message, sink);
    }
    if (!parts.ok()) sink.issue({Issue::Kind::Malformed, "message that cannot be read", 0, 8});
    sink.message(message);
  }

 private:
  void read_units(base::ByteView bytes, Message& message, Sink& sink) {
    ber::Elements units(bytes);
    while (units.next()) {
      if (!units.here().universal(ber::kSequence)) continue;
      Stream stream;
      ber::Elements fields(units.here().value);
      while (fields.next())
        read_field(fields.here(), stream, sink);
      if (!fields.ok() || stream.id.empty() || !stream.counted || !stream.has_data)
        sink.issue({Issue::Kind::Violation, "without a field that must be there", 0, 8});
      add(message, sink, stream);
    }
    if (!units.ok()) sink.issue({Issue::Kind::Malformed, "message that cannot be read", 0, 8});
  }

  // Several samples of one stream are one object.
  void add(Message& message, Sink& sink, const Stream& stream) {
    const std::string_view id = base::as_text(stream.id);
    for (const Object& one : message.objects) {
      if (one.name == id && one.first == stream.revision) return;
    }
    objects_.add(message, sink, {"stream", id, stream.revision, 1});
    if (!stream.data_set.empty())
      objects_.add(message, sink, {"data set", base::as_text(stream.data_set), 0, 0});
  }

  Objects objects_;
};

Match probe(const Sample& sample) {
  return sample.flow.selector == kEtherType && iec61850::read_header(sample.bytes) ? Match::Yes
                                                                                   : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& /*flow*/) {
  return std::make_unique<SvSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {kEtherType};

}  // namespace

const Protocol kProtocol = {
    .name = "sv",
    .title = "IEC 61850 sampled values",
    .industrial = true,
    .transports = kTransports,
    .ports = {},
    .selectors = kSelectors,
    .probe = probe,
    .open = open,
};

}  // namespace dissect::sv
