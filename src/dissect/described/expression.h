#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dissect::described {

// How a description calculates: whole numbers of 64 bits, with the operators of C and their
// precedence. Numbers wrap around; what is divided by 0 gives 0; shifts of 64 and more give 0.

// What a name in an expression stands for.
struct Name {
  enum class Kind : std::uint8_t {
    Slot,        // a field's value
    Size,        // `size`: bytes of the whole message
    Left,        // `left`: bytes that are not read yet, here
    At,          // `at`: where reading is, from the message's beginning
    Next,        // `next`: the byte that comes next; -1: there is none
    FromServer,  // `from_server`: 1 when the side that serves sent it
  };
  Kind kind = Kind::Slot;
  std::uint16_t slot = 0;
};

// Where an expression finds its numbers.
class Values {
 public:
  virtual ~Values() = default;
  virtual std::int64_t value_of(Name name) const = 0;
};

enum class Op : std::uint8_t {
  Push,
  Load,
  Negate,
  Invert,
  Not,
  Multiply,
  Divide,
  Remainder,
  Add,
  Subtract,
  Left,
  Right,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Equal,
  Differs,
  And,
  Xor,
  Or,
  Both,
  Either,
};

class Expression {
 public:
  static constexpr std::size_t kMostSteps = 128;
  static constexpr std::size_t kMostDepth = 16;

  // What names there are is the caller's. Errors: Malformed, with what is wrong in the detail.
  class Scope {
   public:
    virtual ~Scope() = default;
    // Errors: NotFound, with what is wrong in the detail.
    virtual base::Result<Name> find(std::string_view name) = 0;
  };
  static base::Result<Expression> parse(std::string_view text, Scope& scope);
  static Expression constant(std::int64_t value) { return Expression({{Op::Push, value, {}}}); }

  // Ends in bounded time. Threads: pure.
  std::int64_t evaluate(const Values& values) const;
  // When it needs no values.
  std::optional<std::int64_t> constant() const;

 private:
  friend class ExpressionParser;
  struct Step {
    Op op = Op::Push;
    std::int64_t number = 0;
    Name name;
  };
  explicit Expression(std::vector<Step> steps) : steps_(std::move(steps)) {}

  std::vector<Step> steps_;  // in reverse Polish order; at most kMostDepth values at a time
};

}  // namespace dissect::described
