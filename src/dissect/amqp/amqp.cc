#include "dissect/amqp/amqp.h"

#include <algorithm>
#include <array>

#include "dissect/amqp/method.h"
#include "dissect/amqp/performative.h"
#include "dissect/objects.h"
#include "dissect/reader.h"

namespace dissect::amqp {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic = {'A', 'M', 'Q', 'P'};
constexpr std::size_t kProtocolHeader = 8;
constexpr std::size_t kHeader = 7;   // of a frame of 0-9-1: type, channel, size
constexpr std::size_t kHeader1 = 8;  // of 1.0: size, offset, type, channel
constexpr std::uint8_t kEnd = 0xce;
// Frames that are longer are none, and of what they carry no more is kept.
constexpr std::uint32_t kMaxFrame = 16U << 20U;
constexpr std::size_t kMaxKept = 16U << 10U;

enum FrameType : std::uint8_t { kMethod = 1, kContent = 2, kBody = 3, kHeartbeat = 8 };
enum class Version : std::uint8_t { Unknown, Nine, One };

bool is_magic(base::ByteView bytes) {
  const std::size_t size = std::min(bytes.size(), kMagic.size());
  return std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size),
                    kMagic.begin());
}

bool fits_nine(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t type = reader.u8();
  const std::uint16_t channel = reader.u16be();
  const std::uint32_t size = reader.u32be();
  const bool known = type >= kMethod && (type <= kBody || type == kHeartbeat);
  return reader.ok() && known && size <= kMaxFrame && (type != kHeartbeat || size + channel == 0) &&
         (type != kMethod || size >= 4);
}
bool fits_one(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint32_t size = reader.u32be();
  const std::uint8_t offset = reader.u8();
  const std::uint8_t type = reader.u8();
  return reader.ok() && bytes.size() >= kHeader1 && offset >= 2 && type <= 1 &&
         size >= std::uint32_t{offset} * 4 && size <= kMaxFrame;
}

Match probe_frame(base::ByteView bytes) {
  if (bytes.size() < kHeader1) return Match::Unsure;
  if (fits_nine(bytes)) {
    Reader reader(bytes);
    const std::uint8_t type = reader.u8();
    reader.skip(2);
    const std::size_t size = reader.u32be();
    const bool ends = bytes.size() >= kHeader + size + 1 && bytes[kHeader + size] == kEnd;
    return ends && (type != kMethod || is_method(bytes.subspan(kHeader))) ? Match::Likely
                                                                          : Match::No;
  }
  if (!fits_one(bytes)) return Match::No;
  const std::size_t offset = std::size_t{bytes[4]} * 4;
  return bytes.size() > offset && is_performative(bytes.subspan(offset)) ? Match::Likely
                                                                         : Match::No;
}

class AmqpSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (is_magic(bytes))
      return bytes.size() < kProtocolHeader ? Frame::need(kProtocolHeader)
                                            : Frame::pdu(kProtocolHeader);
    if (bytes.size() < kHeader1) return Frame::need(kHeader1);
    if (version_ != Version::One && fits_nine(bytes)) {
      Reader reader(bytes.subspan(3));
      const std::size_t size = kHeader + reader.u32be() + 1;
      return Frame::pdu(size, kMaxKept);
    }
    if (version_ != Version::Nine && fits_one(bytes)) {
      Reader reader(bytes);
      return Frame::pdu(reader.u32be(), kMaxKept);
    }
    return Frame::lost();
  }

  void take(const Pdu& pdu, Sink& sink) override {
    objects_.begin();
    if (is_magic(pdu.bytes)) return take_start(pdu.bytes, sink);
    if (version_ == Version::Unknown)
      version_ = fits_nine(pdu.bytes) ? Version::Nine : Version::One;
    if (version_ == Version::Nine)
      take_nine(pdu, sink);
    else
      take_one(pdu, sink);
  }

 private:
  void take_start(base::ByteView bytes, Sink& sink) {
    if (bytes.size() < kProtocolHeader) return;
    sink.number("protocol_id", bytes[4]);
    sink.number("version_major", bytes[5]);
    sink.number("version_minor", bytes[6]);
    sink.number("version_revision", bytes[7]);
    // 0-9-1 says 0 0 9 1; before it, 1 1 and a version.
    version_ = bytes[5] == 1 && bytes[4] != 1 ? Version::One : Version::Nine;
    if (version_ == Version::Nine && (bytes[4] != 0 || bytes[6] != 9))
      sink.issue({Issue::Kind::Unsupported, "version that is not known", bytes[6], 5});
    Message message;
    message.operation = {0xffffU, "protocol header"};
    message.access = Access::Session;
    sink.message(message);
  }

  void take_nine(const Pdu& pdu, Sink& sink) {
    Reader reader(pdu.bytes);
    const std::uint8_t type = reader.u8();
    const std::uint16_t channel = reader.u16be();
    const std::uint32_t size = reader.u32be();
    sink.number("frame_type", type);
    sink.number("channel", channel);
    sink.number("length", size);
    if (pdu.bytes.size() == pdu.size && pdu.bytes.back() != kEnd)
      sink.issue({Issue::Kind::Malformed, "frame without its end", pdu.bytes.back(), size + 7});
    if (type != kMethod) return;
    Reader payload = reader.sub(std::min<std::size_t>(size, reader.remaining()));
    read_method(channel, payload, objects_, sink);
  }

  void take_one(const Pdu& pdu, Sink& sink) {
    Reader reader(pdu.bytes);
    const std::uint32_t size = reader.u32be();
    const std::size_t offset = std::size_t{reader.u8()} * 4;
    const std::uint8_t type = reader.u8();
    const std::uint16_t channel = reader.u16be();
    sink.number("length", size);
    sink.number("offset", offset / 4);
    sink.number("frame_type", type);
    if (type == 0) sink.number("channel", channel);
    reader.skip(offset - kHeader1);
    // Nothing behind the header keeps a connection open.
    if (!reader.ok() || reader.done()) return;
    read_performative(channel, reader, objects_, sink);
  }

  Version version_ = Version::Unknown;
  Objects objects_;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty()) return Match::No;
  if (!is_magic(bytes)) return probe_frame(bytes);
  if (bytes.size() < kProtocolHeader) return Match::Unsure;
  const bool nine = bytes[4] <= 1 && bytes[5] <= 1 && bytes[6] <= 9;
  const bool one = bytes[4] <= 3 && bytes[5] == 1 && bytes[6] == 0;
  return nine || one ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<AmqpSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {5672};

}  // namespace

constinit const Protocol kProtocol{"amqp", "AMQP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::amqp
