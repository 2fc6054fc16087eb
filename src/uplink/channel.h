#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "uplink/session.h"

// What the collecting process and the network process say to each other: frames of a length (four
// bytes, little-endian, of what follows), a type (one byte) and a body. Texts have a length of four
// bytes before them; numbers are little-endian. Both ends run the same program, so that the format
// has no versions. Each end takes the other for hostile: sizes are bounded, and a frame must hold
// exactly what its type says. Threads: pure.
namespace uplink::channel {

// Of a frame, type included: the largest message (256 KiB) and the largest twin fit.
constexpr std::size_t kMaxFrameBytes = 1U << 20U;
// Of a text that is only for people.
constexpr std::size_t kMaxReasonBytes = 1024;

// --- From the collecting process ---

// Who we are and how to connect; the first frame. The network process has no files of ours: what
// the identity names as files comes as their content.
struct Configure {
  Session::Options options;
  std::string ca_pem;  // empty: the system's store
  bool twin = false;   // keep the identity's twin as well
};
struct Start {};
// Ends the connection properly; answered with Stopped.
struct Stop {};
struct Publish {
  std::uint64_t id = 0;
  std::uint64_t events = 0;
  std::string payload;
};
struct Report {
  std::string json;
};
// Answered with State.
struct Ping {};
using ToNetwork = std::variant<Configure, Start, Stop, Publish, Report, Ping>;

// --- From the network process ---

struct Configured {
  bool ok = true;
  std::string reason;  // why not
};
struct State {
  SessionStats stats;
};
struct Acknowledged {
  std::uint64_t id = 0;
};
struct DesiredTwin {
  Desired desired;
};
struct Stopped {};
using ToCollector = std::variant<Configured, State, Acknowledged, DesiredTwin, Stopped>;

// Appends one frame. A body beyond kMaxFrameBytes is a broken invariant.
void encode(const ToNetwork& frame, base::ByteVec& out);
void encode(const ToCollector& frame, base::ByteVec& out);

// Reads the type and body of one frame. Errors: Truncated, Malformed, TooLarge.
base::Result<ToNetwork> decode_to_network(base::ByteView frame);
base::Result<ToCollector> decode_to_collector(base::ByteView frame);

// Cuts a stream of bytes into frames.
class Framer {
 public:
  void feed(base::ByteView bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  // The next frame's type and body, which hold until the next call; nullopt: not all here yet.
  // Errors: TooLarge, Malformed (an empty frame); the stream is of no more use then.
  base::Result<std::optional<base::ByteView>> next();
  // Bytes that wait.
  std::size_t pending() const { return buffer_.size() - used_; }

 private:
  base::ByteVec buffer_;
  std::size_t used_ = 0;
};

}  // namespace uplink::channel
