#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/leniencies.h"
#include "schema/message.h"

// Reading security messages that others wrote.
namespace schema {

// A place where a message departs from the schema.
struct Violation {
  std::string pointer;   // JSON Pointer (RFC 6901) into the message; "" is the message itself
  std::string expected;  // "one of In, Out"
  std::string found;     // "\"Inside\"", cut when long
};

std::string_view to_string(Leniency leniency);

struct UsedLeniency {
  Leniency leniency{};
  std::string pointer;
};

// Strict: what the published JSON Schema says. Classic: Strict without Vedette's own events.
// Lenient: Strict, but for the leniences above.
enum class Mode : std::uint8_t { Strict, Classic, Lenient };

// Limits beyond the schema, so that no input can take more than its share.
inline constexpr std::size_t kMaxMessageBytes = 4U << 20;  // decoded; validate takes up to 1 GiB
inline constexpr std::size_t kMaxEvents = 32'768;          // in one decoded message
inline constexpr std::size_t kMaxPayloadItems = 65'536;    // likewise
inline constexpr std::size_t kMaxViolations = 64;          // reported for one event or verdict
inline constexpr std::size_t kMaxMessageViolations =
    1024;  // after as many, each event tells its first
inline constexpr std::size_t kMaxJsonDepth = 1024;

struct DecodedEvent {
  std::size_t index = 0;  // in the message's Events
  Event event;
};
struct RefusedEvent {
  std::size_t index = 0;
  std::string id;    // as written; empty when there is none
  std::string name;  // likewise
  std::vector<Violation> violations;
};

struct Decoded {
  std::string agent_version;
  base::Guid agent_id;
  std::vector<DecodedEvent> events;
  std::vector<RefusedEvent> refused;
  std::vector<Violation>
      message_violations;  // of the message itself: events may be good all the same
  std::array<std::uint32_t, kLeniencies> leniencies{};

  bool valid() const { return message_violations.empty() && refused.empty(); }
};

struct Verdict {
  std::vector<Violation> violations;
  std::vector<UsedLeniency> leniencies;

  bool valid() const { return violations.empty(); }
};

// Reads messages; keeps its buffers from one to the next. Threads: one at a time.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Every event that is valid, and why each of the others is not: a bad event never takes its
  // neighbours along. Text that is no JSON, or too large, is one violation of the message.
  //
  // Where the schema allows more than Event can hold, the nearest is taken: an id of 36 characters
  // that is no UUID becomes one derived from it, numbers and times beyond the range become its
  // ends.
  Decoded decode(std::string_view json, Mode mode);

  // The verdict that a JSON Schema validator gives on the published schema (Mode::Strict), with
  // formats asserted as ajv-formats does. Of repeated members the last counts, as in JSON.parse.
  Verdict validate(std::string_view json, Mode mode);

  // The same for each message of an array; one verdict for a text that holds anything else.
  // No JSON: Malformed, the offset in `at`.
  base::Result<std::vector<Verdict>> validate_all(std::string_view json, Mode mode);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// With a decoder of the calling thread's own.
Decoded decode(std::string_view json, Mode mode);
Verdict validate(std::string_view json, Mode mode);

}  // namespace schema
