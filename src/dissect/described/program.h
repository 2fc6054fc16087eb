#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dissect/described/checksum.h"
#include "dissect/described/expression.h"
#include "dissect/evidence.h"
#include "dissect/message.h"
#include "dissect/protocol.h"
#include "dissect/sink.h"

// What a description becomes: statements in blocks, which Machine carries out. Everything that
// can be wrong with a description was found before there is a Program.
namespace dissect::described {

inline constexpr std::size_t kMostSlots = 256;
inline constexpr std::size_t kMostStatements = 4096;
inline constexpr std::size_t kMostNesting = 16;
inline constexpr std::size_t kMostRemembered = 4;    // values of one request
inline constexpr std::uint32_t kMostRounds = 1024;   // of a repetition
inline constexpr std::uint32_t kMostSteps = 16'384;  // statements carried out for one message
inline constexpr std::size_t kMostFrame = kMaxPdu;

using BlockId = std::uint32_t;
using SlotId = std::uint16_t;

struct Entry {
  std::int64_t code = 0;
  std::string name;
  Access access = Access::None;
};
// Sorted by code.
using Enumeration = std::vector<Entry>;

// What is known of a field before any message is there.
struct Slot {
  enum class Kind : std::uint8_t { Number, Real, Text, Bytes };
  std::string name;
  Kind kind = Kind::Number;
  const Enumeration* names = nullptr;  // of the Program, which may be moved
};

struct Range {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

// Literal text, then a slot's value; the last may be only one of them.
struct Piece {
  enum class Form : std::uint8_t { None, Plain, Hex, Name };
  std::string literal;
  Form form = Form::None;
  SlotId slot = 0;
};
using Template = std::vector<Piece>;

struct Bits {
  SlotId slot = 0;
  std::uint8_t shift = 0;
  std::uint64_t mask = 0;
};

struct ReadField {
  enum class Type : std::uint8_t { Unsigned, Signed, Real, Bytes, Text, TextZ };
  SlotId slot = 0;
  Type type = Type::Unsigned;
  std::uint8_t width = 0;  // bytes of a number
  bool little = false;
  bool show = true;
  std::optional<Expression> length;  // Bytes, Text; none: all that is left
  std::vector<Bits> bits;
  std::vector<Range> is;  // empty: anything
  std::string is_text;    // Text; empty: anything
  std::string otherwise;  // what is wrong if it is not
};
struct Skip {
  Expression count;
};
struct Let {
  SlotId slot = 0;
  Expression value;
  bool show = false;
};
struct If {
  Expression condition;
  BlockId then = 0;
  std::optional<BlockId> otherwise;
};
struct Case {
  Range range;
  BlockId block = 0;
};
struct Switch {
  Expression value;
  std::vector<Case> cases;  // sorted, apart
  std::optional<BlockId> otherwise;
};
// While there are bytes left, the condition holds and the count is not reached.
struct Repeat {
  BlockId block = 0;
  std::optional<Expression> times;
  std::optional<Expression> condition;
  std::uint32_t most = 64;
};
struct Within {
  Expression count;
  BlockId block = 0;
};
struct Use {
  BlockId block = 0;
};
// Begins a message, or says more of the one that was begun.
struct Tell {
  std::optional<Kind> kind;  // begins one
  std::optional<Expression> key;
  std::optional<SlotId> operation;
  std::optional<SlotId> sub_operation;
  std::string name;  // of the operation, where it has no field
  std::optional<Expression> code;
  std::optional<Access> access;
  std::optional<Expression> unit;
  std::optional<Expression> bytes;
  std::optional<Expression> last;
};
struct AddObject {
  std::string space;
  Template name;
  std::optional<Expression> first;
  std::optional<Expression> count;
};
struct SetStatus {
  SlotId slot = 0;
  std::vector<Range> ok;
};
struct TellFact {
  Fact fact = Fact::Name;
  Template value;
  Confidence confidence = Confidence::Protocol;
  About about = About::Sender;
  std::optional<Expression> rack;
  std::optional<Expression> slot;
};
struct Report {
  Issue::Kind kind = Issue::Kind::Violation;
  std::string what;
  std::optional<Expression> code;
};
struct Check {
  SlotId slot = 0;
  Checksum kind = Checksum::Sum8;
  bool little = false;
  std::optional<Expression> at;  // none: here, and reading goes on behind it
  std::optional<Expression> from;
  std::optional<Expression> to;
};
struct Require {
  Expression condition;
  std::string otherwise;
};
struct Remember {
  Expression key;
  std::vector<SlotId> slots;  // at most kMostRemembered; the same in all of a description
};
struct Recall {
  Expression key;
  std::vector<SlotId> slots;
  std::optional<SlotId> found;
};

using Statement =
    std::variant<ReadField, Skip, Let, If, Switch, Repeat, Within, Use, Tell, AddObject, SetStatus,
                 TellFact, Report, Check, Require, Remember, Recall>;

// How a stream divides into messages.
struct Framing {
  enum class Kind : std::uint8_t { None, Size, End };
  Kind kind = Kind::None;
  std::optional<BlockId> read;     // Size: what is read before
  std::optional<Expression> size;  // Size
  std::vector<std::uint8_t> end;   // End: the last bytes
  std::vector<Range> begin;        // the first byte; empty: any
  std::size_t most = kMostFrame;
};

struct Escape {
  std::uint8_t sign = 0;
  std::uint8_t most = 255;  // before a byte above that, the sign stands for itself
  std::uint8_t add = 0;
  std::uint8_t exclusive_or = 0;
};

struct Program {
  std::string name;
  std::string title;
  bool industrial = true;
  std::vector<Transport> transports;
  std::vector<std::uint16_t> ports;
  std::vector<std::uint16_t> selectors;
  Framing framing;
  std::optional<Escape> escape;
  BlockId message = 0;
  std::optional<BlockId> probe;
  Match match = Match::Likely;  // what a fitting message is
  std::map<std::string, Enumeration, std::less<>> enumerations;
  std::vector<Slot> slots;
  std::vector<std::vector<Statement>> blocks;
};

}  // namespace dissect::described
