#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dissect {

// What an operation does to who serves it, whatever the protocol: what alerts and baselines ask.
enum class Access : std::uint8_t {
  None,  // keeps a session alive, acknowledges, carries something else
  Read,
  Write,
  ProgramUpload,    // the program of a controller is read from it
  ProgramDownload,  // ... is written to it, or parts of it are deleted
  Start,
  Stop,
  Reset,
  ModeChange,
  Firmware,
  ConfigRead,
  ConfigWrite,
  Diagnostics,
  Authentication,
  Discovery,
  File,
  Alarm,
  Session,  // opens, negotiates or closes
};
// "read", "program upload" ...
std::string_view access_name(Access access);

enum class Kind : std::uint8_t {
  Request,
  Response,
  OneWay,  // nobody answers: a broadcast, a spontaneous report, cyclic data
};

struct Operation {
  std::uint32_t code = 0;
  std::string_view name;  // in the protocol's own words, a literal; empty: there is none
};

// Names that are said to be literals may also be of a protocol's description, which outlives all
// that reads what was told.

// What is asked about: registers, a tag, a node, a file.
struct Object {
  std::string_view space;  // a literal: "holding registers", "DB", "tag"; empty: none
  std::string_view name;   // as written in the message
  std::uint64_t first = 0;
  std::uint32_t count = 0;  // 0: not numbered
};

enum class Outcome : std::uint8_t { Unknown, Ok, Failed };

struct Status {
  Outcome outcome = Outcome::Unknown;
  std::uint32_t code = 0;
  std::string_view name;  // a literal
};

// One message of a protocol, as its parser understood it. Views are good during the call only.
struct Message {
  Kind kind = Kind::OneWay;
  // Finds the request of a response: what is equal in both and, among what is under way in one
  // direction of one flow, only there. A protocol without such a number says 0: in order.
  std::uint64_t key = 0;
  // How many responses a request has: 1, or more than that when it says so (0: until one says
  // `last`). What arrives beyond that is a response without its request.
  bool last = true;
  Operation operation;
  Operation sub_operation;
  Access access = Access::None;
  std::optional<std::uint32_t> unit;  // unit id, slot, station, common address
  std::span<const Object> objects;    // at most kMaxObjects; the first is what it is about most
  Status status;                      // of responses, and of what reports failure by itself
  std::uint32_t bytes = 0;            // of user data, without headers
};

// Parsers leave out objects beyond this many, and say so by an issue.
inline constexpr std::size_t kMaxObjects = 64;

}  // namespace dissect
