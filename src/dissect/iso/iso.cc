#include "dissect/iso/iso.h"

#include <algorithm>

#include "dissect/reader.h"

namespace dissect::iso {

namespace {

constexpr std::size_t kTpkt = 4;
constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kParameterSize = 0xc0;
constexpr std::uint8_t kParameterCalling = 0xc1;
constexpr std::uint8_t kParameterCalled = 0xc2;
constexpr int kMaxParameters = 32;

bool known(std::uint8_t code) {
  switch (static_cast<Tpdu>(code >> 4U)) {
    case Tpdu::ExpeditedData:
    case Tpdu::ExpeditedAck:
    case Tpdu::Reject:
    case Tpdu::Ack:
    case Tpdu::Error:
    case Tpdu::DisconnectRequest:
    case Tpdu::DisconnectConfirm:
    case Tpdu::ConnectConfirm:
    case Tpdu::ConnectRequest:
    case Tpdu::Data:
      return true;
  }
  return false;
}

void read_parameters(Reader& header, Cotp& cotp) {
  for (int i = 0; i < kMaxParameters && header.ok() && !header.done(); ++i) {
    const std::uint8_t code = header.u8();
    const base::ByteView value = header.bytes(header.u8());
    if (code == kParameterSize && value.size() == 1) cotp.size_code = value[0];
    if (code == kParameterCalling) cotp.calling = value;
    if (code == kParameterCalled) cotp.called = value;
  }
}

void read_header(Reader& header, Cotp& cotp) {
  switch (cotp.type) {
    case Tpdu::Data:
    case Tpdu::ExpeditedData: {
      // Classes 0 and 1 have only the number; others a reference before it.
      if (header.remaining() > 1) cotp.destination = header.u16be();
      cotp.last = (header.u8() & 0x80U) != 0;
      return;
    }
    case Tpdu::ConnectRequest:
    case Tpdu::ConnectConfirm:
      cotp.destination = header.u16be();
      cotp.source = header.u16be();
      cotp.transport_class = header.u8() >> 4U;
      return read_parameters(header, cotp);
    case Tpdu::DisconnectRequest:
      cotp.destination = header.u16be();
      cotp.source = header.u16be();
      cotp.reason = header.u8();
      return;
    case Tpdu::DisconnectConfirm:
      cotp.destination = header.u16be();
      cotp.source = header.u16be();
      return;
    default:
      cotp.destination = header.u16be();
      return;
  }
}

std::optional<Cotp> refuse(Sink* sink, Issue::Kind kind, const char* what, std::uint32_t code) {
  if (sink != nullptr) sink->issue({kind, what, code, static_cast<std::uint32_t>(kTpkt)});
  return std::nullopt;
}

}  // namespace

Frame frame(base::ByteView bytes) {
  if (!bytes.empty() && bytes[0] != kVersion) return Frame::lost();
  if (bytes.size() < kTpkt + 2) return Frame::need(kTpkt + 2);
  const std::size_t size = static_cast<std::size_t>(bytes[2]) << 8U | bytes[3];
  const std::size_t header = bytes[kTpkt] + std::size_t{1};
  if (bytes[1] != 0 || header < 3 || size < kTpkt + header || !known(bytes[kTpkt + 1]))
    return Frame::lost();
  return Frame::pdu(size);
}

std::optional<Cotp> read(base::ByteView tpkt, Sink* sink) {
  Reader reader(tpkt);
  reader.skip(kTpkt);
  const std::uint8_t length = reader.u8();
  Reader header = reader.sub(length);
  const std::uint8_t code = header.u8();
  if (!header.ok())
    return refuse(sink, Issue::Kind::Truncated, "COTP header ends too early", length);
  if (!known(code)) return refuse(sink, Issue::Kind::Malformed, "unknown COTP type", code);
  Cotp cotp;
  cotp.type = static_cast<Tpdu>(code >> 4U);
  read_header(header, cotp);
  if (!header.ok())
    return refuse(sink, Issue::Kind::Truncated, "COTP header ends too early", length);
  cotp.data = reader.rest();
  return cotp;
}

void tell(base::ByteView tpkt, const Cotp& cotp, Sink& sink) {
  if (!sink.wants_details() || tpkt.size() < kTpkt + 2) return;
  sink.number("tpkt_version", tpkt[0]);
  sink.number("tpkt_length", static_cast<std::uint64_t>(tpkt[2]) << 8U | tpkt[3]);
  sink.number("cotp_length", tpkt[kTpkt]);
  sink.number("cotp_type", static_cast<std::uint64_t>(cotp.type));
  switch (cotp.type) {
    case Tpdu::Data:
    case Tpdu::ExpeditedData:
      sink.number("cotp_last", cotp.last ? 1 : 0);
      return;
    case Tpdu::ConnectRequest:
    case Tpdu::ConnectConfirm:
      sink.number("cotp_destination", cotp.destination);
      sink.number("cotp_source", cotp.source);
      sink.number("cotp_class", cotp.transport_class);
      if (cotp.size_code && *cotp.size_code <= 13)
        sink.number("cotp_size", std::uint64_t{1} << *cotp.size_code);
      if (!cotp.calling.empty()) sink.bytes("calling_tsap", cotp.calling);
      if (!cotp.called.empty()) sink.bytes("called_tsap", cotp.called);
      return;
    case Tpdu::DisconnectRequest:
      sink.number("cotp_destination", cotp.destination);
      sink.number("cotp_source", cotp.source);
      sink.number("cotp_reason", cotp.reason);
      return;
    default:
      sink.number("cotp_destination", cotp.destination);
      return;
  }
}

Opening look(base::ByteView bytes) {
  Opening opening;
  opening.tpkt = true;
  while (!bytes.empty()) {
    const Frame next = frame(bytes);
    if (next.kind == Frame::Kind::Lost) {
      opening.tpkt = false;
      return opening;
    }
    if (next.kind != Frame::Kind::Pdu) return opening;
    const base::ByteView whole = bytes.first(std::min(next.size, bytes.size()));
    const std::optional<Cotp> cotp = read(whole, nullptr);
    if (!cotp) {
      opening.tpkt = bytes.size() < next.size;
      return opening;
    }
    if (cotp->type == Tpdu::Data && !cotp->data.empty()) {
      opening.data = true;
      opening.carried = cotp->data;
      return opening;
    }
    if (cotp->type == Tpdu::ConnectRequest || cotp->type == Tpdu::ConnectConfirm) {
      opening.connecting = true;
      opening.calling = cotp->calling;
      opening.called = cotp->called;
    }
    bytes = bytes.subspan(whole.size());
  }
  return opening;
}

std::optional<base::ByteView> Assembly::add(const Cotp& cotp) {
  if (state_ == State::Given) clear();
  if (state_ == State::Empty && cotp.last) return cotp.data;
  if (state_ != State::Overflown && held_.size() + cotp.data.size() <= kMaxPdu) {
    held_.insert(held_.end(), cotp.data.begin(), cotp.data.end());
    state_ = State::Holding;
  } else {
    held_.clear();
    state_ = State::Overflown;
  }
  if (!cotp.last) return std::nullopt;
  const bool whole = state_ == State::Holding;
  state_ = State::Given;
  if (!whole) return std::nullopt;
  return base::ByteView(held_);
}

}  // namespace dissect::iso
