#include "dissect/ethercat/ethercat.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dissect/ams/dialogue.h"
#include "dissect/ethercat/mailbox.h"
#include "dissect/ethercat/names.h"
#include "dissect/objects.h"
#include "dissect/reader.h"

namespace dissect::ethercat {

namespace {

constexpr std::uint16_t kEtherType = 0x88a4;
constexpr std::uint16_t kPort = 0x88a4;
constexpr std::size_t kHeader = 2;
constexpr std::size_t kDatagramHeader = 10;
constexpr unsigned int kDatagrams = 1;  // of a frame's types
constexpr unsigned int kNetworkVariables = 4;
constexpr unsigned int kMailboxGateway = 5;
constexpr std::size_t kEeproms = 64;  // whose place is remembered

struct Datagram {
  std::uint8_t command = 0;
  std::uint8_t index = 0;
  std::uint16_t slave = 0;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  bool circulating = false;
  bool more = false;
  std::uint16_t interrupts = 0;
  base::ByteView data;
  std::uint16_t counter = 0;

  std::uint32_t logical() const { return std::uint32_t{offset} << 16U | slave; }
};

Datagram read_datagram(Reader& reader) {
  Datagram one;
  one.command = reader.u8();
  one.index = reader.u8();
  one.slave = reader.u16le();
  one.offset = reader.u16le();
  const std::uint16_t length = reader.u16le();
  one.length = length & 0x7ffU;
  one.circulating = (length & 0x4000U) != 0;
  one.more = (length & 0x8000U) != 0;
  one.interrupts = reader.u16le();
  one.data = reader.bytes(one.length);
  one.counter = reader.u16le();
  return one;
}

void show(const Datagram& one, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("command", one.command);
  sink.number("index", one.index);
  if (is_logical(one.command)) {
    sink.number("logical_address", one.logical());
  } else {
    sink.number("slave_address", one.slave);
    sink.number("offset", one.offset);
  }
  sink.number("data_length", one.length);
  sink.number("circulating", one.circulating ? 1 : 0);
  sink.number("more", one.more ? 1 : 0);
  sink.number("interrupts", one.interrupts);
  if (!one.data.empty()) sink.bytes("data", one.data);
  sink.number("working_counter", one.counter);
}

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const std::uint16_t header = reader.u16le();
  const unsigned int type = header >> 12U;
  const std::size_t length = header & 0x7ffU;
  if (!reader.ok() || length > reader.remaining()) return Match::No;
  if (sample.flow.transport == Transport::Link) {
    const bool known = type == kDatagrams || type == kNetworkVariables || type == kMailboxGateway;
    return known ? Match::Yes : Match::No;
  }
  if (type != kDatagrams || length != reader.remaining()) return Match::No;
  // Datagrams fill the length exactly, one behind the other.
  for (bool more = true; more;) {
    const Datagram one = read_datagram(reader);
    if (!reader.ok() || command_name(one.command).empty()) return Match::No;
    more = one.more;
  }
  return reader.done() ? Match::Yes : Match::No;
}

class CatSession final : public Session {
 public:
  explicit CatSession(const FlowInfo& flow) : link_(flow.transport == Transport::Link) {}

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const std::uint16_t header = reader.u16le();
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    const unsigned int type = header >> 12U;
    const std::size_t length = header & 0x7ffU;
    sink.number("frame_length", length);
    sink.number("frame_type", type);
    if (length > reader.remaining())
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", header, 0});
    Reader body = reader.sub(std::min(length, reader.remaining()));
    switch (type) {
      case kDatagrams:
        return datagrams(body, pdu, sink);
      case kNetworkVariables:
        return variables(body, sink);
      case kMailboxGateway:
        return gateway(body, pdu, sink);
      default:
        sink.issue({Issue::Kind::Violation, "frame type that does not exist", type, 0});
    }
  }

 private:
  void datagrams(Reader& body, const Pdu& pdu, Sink& sink) {
    // The first slave marks the address of who sent the frame as one of its own.
    const bool back = link_ && pdu.from.mac.local();
    for (bool more = true; more;) {
      if (body.remaining() < kDatagramHeader + 2) {
        sink.issue({Issue::Kind::Truncated, "no datagram where one should be", 0, kHeader});
        return;
      }
      const auto offset = static_cast<std::uint32_t>(kHeader + body.offset());
      const Datagram one = read_datagram(body);
      if (!body.ok()) {
        sink.issue({Issue::Kind::Truncated, "shorter than its length says", one.length, offset});
        return;
      }
      show(one, sink);
      if (command_name(one.command).empty()) {
        sink.issue({Issue::Kind::Violation, "command that does not exist", one.command, offset});
        return;
      }
      if (one.command != 0) datagram(one, back, pdu, sink);
      more = one.more;
    }
  }

  void datagram(const Datagram& one, bool back, const Pdu& pdu, Sink& sink) {
    objects_.begin();
    Message message;
    message.operation = {one.command, command_name(one.command)};
    message.bytes = one.length;
    if (one.counter != 0 || back)
      message.status = {one.counter != 0 ? Outcome::Ok : Outcome::Failed, one.counter,
                        one.counter != 0 ? "performed" : "no slave performed it"};
    if (by_station(one.command)) message.unit = one.slave;
    // Places are counted down from zero by each slave that a frame passes.
    if (by_position(one.command)) message.unit = static_cast<std::uint16_t>(0U - one.slave);
    if (is_logical(one.command)) {
      message.access = writes(one.command) ? Access::Write : Access::Read;
      objects_.add(message, sink, {"logical memory", {}, one.logical(), one.length});
      sink.message(message);
      return;
    }
    if (one.offset >= kMemory && is_mailbox(one.data) &&
        (by_station(one.command) || by_position(one.command))) {
      MailboxContext to{objects_, message, sink, slave_of(one, pdu)};
      if (read_mailbox(one.data, to, ams_)) sink.message(message);
      return;
    }
    registers(one, pdu, message, sink);
    sink.message(message);
  }

  // Slaves have no address that others would know: what they say of themselves is told of the
  // master, as parts of it.
  static Evidence slave_of(const Datagram& one, const Pdu& pdu) {
    Evidence evidence;
    evidence.about = About::Address;
    evidence.ip = pdu.from.ip;
    evidence.mac = pdu.from.mac;
    if (evidence.ip.none()) evidence.mac.bytes[0] &= 0xfdU;
    evidence.slot = one.slave;
    return evidence;
  }

  void registers(const Datagram& one, const Pdu& pdu, Message& message, Sink& sink) {
    const Register what = register_at(one.offset);
    message.access = writes(one.command) ? what.write : what.read;
    objects_.add(message, sink, {what.name, {}, one.offset, one.length});
    if (one.data.empty()) return;
    if (one.offset == kAlControl || one.offset == kAlStatus) {
      const std::uint8_t state = one.data[0] & 15U;
      if (writes(one.command) || one.counter != 0) {
        sink.number("state", state);
        message.sub_operation = {state, state_name(state)};
      }
      if (one.offset == kAlControl && writes(one.command) && state_name(state).empty())
        sink.issue({Issue::Kind::Violation, "state that does not exist", state, 0});
      return;
    }
    if (one.offset == kEepromControl && writes(one.command)) return eeprom(one, message, sink);
    if (one.offset == kEepromData && !writes(one.command) && one.counter != 0)
      tell_eeprom(one, pdu, sink);
  }

  // Control, then the word that is meant (ETG.1000.4, 6.4). Bit 0 and command 2: write.
  void eeprom(const Datagram& one, Message& message, Sink& sink) {
    Reader data(one.data);
    const std::uint16_t control = data.u16le();
    const std::uint32_t word = data.u32le();
    if (!data.ok()) return;
    const unsigned int command = control >> 8U & 7U;
    sink.number("eeprom_command", command);
    sink.number("eeprom_word", word);
    if (command == 2) message.access = Access::ConfigWrite;
    message.sub_operation = {command, command == 1   ? "read"
                                      : command == 2 ? "write"
                                      : command == 4 ? "reload"
                                                     : ""};
    if (command == 1) eeproms_[one.slave % kEeproms] = {one.slave, word};
  }

  // Words 8 to 15 are vendor, product, revision and serial number, four bytes each (ETG.2010).
  void tell_eeprom(const Datagram& one, const Pdu& pdu, Sink& sink) {
    const auto& [slave, word] = eeproms_[one.slave % kEeproms];
    if (slave != one.slave || word < 8 || word > 14 || word % 2 != 0) return;
    Reader data(one.data);
    for (std::uint32_t at = word; at <= 14 && data.remaining() >= 4; at += 2) {
      Evidence fact = slave_of(one, pdu);
      const std::string number = std::to_string(data.u32le());
      const std::string text = at == 8 ? "EtherCAT " + number : number;
      fact.fact = at == 8    ? Fact::VendorId
                  : at == 10 ? Fact::OrderCode
                  : at == 12 ? Fact::Hardware
                             : Fact::Serial;
      fact.value = text;
      if (number != "0") sink.evidence(fact);
    }
  }

  // Publisher, then variables with their ids, hashes and lengths (ETG.1000.6, 5.9; EN 50325).
  void variables(Reader& body, Sink& sink) {
    const base::ByteView publisher = body.bytes(6);
    const std::uint16_t count = body.u16le();
    const std::uint16_t cycle = body.u16le();
    body.skip(2);
    if (!body.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, kHeader});
      return;
    }
    sink.bytes("publisher", publisher);
    sink.number("variables", count);
    sink.number("cycle", cycle);
    objects_.begin();
    Message message;
    message.operation = {0x20000U, "network variables"};
    message.access = Access::Write;
    for (std::uint16_t i = 0; i < count && body.ok(); ++i) {
      const std::uint16_t id = body.u16le();
      body.skip(2);
      const std::uint16_t length = body.u16le();
      const std::uint16_t quality = body.u16le();
      const base::ByteView data = body.bytes(length);
      if (!body.ok()) break;
      sink.number("variable", id);
      sink.number("quality", quality);
      sink.bytes("data", data);
      message.bytes += length;
      objects_.add(message, sink, {"variable", {}, id, 1});
    }
    if (!body.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its counts say", count, kHeader});
    sink.message(message);
  }

  void gateway(Reader& body, const Pdu& pdu, Sink& sink) {
    objects_.begin();
    Message message;
    Datagram none;
    MailboxContext to{objects_, message, sink, slave_of(none, pdu)};
    if (!is_mailbox(body.rest())) {
      sink.issue({Issue::Kind::Malformed, "no mailbox where one should be", 0, kHeader});
      return;
    }
    const std::uint16_t address = Reader(body.rest().subspan(2)).u16le();
    to.slave.slot = address;
    message.unit = address;
    if (read_mailbox(body.rest(), to, ams_)) sink.message(message);
  }

  struct Eeprom {
    std::uint16_t slave = 0;
    std::uint32_t word = 0;
  };

  bool link_;
  Objects objects_;
  ams::Dialogue ams_;
  std::array<Eeprom, kEeproms> eeproms_{};
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<CatSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Link, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kPort};
constexpr std::uint16_t kSelectors[] = {kEtherType};

}  // namespace

const Protocol kProtocol = {
    .name = "ethercat",
    .title = "EtherCAT",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = kSelectors,
    .probe = probe,
    .open = open,
};

}  // namespace dissect::ethercat
