#include "dissect/protocol.h"

#include <utility>

#include "dissect/text.h"

namespace dissect {

Frame Session::frame(Side, base::ByteView bytes) {
  return Frame::pdu(bytes.size());
}

void Session::gap(Side) {}

std::optional<std::size_t> Session::resync(Side side, base::ByteView bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const base::ByteView rest = bytes.subspan(at);
    const Frame first = frame(side, rest);
    if (first.kind != Frame::Kind::Pdu) continue;
    if (first.size >= rest.size()) return at;
    if (frame(side, rest.subspan(first.size)).kind != Frame::Kind::Lost) return at;
  }
  return std::nullopt;
}

void Sink::tell(Fact fact, std::string_view value, Confidence confidence) {
  if (value.empty()) return;
  Evidence one;
  one.fact = fact;
  one.value = value;
  one.confidence = confidence;
  evidence(one);
}

void Sink::shown(std::string_view name, std::string_view value, std::size_t limit) {
  if (details_ == nullptr) return;
  if (plain(value))
    details_->text(name, value.substr(0, limit));
  else
    details_->text(name, printable(value, limit));
}

std::string_view access_name(Access access) {
  switch (access) {
    case Access::None:
      return "none";
    case Access::Read:
      return "read";
    case Access::Write:
      return "write";
    case Access::ProgramUpload:
      return "program upload";
    case Access::ProgramDownload:
      return "program download";
    case Access::Start:
      return "start";
    case Access::Stop:
      return "stop";
    case Access::Reset:
      return "reset";
    case Access::ModeChange:
      return "mode change";
    case Access::Firmware:
      return "firmware";
    case Access::ConfigRead:
      return "configuration read";
    case Access::ConfigWrite:
      return "configuration write";
    case Access::Diagnostics:
      return "diagnostics";
    case Access::Authentication:
      return "authentication";
    case Access::Discovery:
      return "discovery";
    case Access::File:
      return "file";
    case Access::Alarm:
      return "alarm";
    case Access::Session:
      return "session";
  }
  std::unreachable();
}

std::string_view fact_name(Fact fact) {
  static constexpr std::string_view kNames[] = {
      "mac",        "ip",       "vlan",     "vendor",     "vendor id", "model",
      "order code", "firmware", "hardware", "serial",     "name",      "hostname",
      "domain",     "location", "os",       "os version", "software",  "type",
      "module",     "mode",     "user",     "gateway"};
  return kNames[static_cast<std::size_t>(fact)];
}

}  // namespace dissect
