#include "dissect/synchrophasor/synchrophasor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/synchrophasor/configuration.h"
#include "dissect/text.h"

namespace dissect::synchrophasor {

namespace {

constexpr std::uint16_t kTcpPort = 4712;
constexpr std::uint16_t kUdpPort = 4713;
constexpr std::uint8_t kSync = 0xaa;
constexpr std::size_t kHeader = 14;
constexpr std::size_t kChecksum = 2;
constexpr std::size_t kStreams = 16;  // whose configurations one flow remembers

enum class Type : std::uint8_t {
  Data = 0,
  Header = 1,
  Configuration1 = 2,
  Configuration2 = 3,
  Command = 4,
  Configuration3 = 5,
};

enum class Command : std::uint16_t {
  DataOff = 1,
  DataOn = 2,
  SendHeader = 3,
  SendConfiguration1 = 4,
  SendConfiguration2 = 5,
  SendConfiguration3 = 6,
  Extended = 8,
};

std::string_view type_name(std::uint8_t type) {
  static constexpr std::string_view kNames[] = {
      "data", "header", "configuration 1", "configuration 2", "command", "configuration 3"};
  return type < std::size(kNames) ? kNames[type] : std::string_view();
}

struct CommandMeaning {
  std::string_view name;
  Access access = Access::None;
  Type answer = Type::Command;  // Command: there is none
};

CommandMeaning meaning(std::uint16_t command) {
  switch (static_cast<Command>(command)) {
    case Command::DataOff:
      return {"data transmission off", Access::Session};
    case Command::DataOn:
      return {"data transmission on", Access::Session};
    case Command::SendHeader:
      return {"send header", Access::Discovery, Type::Header};
    case Command::SendConfiguration1:
      return {"send configuration 1", Access::ConfigRead, Type::Configuration1};
    case Command::SendConfiguration2:
      return {"send configuration 2", Access::ConfigRead, Type::Configuration2};
    case Command::SendConfiguration3:
      return {"send configuration 3", Access::ConfigRead, Type::Configuration3};
    case Command::Extended:
      return {"extended frame", Access::Write};
  }
  return {command >= 0x100 && command < 0x1000 ? "user command" : std::string_view(),
          Access::Write};
}

// CRC-CCITT, x^16 + x^12 + x^5 + 1, begun with all ones (annex B).
constexpr std::array<std::uint16_t, 256> kCrcTable = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned int i = 0; i < 256; ++i) {
    unsigned int crc = i << 8U;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 0x8000U) != 0 ? (crc << 1U ^ 0x1021U) : crc << 1U;
    table[i] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

std::uint16_t crc(base::ByteView bytes) {
  std::uint16_t sum = 0xffff;
  for (const std::uint8_t byte : bytes)
    sum = static_cast<std::uint16_t>(sum << 8U ^ kCrcTable[(sum >> 8U ^ byte) & 0xffU]);
  return sum;
}

bool checksum_fits(base::ByteView frame) {
  const std::size_t end = frame.size() - kChecksum;
  return crc(frame.first(end)) == (std::uint16_t{frame[end]} << 8U | frame[end + 1]);
}

struct FrameHeader {
  std::uint8_t sync = 0;
  std::uint8_t type = 0;
  std::uint8_t version = 0;
  std::uint16_t size = 0;
  std::uint16_t id = 0;
  std::uint32_t seconds = 0;
  std::uint32_t fraction = 0;

  bool possible() const {
    return sync == kSync && type <= 5 && (version == 1 || version == 2) &&
           size >= kHeader + kChecksum;
  }
};

FrameHeader read_header(Reader& reader) {
  FrameHeader header;
  header.sync = reader.u8();
  const std::uint8_t kind = reader.u8();
  header.type = kind >> 4U & 7U;
  header.version = kind & 15U;
  header.size = reader.u16be();
  header.id = reader.u16be();
  header.seconds = reader.u32be();
  header.fraction = reader.u32be();
  return header;
}

Match probe(const Sample& sample) {
  const bool stream = sample.flow.transport == Transport::Tcp;
  if (sample.bytes.empty() || sample.bytes[0] != kSync) return Match::No;
  if (sample.bytes.size() < kHeader) return stream ? Match::Unsure : Match::No;
  Reader reader(sample.bytes);
  const FrameHeader header = read_header(reader);
  if (!header.possible()) return Match::No;
  if (!stream && header.size != sample.bytes.size()) return Match::No;
  if (header.size > sample.bytes.size()) return Match::Likely;
  return checksum_fits(sample.bytes.first(header.size)) ? Match::Yes : Match::No;
}

void show(const FrameHeader& header, Sink& sink) {
  const std::uint32_t quality = header.fraction >> 24U;
  sink.number("frame_type", header.type);
  sink.number("version", header.version);
  sink.number("frame_size", header.size);
  sink.number("stream_id", header.id);
  sink.number("seconds", header.seconds);
  sink.number("leap_second_direction", quality >> 6U & 1U);
  sink.number("leap_second_occurred", quality >> 5U & 1U);
  sink.number("leap_second_pending", quality >> 4U & 1U);
  sink.number("time_quality", quality & 15U);
  sink.number("fraction", header.fraction & 0x00ffffffU);
}

double real_of(std::uint32_t bits) {
  const auto value = static_cast<double>(std::bit_cast<float>(bits));
  return std::isfinite(value) ? value : 0;
}
double signed_of(std::uint16_t value) {
  return static_cast<std::int16_t>(value);
}

// The values of one PMU; only called when somebody wants details.
void show_values(const Block& block, Reader& body, Sink& sink) {
  const bool polar = block.has(Block::kPolar);
  const std::string_view first = polar ? "phasor_magnitude" : "phasor_real";
  const std::string_view second = polar ? "phasor_angle" : "phasor_imaginary";
  for (std::size_t i = 0; i < block.phasors && body.ok(); ++i) {
    if (block.has(Block::kFloatPhasors)) {
      sink.real(first, real_of(body.u32be()));
      sink.real(second, real_of(body.u32be()));
    } else {
      const std::uint16_t size = body.u16be();
      sink.real(first, polar ? static_cast<double>(size) : signed_of(size));
      sink.real(second, signed_of(body.u16be()));
    }
  }
  if (block.has(Block::kFloatFrequency)) {
    sink.real("frequency", real_of(body.u32be()));
    sink.real("frequency_change", real_of(body.u32be()));
  } else {
    sink.real("frequency_deviation", signed_of(body.u16be()));
    sink.real("frequency_change", signed_of(body.u16be()) / 100);
  }
  for (std::size_t i = 0; i < block.analogs && body.ok(); ++i)
    sink.real("analog",
              block.has(Block::kFloatAnalogs) ? real_of(body.u32be()) : signed_of(body.u16be()));
  for (std::size_t i = 0; i < block.digitals && body.ok(); ++i)
    sink.number("digital", body.u16be());
}

void show_status(std::uint16_t status, Sink& sink) {
  sink.number("data_error", status >> 14U);
  sink.number("time_not_synchronized", status >> 13U & 1U);
  sink.number("sorted_by_arrival", status >> 12U & 1U);
  sink.number("trigger", status >> 11U & 1U);
  sink.number("configuration_changes", status >> 10U & 1U);
  sink.number("data_modified", status >> 9U & 1U);
  sink.number("pmu_time_quality", status >> 6U & 7U);
  sink.number("unlocked_time", status >> 4U & 3U);
  sink.number("trigger_reason", status & 15U);
}

class PhasorSession final : public Session {
 public:
  explicit PhasorSession(const FlowInfo& /*flow*/) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kHeader) return Frame::need(kHeader);
    Reader reader(bytes);
    const FrameHeader header = read_header(reader);
    return header.possible() ? Frame::pdu(header.size) : Frame::lost();
  }

  // The one byte that frames begin with is found anywhere: a checksum is not.
  std::optional<std::size_t> resync(Side /*side*/, base::ByteView bytes) override {
    for (std::size_t at = 0; at + kHeader <= bytes.size(); ++at) {
      if (bytes[at] != kSync) continue;
      const base::ByteView rest = bytes.subspan(at);
      Reader reader(rest);
      const FrameHeader header = read_header(reader);
      if (!header.possible()) continue;
      if (header.size > rest.size() || checksum_fits(rest.first(header.size))) return at;
    }
    return std::nullopt;
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const FrameHeader header = read_header(reader);
    if (!reader.ok() || header.sync != kSync || header.size < kHeader + kChecksum) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", header.sync, 0});
      return;
    }
    show(header, sink);
    if (header.version == 0 || header.version > 2)
      sink.issue({Issue::Kind::Violation, "version that does not exist", header.version, 1});
    if (header.size > pdu.bytes.size()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", header.size, 2});
      return;
    }
    const base::ByteView whole = pdu.bytes.first(header.size);
    sink.number("checksum", std::uint64_t{whole[whole.size() - 2]} << 8U | whole[whole.size() - 1]);
    if (!checksum_fits(whole)) {
      sink.issue({Issue::Kind::Malformed, "checksum is wrong", 0, header.size - 2U});
      return;
    }
    Reader body(whole.subspan(kHeader, whole.size() - kHeader - kChecksum));
    read(header, body, pdu.side, sink);
  }

  void gap(Side /*side*/) override { pieces_.clear(); }

 private:
  void read(const FrameHeader& header, Reader& body, Side side, Sink& sink) {
    objects_.begin();
    Message message;
    message.unit = header.id;
    message.operation = {header.type, type_name(header.type)};
    message.bytes = static_cast<std::uint32_t>(body.remaining());
    switch (static_cast<Type>(header.type)) {
      case Type::Data:
        message.access = Access::Read;
        read_data(header, body, message, sink);
        break;
      case Type::Header:
        message.access = Access::Discovery;
        if (sink.wants_details()) sink.text("header", printable(body.rest(), 1024));
        break;
      case Type::Configuration1:
      case Type::Configuration2:
      case Type::Configuration3:
        message.access = Access::ConfigRead;
        read_configurations(header, body, message, sink);
        break;
      case Type::Command:
        read_command(header, body, message, side, sink);
        break;
      default:
        sink.issue({Issue::Kind::Violation, "frame type that does not exist", header.type, 1});
    }
    answer(header, side, message);
    if (!body.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its counts say", header.type, kHeader});
    sink.message(message);
  }

  static std::uint64_t key_of(std::uint16_t id, Type type) {
    return std::uint64_t{1} << 32U | std::uint64_t{id} << 8U | static_cast<std::uint8_t>(type);
  }

  // A header or configuration is an answer when it was asked for; some send them by themselves.
  void answer(const FrameHeader& header, Side side, Message& message) {
    const auto type = static_cast<Type>(header.type);
    if (type == Type::Command || type == Type::Data) return;
    unsigned int& asked = asked_[side == Side::A ? 0 : 1];
    if ((asked & 1U << header.type) == 0) return;
    asked &= ~(1U << header.type);
    message.kind = Kind::Response;
    message.key = key_of(header.id, type);
    message.status = {Outcome::Ok, 0, {}};
  }

  void read_command(const FrameHeader& header, Reader& body, Message& message, Side side,
                    Sink& sink) {
    const std::uint16_t command = body.u16be();
    if (!body.ok()) return;
    sink.number("command", command);
    const CommandMeaning what = meaning(command);
    message.sub_operation = {command, what.name};
    message.access = what.access;
    if (what.name.empty())
      sink.issue({Issue::Kind::Violation, "command that does not exist", command, kHeader});
    if (!body.done()) sink.bytes("extended_data", body.rest());
    if (what.answer == Type::Command) return;
    message.kind = Kind::Request;
    message.key = key_of(header.id, what.answer);
    asked_[side == Side::A ? 1 : 0] |= 1U << static_cast<unsigned int>(what.answer);
  }

  void read_data(const FrameHeader& header, Reader& body, Message& message, Sink& sink) {
    const auto found = configurations_.find(header.id);
    if (found == configurations_.end()) {
      // The first word is a status whatever follows.
      if (body.remaining() >= 2) set_status(body.u16be(), message, sink);
      if (!body.done()) sink.bytes("data", body.rest());
      return;
    }
    const Configuration& configuration = found->second;
    if (configuration.size() != body.remaining()) {
      sink.issue({Issue::Kind::Violation, "data that do not fit their configuration",
                  static_cast<std::uint32_t>(body.remaining()), kHeader});
      sink.bytes("data", body.rest());
      return;
    }
    for (const Block& block : configuration.blocks) {
      Reader part = body.sub(block.size());
      objects_.add(message, sink, {"PMU", block.name, block.id, 1});
      set_status(part.u16be(), message, sink);
      if (sink.wants_details()) show_values(block, part, sink);
    }
  }

  // One PMU in error makes a whole frame one.
  static void set_status(std::uint16_t status, Message& message, Sink& sink) {
    if (sink.wants_details()) show_status(status, sink);
    static constexpr std::string_view kErrors[] = {"good data", "PMU error", "PMU in test mode",
                                                   "PMU error, data unusable"};
    const unsigned int error = status >> 14U;
    if (message.status.outcome == Outcome::Failed) return;
    message.status = {error == 0 ? Outcome::Ok : Outcome::Failed, error, kErrors[error]};
  }

  void read_configurations(const FrameHeader& header, Reader& body, Message& message, Sink& sink) {
    Configuration configuration;
    if (static_cast<Type>(header.type) == Type::Configuration3) {
      const std::uint16_t index = body.u16be();
      sink.number("continuation_index", index);
      if (index != 0 && !gather(index, body, sink)) return;
      Reader whole(index == 0 ? body.rest() : base::ByteView(pieces_));
      configuration = read_configuration_3(whole, sink);
      if (!whole.ok()) body.fail();
    } else {
      configuration = read_configuration(body, sink);
    }
    if (!body.ok()) return;
    for (const Block& block : configuration.blocks)
      objects_.add(message, sink, {"PMU", objects_.compose({block.name}), block.id, 1});
    tell(configuration, sink);
    // What may be sent is not what is sent.
    if (static_cast<Type>(header.type) == Type::Configuration1) return;
    if (configurations_.size() >= kStreams && !configurations_.contains(header.id)) {
      sink.issue({Issue::Kind::LeftOut, "more streams than are kept", header.id, 4});
      return;
    }
    configurations_[header.id] = std::move(configuration);
  }

  // Pieces of configuration 3 are numbered from 1; the last is 0xffff. True: all are there.
  bool gather(std::uint16_t index, Reader& body, Sink& sink) {
    const bool in_order = index == 0xffff ? next_piece_ > 1 : index == 1 || index == next_piece_;
    if (index == 1) pieces_.clear();
    if (!in_order) {
      sink.issue({Issue::Kind::LeftOut, "piece without those before it", index, kHeader});
      next_piece_ = 0;
      return false;
    }
    const base::ByteView piece = body.rest();
    if (pieces_.size() + piece.size() > kMaxPdu) {
      sink.issue({Issue::Kind::LeftOut, "configuration longer than is kept", index, kHeader});
      next_piece_ = 0;
      return false;
    }
    pieces_.insert(pieces_.end(), piece.begin(), piece.end());
    next_piece_ = index == 0xffff ? std::uint16_t{0} : static_cast<std::uint16_t>(index + 1);
    return index == 0xffff;
  }

  // Several stations in one stream are those of a concentrator, which has no name of its own.
  static void tell(const Configuration& configuration, Sink& sink) {
    if (configuration.blocks.size() != 1) return;
    sink.tell(Fact::Name, configuration.blocks.front().name);
    sink.tell(Fact::Type, "IED");
  }

  std::map<std::uint16_t, Configuration> configurations_;
  std::array<unsigned int, 2> asked_{};  // what each side was asked for: bits of Type
  base::ByteVec pieces_;
  std::uint16_t next_piece_ = 0;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<PhasorSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kTcpPort, kUdpPort};

}  // namespace

const Protocol kProtocol = {
    .name = "synchrophasor",
    .title = "C37.118 synchrophasors",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::synchrophasor
