#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kql/source.h"
#include "kql/ticks.h"

namespace kql::lex {

enum class TokenKind : std::uint8_t {
  End,
  Name,          // identifier or keyword; also the negated and ~ operators: !in, in~, !has_cs
  String,        // `text` is the content, unescaped
  Long,          // `integer`
  Real,          // `real`
  TimeSpan,      // 5m: `integer` is ticks
  TypedLiteral,  // datetime(...), long(...): `text` is the type's name, `raw` the inside
  Pipe,
  Comma,
  Semicolon,
  Colon,
  Dot,
  DotDot,
  Assign,
  Equal,        // ==
  NotEqual,     // != and <>
  EqualNoCase,  // =~
  NotEqualNoCase,
  Less,
  Greater,
  LessEqual,
  GreaterEqual,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  Arrow,  // =>
  OpenParen,
  CloseParen,
  OpenBracket,
  CloseBracket,
  OpenBrace,
  CloseBrace,
  Invalid,  // already reported
};

struct Token {
  TokenKind kind = TokenKind::End;
  Span span;
  std::string text;
  Span raw;
  std::int64_t integer = 0;
  double real = 0;
};

// For messages: "','", "a name", "the end of the query".
std::string_view describe(TokenKind kind);

}  // namespace kql::lex
