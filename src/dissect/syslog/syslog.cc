#include "dissect/syslog/syslog.h"

#include <algorithm>
#include <string_view>

#include "dissect/headers/headers.h"
#include "dissect/objects.h"
#include "dissect/syslog/message.h"
#include "dissect/text.h"

namespace dissect::syslog {

namespace {

// A message that is longer is cut (RFC 5424 section 6.1 asks for 2048).
constexpr std::size_t kMaxMessage = 32U << 10U;
constexpr std::uint16_t kPort = 514;

// "nnn " before a message (RFC 6587 section 3.4.1); size 0: there is none, or not yet.
struct Counted {
  std::size_t header = 0;
  std::size_t size = 0;
};
Counted counted(std::string_view text) {
  const std::size_t blank = text.substr(0, 7).find(' ');
  if (blank == std::string_view::npos || text.front() == '0') return {};
  const auto size = headers::number(text.substr(0, blank));
  return size ? Counted{blank + 1, static_cast<std::size_t>(*size)} : Counted{};
}

std::string_view without_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '\0'))
    text.remove_suffix(1);
  return text;
}

class SyslogSession final : public Session {
 public:
  explicit SyslogSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    const std::string_view text = base::as_text(bytes);
    if (text.front() >= '1' && text.front() <= '9') {
      const Counted count = counted(text);
      if (count.size > 0) return Frame::pdu(count.header + count.size, kMaxMessage);
      return text.size() < 7 ? Frame::need(text.size() + 1) : Frame::lost();
    }
    if (text.front() != '<') return Frame::lost();
    const std::size_t end = text.substr(0, kMaxMessage).find_first_of(std::string_view("\n\0", 2));
    if (end != std::string_view::npos) return Frame::pdu(end + 1);
    return text.size() < kMaxMessage ? Frame::need(text.size() + 1) : Frame::pdu(kMaxMessage);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    std::string_view text = base::as_text(pdu.bytes);
    if (stream_ && !text.empty() && text.front() != '<') {
      const Counted count = counted(text);
      sink.number("length", count.size);
      text.remove_prefix(std::min(count.header, text.size()));
    }
    text = without_end(text);
    const Record record = read_record(text);
    show(record, sink);
    if (!record.has_priority) sink.issue({Issue::Kind::Violation, "no priority", 0, 0});
    if (!record.good) sink.issue({Issue::Kind::Malformed, "structured data that cannot be", 0, 0});
    objects_.begin();
    Message message;
    message.operation = {record.facility, facility_name(record.facility)};
    message.sub_operation = {record.severity, severity_name(record.severity)};
    message.access = Access::Diagnostics;
    message.bytes = static_cast<std::uint32_t>(record.text.size());
    if (!record.application.empty())
      objects_.add(message, sink, {"application", objects_.shown(record.application), 0, 0});
    if (!record.host.empty())
      objects_.add(message, sink, {"host", objects_.shown(record.host), 0, 0});
    tell_host(record, sink);
    sink.message(message);
  }

 private:
  static void show(const Record& record, Sink& sink) {
    if (!sink.wants_details()) return;
    // Without a priority it is taken for one (RFC 3164 section 4.3.3), but does not say so.
    if (record.has_priority) {
      sink.number("facility", record.facility);
      sink.number("severity", record.severity);
    }
    if (record.structured) sink.number("version", 1);
    if (!record.timestamp.empty())
      sink.shown(record.structured ? "timestamp" : "time", record.timestamp);
    if (!record.host.empty()) sink.shown("host", record.host);
    if (!record.application.empty()) sink.shown("application", record.application);
    if (!record.process.empty()) sink.shown("process", record.process);
    if (!record.message_id.empty()) sink.shown("message_id", record.message_id);
    if (!record.data.empty()) sink.shown("structured_data", record.data, 4096);
    sink.shown("text", record.text, kMaxMessage);
  }

  // A relay passes on what others call themselves: no more than a banner. An address is no name.
  static void tell_host(const Record& record, Sink& sink) {
    const bool name = std::ranges::any_of(
        record.host, [](char c) { return (c < '0' || c > '9') && c != '.' && c != ':'; });
    if (name && plain(record.host) && record.host.size() <= 255)
      sink.tell(Fact::Hostname, record.host, Confidence::Banner);
  }

  bool stream_;
  Objects objects_;
};

Match probe(const Sample& sample) {
  const std::string_view text = base::as_text(sample.bytes);
  if (text.empty()) return Match::No;
  std::string_view message = text;
  const bool stream = sample.flow.transport == Transport::Tcp;
  if (stream && text.front() >= '1' && text.front() <= '9') {
    const Counted count = counted(text);
    if (count.size == 0) return text.size() < 7 ? Match::Unsure : Match::No;
    message = text.substr(count.header);
  }
  if (message.empty()) return Match::Unsure;
  const Look look = look_at(message);
  if (look.certain) return Match::Yes;
  if (stream && message.front() == '<' && message.size() < 20) return Match::Unsure;
  const std::string_view head = message.substr(0, 64);
  const bool readable = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\t' || c == '\n' || c == '\r' || c == '\0';
  });
  if (look.priority) return readable ? Match::Likely : Match::No;
  // Without a priority, it takes the port (RFC 3164 section 4.3.3).
  const bool port = sample.flow.a.port == kPort || sample.flow.b.port == kPort;
  return !stream && port && readable ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<SyslogSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort, 601};

}  // namespace

constinit const Protocol kProtocol{"syslog", "Syslog", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::syslog
