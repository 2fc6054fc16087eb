#include "dissect/tftp/tftp.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "dissect/names.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::tftp {

namespace {

enum Code : std::uint16_t { kRead = 1, kWrite, kData, kAck, kError, kOptions };

constexpr Named kCodes[] = {
    {kRead, "read"},           {kWrite, "write"}, {kData, "data"},
    {kAck, "acknowledgement"}, {kError, "error"}, {kOptions, "options acknowledgement"},
};
static_assert(sorted_by_code(kCodes));

constexpr Named kErrors[] = {
    {0, "not defined"},         {1, "file not found"},    {2, "access violation"},
    {3, "disk full"},           {4, "illegal operation"}, {5, "transfer unknown"},
    {6, "file exists already"}, {7, "no such user"},      {8, "options refused"},
};
static_assert(sorted_by_code(kErrors));

constexpr std::array<std::string_view, 3> kModes = {"netascii", "octet", "mail"};
// RFC 2348 and the block without options (RFC 1350).
constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxBlock = 65464;
// More than any client asks for.
constexpr std::size_t kMaxOptions = 16;

bool is_mode(std::string_view mode) {
  return std::ranges::any_of(
      kModes, [&](std::string_view one) { return base::equal_ignore_case(one, mode); });
}

class TftpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const std::uint16_t code = reader.u16be();
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    sink.number("opcode", code);
    objects_.begin();
    Message message;
    message.operation = {code, name_of(kCodes, code)};
    message.access = Access::File;
    switch (code) {
      case kRead:
      case kWrite:
        ask(pdu, reader, message, sink);
        break;
      case kData:
        data(pdu, reader, message, sink);
        break;
      case kAck:
        acknowledge(pdu, reader, message, sink);
        break;
      case kError:
        error(pdu, reader, message, sink);
        break;
      case kOptions:
        read_options(reader, message, sink);
        answer(pdu.side, message, Status{Outcome::Ok, 0, {}}, sink);
        break;
      default:
        sink.issue({Issue::Kind::Malformed, "operation that does not exist", code, 0});
        return;
    }
    if (!reader.ok()) sink.issue({Issue::Kind::Truncated, "ends within a field", code, 0});
  }

 private:
  static std::uint64_t block_key(std::uint16_t block) { return std::uint64_t{1} << 32U | block; }

  void ask(const Pdu& pdu, Reader& reader, Message& message, Sink& sink) {
    const std::string_view file = reader.text_z();
    const std::string_view mode = reader.text_z();
    sink.shown("file", file, 1024);
    sink.shown("mode", mode);
    if (!reader.ok()) return;
    if (!is_mode(mode)) sink.issue({Issue::Kind::Violation, "mode that does not exist", 0, 2});
    if (file.empty()) sink.issue({Issue::Kind::Violation, "no file name", 0, 2});
    if (file.find("../") != std::string_view::npos || file.find("..\\") != std::string_view::npos)
      sink.issue({Issue::Kind::Violation, "file name leaves its folder", 0, 2});
    objects_.add(message, sink, {"file", objects_.shown(file, 512), 0, 0});
    objects_.add(message, sink, {"mode", objects_.shown(mode, 16), 0, 0});
    read_options(reader, message, sink);
    message.kind = Kind::Request;
    asked_ = true;
    asker_ = pdu.side;
    sink.message(message);
  }

  void read_options(Reader& reader, Message& message, Sink& sink) {
    for (std::size_t count = 0; reader.ok() && !reader.done(); ++count) {
      if (count == kMaxOptions) {
        sink.issue({Issue::Kind::LeftOut, "more options than are read", kMaxOptions, 0});
        return;
      }
      const std::string_view name = reader.text_z();
      const std::string_view value = reader.text_z();
      if (!reader.ok()) return;
      sink.shown("option", name);
      sink.shown("option_value", value);
      objects_.add(
          message, sink,
          {"option", objects_.compose({objects_.shown(name, 32), "=", objects_.shown(value, 32)}),
           0, 0});
    }
  }

  void data(const Pdu& pdu, Reader& reader, Message& message, Sink& sink) {
    const std::uint16_t block = reader.u16be();
    if (!reader.ok()) return;
    sink.number("block", block);
    sink.number("data_length", pdu.size - std::min(pdu.size, reader.offset()));
    if (pdu.size > kMaxBlock + 4)
      sink.issue({Issue::Kind::Violation, "block longer than is allowed", block, 2});
    // The first block answers a request where the server keeps its port.
    if (block == 1 && asked_ && pdu.side != asker_)
      answer(pdu.side, Message{}, Status{Outcome::Ok, 0, {}}, sink);
    message.kind = Kind::Request;
    message.key = block_key(block);
    message.bytes = static_cast<std::uint32_t>(reader.remaining());
    sink.message(message);
  }

  void acknowledge(const Pdu& pdu, Reader& reader, Message& message, Sink& sink) {
    const std::uint16_t block = reader.u16be();
    if (!reader.ok()) return;
    sink.number("block", block);
    if (!reader.done()) sink.issue({Issue::Kind::Malformed, "longer than its fields", block, 4});
    const Status ok{Outcome::Ok, 0, {}};
    if (block == 0) return answer(pdu.side, message, ok, sink);
    message.kind = Kind::Response;
    message.key = block_key(block);
    message.operation = {kData, "data"};
    message.status = ok;
    sink.message(message);
  }

  void error(const Pdu& pdu, Reader& reader, Message& message, Sink& sink) {
    const std::uint16_t code = reader.u16be();
    const std::string_view text = reader.text_z();
    sink.number("error_code", code);
    sink.shown("error_text", text);
    answer(pdu.side, message, Status{Outcome::Failed, code, name_of(kErrors, code)}, sink);
  }

  // To the request of this flow; elsewhere it stands for itself.
  void answer(Side side, Message message, const Status& status, Sink& sink) {
    const bool here = asked_ && side != asker_;
    message.kind = here ? Kind::Response : Kind::OneWay;
    message.key = 0;
    message.access = Access::File;
    message.status = status;
    if (here) asked_ = false;
    sink.message(message);
  }

  bool asked_ = false;
  Side asker_ = Side::A;
  Objects objects_;
};

// Texts, each with its end: a file, a mode, and pairs of options.
Match probe_request(Reader reader) {
  const std::string_view file = reader.text_z();
  const std::string_view mode = reader.text_z();
  return reader.ok() && plain(file) && !file.empty() && is_mode(mode) ? Match::Yes : Match::No;
}

Match probe_options(Reader reader) {
  std::size_t texts = 0;
  while (reader.ok() && !reader.done() && texts < 2 * kMaxOptions) {
    const std::string_view text = reader.text_z();
    if (text.empty() || !plain(text)) return Match::No;
    ++texts;
  }
  return reader.ok() && reader.done() && texts >= 2 && texts % 2 == 0 ? Match::Yes : Match::No;
}

// Blocks have sizes that people choose, or are the first. Two of them are needed, or the port.
bool usual_block(std::uint16_t block, std::size_t size) {
  constexpr std::array<std::size_t, 8> kUsual = {kBlock, 1024, 1408, 1428, 1432, 1456, 1468, 8192};
  return (block == 1 && size <= kBlock) || std::ranges::find(kUsual, size) != kUsual.end();
}

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const std::uint16_t code = reader.u16be();
  if (!reader.ok()) return Match::No;
  // Transfers are between two (RFC 1350 section 4). What routers say to their group may begin with
  // the same bytes: HSRP's advertisement of an interface reads as block 1.
  if (sample.flow.end(other(sample.side)).ip.group()) return Match::No;
  switch (code) {
    case kRead:
    case kWrite:
      return probe_request(reader);
    case kOptions:
      return probe_options(reader);
    case kData: {
      const std::uint16_t block = reader.u16be();
      return reader.ok() && block != 0 && usual_block(block, reader.remaining()) ? Match::Likely
                                                                                 : Match::No;
    }
    case kAck:
      return sample.bytes.size() == 4 ? Match::Likely : Match::No;
    case kError:
      return reader.u16be() <= 8 && plain(reader.text_z()) && reader.ok() && reader.done()
                 ? Match::Likely
                 : Match::No;
    default:
      return Match::No;
  }
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<TftpSession>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {69};

}  // namespace

constinit const Protocol kProtocol{"tftp", "TFTP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::tftp
