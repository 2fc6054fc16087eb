#include "dissect/described/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace dissect::described {

namespace {

struct Binary {
  std::string_view sign;
  Op op;
  int rank;  // binds the tighter the higher
};
// Of two that begin alike, the longer first.
constexpr Binary kBinaries[] = {
    {"||", Op::Either, 1},   {"&&", Op::Both, 2},      {"==", Op::Equal, 6},
    {"!=", Op::Differs, 6},  {"<=", Op::LessEqual, 7}, {">=", Op::GreaterEqual, 7},
    {"<<", Op::Left, 8},     {">>", Op::Right, 8},     {"<", Op::Less, 7},
    {">", Op::Greater, 7},   {"|", Op::Or, 3},         {"^", Op::Xor, 4},
    {"&", Op::And, 5},       {"+", Op::Add, 9},        {"-", Op::Subtract, 9},
    {"*", Op::Multiply, 10}, {"/", Op::Divide, 10},    {"%", Op::Remainder, 10},
};

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::int64_t divide(std::int64_t a, std::int64_t b, bool remainder) {
  if (b == 0) return 0;
  if (b == -1) return remainder ? 0 : number(0 - bits(a));  // the least number has no opposite
  return remainder ? a % b : a / b;
}

std::int64_t apply(Op op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case Op::Multiply:
      return number(bits(a) * bits(b));
    case Op::Divide:
      return divide(a, b, false);
    case Op::Remainder:
      return divide(a, b, true);
    case Op::Add:
      return number(bits(a) + bits(b));
    case Op::Subtract:
      return number(bits(a) - bits(b));
    case Op::Left:
      return b < 0 || b > 63 ? 0 : number(bits(a) << b);
    case Op::Right:
      return b < 0 || b > 63 ? 0 : number(bits(a) >> b);
    case Op::Less:
      return a < b ? 1 : 0;
    case Op::LessEqual:
      return a <= b ? 1 : 0;
    case Op::Greater:
      return a > b ? 1 : 0;
    case Op::GreaterEqual:
      return a >= b ? 1 : 0;
    case Op::Equal:
      return a == b ? 1 : 0;
    case Op::Differs:
      return a != b ? 1 : 0;
    case Op::And:
      return a & b;
    case Op::Xor:
      return a ^ b;
    case Op::Or:
      return a | b;
    case Op::Both:
      return a != 0 && b != 0 ? 1 : 0;
    case Op::Either:
      return a != 0 || b != 0 ? 1 : 0;
    default:
      std::unreachable();
  }
}

}  // namespace

// Precedence climbing. Each level of nesting needs a value of its own, so that the bound on the
// stack bounds the recursion as well.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, Expression::Scope& scope) : text_(text), scope_(scope) {}

  base::Result<Expression> parse() {
    TRY(operation(1));
    blanks();
    if (at_ != text_.size()) return failed("does not end here");
    return Expression(std::move(steps_));
  }

 private:
  std::unexpected<base::Error> failed(std::string_view problem) const {
    return base::fail(base::Code::Malformed, "expression", static_cast<std::int64_t>(at_),
                      fmt::format("\"{}\", character {}: {}", text_, at_ + 1, problem));
  }

  void blanks() {
    while (at_ < text_.size() && text_[at_] == ' ')
      ++at_;
  }

  base::Result<void> step(Expression::Step one) {
    const bool pushes = one.op == Op::Push || one.op == Op::Load;
    const bool binary = one.op >= Op::Multiply;
    if (pushes) ++depth_;
    if (binary) --depth_;
    if (depth_ > Expression::kMostDepth) return failed("too deep");
    if (steps_.size() == Expression::kMostSteps) return failed("too long");
    steps_.push_back(one);
    return {};
  }

  const Binary* binary() const {
    const std::string_view rest = text_.substr(at_);
    const auto* const found = std::ranges::find_if(
        kBinaries, [rest](const Binary& one) { return rest.starts_with(one.sign); });
    return found == std::end(kBinaries) ? nullptr : found;
  }

  base::Result<void> operation(int rank) {
    if (++nesting_ > 4 * static_cast<int>(Expression::kMostDepth)) return failed("too deep");
    TRY(operand());
    for (;;) {
      blanks();
      const Binary* const sign = binary();
      if (sign == nullptr || sign->rank < rank) break;
      at_ += sign->sign.size();
      TRY(operation(sign->rank + 1));
      TRY(step({sign->op, 0, {}}));
    }
    --nesting_;
    return {};
  }

  base::Result<void> operand() {
    if (++nesting_ > 4 * static_cast<int>(Expression::kMostDepth)) return failed("too deep");
    blanks();
    if (at_ == text_.size()) return failed("a number or a name is missing");
    const char c = text_[at_];
    if (c == '-' || c == '~' || c == '!') {
      ++at_;
      TRY(operand());
      TRY(step({c == '-' ? Op::Negate : c == '~' ? Op::Invert : Op::Not, 0, {}}));
    } else if (c == '(') {
      ++at_;
      TRY(operation(1));
      blanks();
      if (at_ == text_.size() || text_[at_] != ')') return failed("a ) is missing");
      ++at_;
    } else if (is_digit(c)) {
      TRY(literal());
    } else if (starts_name(c)) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && (starts_name(text_[at_]) || is_digit(text_[at_])))
        ++at_;
      const Name name = TRY(scope_.find(text_.substr(begin, at_ - begin)));
      TRY(step({Op::Load, 0, name}));
    } else {
      return failed("a number or a name is missing");
    }
    --nesting_;
    return {};
  }

  base::Result<void> literal() {
    std::string_view rest = text_.substr(at_);
    const bool hexadecimal = rest.starts_with("0x");
    if (hexadecimal) rest.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc() || (end != rest.data() + rest.size() && starts_name(*end)))
      return failed("a number that cannot be");
    at_ = static_cast<std::size_t>(end - text_.data());
    return step({Op::Push, number(value), {}});
  }

  std::string_view text_;
  Expression::Scope& scope_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  int nesting_ = 0;
  std::vector<Expression::Step> steps_;
};

base::Result<Expression> Expression::parse(std::string_view text, Scope& scope) {
  return ExpressionParser(text, scope).parse();
}

std::optional<std::int64_t> Expression::constant() const {
  class Nothing final : public Values {
    std::int64_t value_of(Name) const override { return 0; }
  };
  const bool needs_values =
      std::ranges::any_of(steps_, [](const Step& one) { return one.op == Op::Load; });
  if (needs_values) return std::nullopt;
  return evaluate(Nothing());
}

std::int64_t Expression::evaluate(const Values& values) const {
  std::array<std::int64_t, kMostDepth + 1> stack{};
  std::size_t top = 0;  // one past it
  for (const Step& one : steps_) {
    switch (one.op) {
      case Op::Push:
        stack[top++] = one.number;
        break;
      case Op::Load:
        stack[top++] = values.value_of(one.name);
        break;
      case Op::Negate:
        stack[top - 1] = number(0 - bits(stack[top - 1]));
        break;
      case Op::Invert:
        stack[top - 1] = ~stack[top - 1];
        break;
      case Op::Not:
        stack[top - 1] = stack[top - 1] == 0 ? 1 : 0;
        break;
      default:
        --top;
        stack[top - 1] = apply(one.op, stack[top - 1], stack[top]);
    }
  }
  return stack[0];
}

}  // namespace dissect::described
