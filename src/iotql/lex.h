#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/json.h"
#include "iotql/ast.h"

namespace iotql {

enum class TokenKind : std::uint8_t { End, Name, Text, Number, Symbol };

struct Token {
  TokenKind kind = TokenKind::End;
  Span span;
  // A name as written, the content of a text, or a symbol: <> is !=.
  std::string text;
  base::json::Value number;

  bool is(std::string_view symbol) const { return kind == TokenKind::Symbol && text == symbol; }
  // A name whatever its case.
  bool is_word(std::string_view word) const;
};

// What is wrong at a place of the text.
struct Fault {
  std::string message;
  Span span;
};
template <class T>
using Lexed = std::expected<T, Fault>;

// Cuts a query into tokens, one at a time, since what stands between [[ and ]] depends on what came
// before. The text must outlive it.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Lexed<Token> next();
  // After the token "[" with another one just behind it: the name up to "]]".
  Lexed<std::string> bracketed_name();
  bool at_bracket() const { return at_ < text_.size() && text_[at_] == '['; }
  std::size_t offset() const { return at_; }

 private:
  Lexed<void> skip_blanks();
  Lexed<std::string> text(char quote);
  Lexed<void> escape(std::string& out);
  Lexed<std::uint32_t> four_digits();
  Lexed<Token> number();
  std::unexpected<Fault> fault(std::string message, std::size_t from,
                               std::size_t length = 1) const {
    return std::unexpected(Fault{std::move(message), {from, length}});
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace iotql
