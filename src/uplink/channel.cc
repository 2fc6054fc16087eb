#include "uplink/channel.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/hash.h"

namespace uplink::channel {

using base::ByteVec;
using base::ByteView;
using base::ByteWriter;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;
using std::chrono::nanoseconds;

namespace {

constexpr std::size_t kLengthBytes = 4;
// A frame's type is its place in the variant; those of the other direction begin here.
constexpr std::uint8_t kToCollector = 16;
// Space that was used is given up once there is so much of it.
constexpr std::size_t kCompactAt = 64U << 10U;

// --- Writing ---

void write_text(ByteWriter& out, std::string_view text) {
  out.u32le(static_cast<std::uint32_t>(text.size()));
  out.text(text);
}
void write_reason(ByteWriter& out, std::string_view text) {
  write_text(out, text.substr(0, kMaxReasonBytes));
}
void write_time(ByteWriter& out, nanoseconds time) {
  out.u64le(static_cast<std::uint64_t>(time.count()));
}

// One list of the fields for both directions; `Stats` is const for writing.
template <class Stats, class Visit>
void visit_counts(Stats& stats, Visit&& visit) {
  visit(stats.connects);
  visit(stats.connect_failures);
  visit(stats.refused);
  visit(stats.disconnects);
  visit(stats.token_renewals);
  visit(stats.messages_sent);
  visit(stats.messages_resent);
  visit(stats.messages_acknowledged);
  visit(stats.messages_under_4kb);
  visit(stats.bytes_sent);
  visit(stats.in_flight);
  visit(stats.twin.gets);
  visit(stats.twin.desired);
  visit(stats.twin.reports);
  visit(stats.twin.accepted);
  visit(stats.twin.refused);
  visit(stats.twin.retries);
  visit(stats.twin.malformed);
}
template <class Stats, class Visit>
void visit_flags(Stats& stats, Visit&& visit) {
  visit(stats.online);
  visit(stats.twin.known);
  visit(stats.twin.report_pending);
}
template <class Options, class Visit>
void visit_times(Options& options, Visit&& visit) {
  visit(options.keep_alive);
  visit(options.connect_timeout);
  visit(options.ack_timeout);
  visit(options.token_life);
  visit(options.backoff_first);
  visit(options.backoff_most);
  visit(options.renewal_grace);
  visit(options.twin.answer_timeout);
  visit(options.twin.retry_first);
  visit(options.twin.retry_most);
}
template <class Identity, class Visit>
void visit_texts(Identity& identity, Visit&& visit) {
  visit(identity.host_name);
  visit(identity.device_id);
  visit(identity.module_id);
  visit(identity.key_base64);
  visit(identity.certificate_pem);
  visit(identity.private_key_pem);
}

void write(ByteWriter& out, const Configure& frame) {
  visit_texts(frame.options.identity, [&](const std::string& text) { write_text(out, text); });
  out.u16le(frame.options.identity.port);
  out.u16le(frame.options.identity.https_port);
  out.u8(frame.options.identity.through_device ? 1 : 0);
  write_text(out, frame.ca_pem);
  out.u8(frame.twin ? 1 : 0);
  write_text(out, frame.options.client_type);
  out.u32le(static_cast<std::uint32_t>(frame.options.window));
  visit_times(frame.options, [&](nanoseconds time) { write_time(out, time); });
}
void write(ByteWriter& out, const Publish& frame) {
  out.u64le(frame.id);
  out.u64le(frame.events);
  write_text(out, frame.payload);
}
void write(ByteWriter& out, const Report& frame) {
  write_text(out, frame.json);
}
void write(ByteWriter& out, const Configured& frame) {
  out.u8(frame.ok ? 1 : 0);
  write_reason(out, frame.reason);
}
void write(ByteWriter& out, const State& frame) {
  visit_flags(frame.stats, [&](bool flag) { out.u8(flag ? 1 : 0); });
  visit_counts(frame.stats, [&](std::uint64_t count) { out.u64le(count); });
  out.u64le(static_cast<std::uint64_t>(frame.stats.twin.version));
  write_reason(out, frame.stats.last_error);
  write_reason(out, frame.stats.twin.last_error);
}
void write(ByteWriter& out, const Acknowledged& frame) {
  out.u64le(frame.id);
}
void write(ByteWriter& out, const DesiredTwin& frame) {
  out.u8(frame.desired.kind == Desired::Kind::Patch ? 1 : 0);
  out.u64le(static_cast<std::uint64_t>(frame.desired.version));
  write_text(out, frame.desired.json);
}
template <class Empty>
  requires std::is_empty_v<Empty>
void write(ByteWriter& /*out*/, const Empty& /*frame*/) {}

// Enough that a writer need not grow and leave a copy of secrets behind.
std::size_t room_for(const ToNetwork& frame) {
  constexpr std::size_t kNumbers = 256;
  if (const auto* message = std::get_if<Publish>(&frame)) return message->payload.size() + kNumbers;
  const auto* configure = std::get_if<Configure>(&frame);
  if (configure == nullptr) return 0;
  std::size_t room = kNumbers + configure->ca_pem.size() + configure->options.client_type.size();
  visit_texts(configure->options.identity,
              [&](const std::string& text) { room += text.size() + kLengthBytes; });
  return room;
}

template <class Variant>
void encode_frame(const Variant& frame, std::uint8_t first_type, std::size_t room, ByteVec& out) {
  ByteWriter writer;
  writer.reserve(room);
  writer.u32le(0);
  writer.u8(static_cast<std::uint8_t>(first_type + frame.index()));
  std::visit([&](const auto& body) { write(writer, body); }, frame);
  const std::size_t size = writer.size() - kLengthBytes;
  ASSERT(size <= kMaxFrameBytes);
  writer.patch_u32le(0, static_cast<std::uint32_t>(size));
  ByteVec bytes = std::move(writer).take();
  out.insert(out.end(), bytes.begin(), bytes.end());
  // It may have held a key.
  base::wipe(bytes);
}

// --- Reading ---

Result<std::string> read_text(Cursor& in, std::size_t limit = kMaxFrameBytes) {
  const std::uint32_t size = TRY(in.u32le());
  if (size > limit) return fail(Code::TooLarge, "channel text");
  return std::string(base::as_text(TRY(in.bytes(size))));
}
Result<bool> read_flag(Cursor& in) {
  const std::uint8_t value = TRY(in.u8());
  if (value > 1) return fail(Code::Malformed, "channel flag");
  return value == 1;
}
// Times and versions are never negative.
Result<std::int64_t> read_positive(Cursor& in) {
  const std::uint64_t value = TRY(in.u64le());
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return fail(Code::Malformed, "channel number");
  return static_cast<std::int64_t>(value);
}

// Remembers the first failure of several reads.
class Reads {
 public:
  template <class T, class U>
  void into(Result<T> value, U& target) {
    if (!value) {
      if (!error_) error_ = std::move(value).error();
      return;
    }
    target = static_cast<U>(std::move(*value));
  }
  Result<void> result() && {
    if (error_) return std::unexpected(std::move(*error_));
    return {};
  }

 private:
  std::optional<base::Error> error_;
};

Result<Configure> read_configure(Cursor& in) {
  Configure frame;
  Reads reads;
  visit_texts(frame.options.identity, [&](std::string& text) { reads.into(read_text(in), text); });
  reads.into(in.u16le(), frame.options.identity.port);
  reads.into(in.u16le(), frame.options.identity.https_port);
  reads.into(read_flag(in), frame.options.identity.through_device);
  reads.into(read_text(in), frame.ca_pem);
  reads.into(read_flag(in), frame.twin);
  reads.into(read_text(in), frame.options.client_type);
  reads.into(in.u32le(), frame.options.window);
  visit_times(frame.options, [&](nanoseconds& time) { reads.into(read_positive(in), time); });
  TRY(std::move(reads).result());
  return frame;
}
Result<Publish> read_publish(Cursor& in) {
  Publish frame;
  frame.id = TRY(in.u64le());
  frame.events = TRY(in.u64le());
  frame.payload = TRY(read_text(in));
  return frame;
}
Result<Configured> read_configured(Cursor& in) {
  Configured frame;
  frame.ok = TRY(read_flag(in));
  frame.reason = TRY(read_text(in, kMaxReasonBytes));
  return frame;
}
Result<State> read_state(Cursor& in) {
  State frame;
  Reads reads;
  visit_flags(frame.stats, [&](bool& flag) { reads.into(read_flag(in), flag); });
  visit_counts(frame.stats, [&](std::uint64_t& count) { reads.into(in.u64le(), count); });
  reads.into(read_positive(in), frame.stats.twin.version);
  reads.into(read_text(in, kMaxReasonBytes), frame.stats.last_error);
  reads.into(read_text(in, kMaxReasonBytes), frame.stats.twin.last_error);
  TRY(std::move(reads).result());
  return frame;
}
Result<DesiredTwin> read_desired(Cursor& in) {
  DesiredTwin frame;
  frame.desired.kind = TRY(read_flag(in)) ? Desired::Kind::Patch : Desired::Kind::Whole;
  frame.desired.version = TRY(read_positive(in));
  frame.desired.json = TRY(read_text(in));
  return frame;
}

Result<ToNetwork> read_to_network(std::uint8_t type, Cursor& in) {
  switch (type) {
    case 0:
      return TRY(read_configure(in));
    case 1:
      return Start{};
    case 2:
      return Stop{};
    case 3:
      return TRY(read_publish(in));
    case 4:
      return Report{TRY(read_text(in))};
    case 5:
      return Ping{};
    default:
      return fail(Code::Malformed, "channel frame type", 0);
  }
}

Result<ToCollector> read_to_collector(std::uint8_t type, Cursor& in) {
  switch (type) {
    case kToCollector:
      return TRY(read_configured(in));
    case kToCollector + 1:
      return TRY(read_state(in));
    case kToCollector + 2:
      return Acknowledged{TRY(in.u64le())};
    case kToCollector + 3:
      return TRY(read_desired(in));
    case kToCollector + 4:
      return Stopped{};
    default:
      return fail(Code::Malformed, "channel frame type", 0);
  }
}

template <class Frame, class Read>
Result<Frame> decode_frame(ByteView bytes, Read&& read) {
  Cursor in(bytes);
  const std::uint8_t type = TRY(in.u8());
  Frame frame = TRY(read(type, in));
  if (!in.done())
    return fail(Code::Malformed, "channel frame", static_cast<std::int64_t>(in.offset()),
                "more than its type says");
  return frame;
}

}  // namespace

void encode(const ToNetwork& frame, ByteVec& out) {
  encode_frame(frame, 0, room_for(frame), out);
}
void encode(const ToCollector& frame, ByteVec& out) {
  encode_frame(frame, kToCollector, 0, out);
}

Result<ToNetwork> decode_to_network(ByteView frame) {
  return decode_frame<ToNetwork>(frame, read_to_network);
}
Result<ToCollector> decode_to_collector(ByteView frame) {
  return decode_frame<ToCollector>(frame, read_to_collector);
}

Result<std::optional<ByteView>> Framer::next() {
  if (used_ == buffer_.size()) {
    buffer_.clear();
    used_ = 0;
    // A message now and then is large; what waits for the next need not be.
    if (buffer_.capacity() > kCompactAt) buffer_.shrink_to_fit();
  } else if (used_ > kCompactAt) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
  }
  Cursor in(ByteView(buffer_).subspan(used_));
  if (in.remaining() < kLengthBytes) return std::nullopt;
  const std::uint32_t size = TRY(in.u32le());
  if (size > kMaxFrameBytes) return fail(Code::TooLarge, "channel frame");
  if (size == 0) return fail(Code::Malformed, "channel frame", -1, "empty");
  if (in.remaining() < size) return std::nullopt;
  used_ += kLengthBytes + size;
  return TRY(in.bytes(size));
}

}  // namespace uplink::channel
