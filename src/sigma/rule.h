#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id.h"

// Sigma rules (specification 2.1.0): parsed here, compiled and matched in rule_set.h.
namespace sigma {

// Texts longer than this are refused, in bytes; so are rules with more values than that.
inline constexpr std::size_t kMaxRuleBytes = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxValues = 20'000;

// What is wrong with a rule, and where: line and column count from 1; 0 when no place is known.
struct Problem {
  int line = 0;
  int column = 0;
  std::string message;
  // "coin.yml:12:9: expected ...", or without the place.
  std::string to_string(std::string_view file) const;
};

enum class Level : std::uint8_t { Informational, Low, Medium, High, Critical };
std::string_view to_string(Level level);

enum class Compare : std::uint8_t {
  Text,  // wildcards * and ?, the whole value
  Regex,
  Cidr,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Exists,
  FieldRef,  // equal to another field
  Null,      // absent or empty
};
enum class Case : std::uint8_t { Insensitive, Sensitive };

// A piece of a text pattern: literal characters, or one of the wildcards.
struct Piece {
  enum class Kind : std::uint8_t { Literal, AnyText, AnyCharacter };
  Kind kind = Kind::Literal;
  std::string text;
  bool operator==(const Piece&) const = default;
};

// One value of a field, modifiers applied. `contains` and the like have become wildcards.
struct Pattern {
  Compare compare = Compare::Text;
  Case letters = Case::Insensitive;
  // Text: any of these. More than one for windash and base64offset.
  std::vector<std::vector<Piece>> variants;
  std::string text;      // Regex with its flags, Cidr, FieldRef: the field
  double number = 0;     // Less...
  bool expected = true;  // Exists
  std::string shown;     // as the rule has it: contains 'xmrig'
};

// field|modifiers: values. All patterns must match, or any one of them.
struct FieldTest {
  std::string field;  // as the rule names it; empty: a keyword, any text of the event
  std::vector<Pattern> patterns;
  bool all = false;
  bool negated = false;  // neq
  int line = 0;
  int column = 0;
};

// A named search: alternatives, of which each is a list of tests that must all be true.
struct Selection {
  std::string name;
  std::vector<std::vector<FieldTest>> alternatives;
};

// A condition over selections, by their index.
struct Condition {
  enum class Kind : std::uint8_t { Selection, And, Or, Not, AtLeast };
  Kind kind = Kind::Selection;
  std::size_t selection = 0;  // Selection
  std::size_t count = 0;      // AtLeast: so many of the operands
  std::vector<Condition> operands = {};
};

struct LogSource {
  std::string product;
  std::string category;
  std::string service;
  int line = 0;
  int column = 0;
};

// What is ours in a rule, under `vedette:`; everything is optional.
struct Extension {
  std::vector<std::string> remediation;  // steps, in order
  std::vector<std::string> aliases;      // names of the same detection elsewhere
  std::vector<std::string> entity;       // fields that say what an alert is about
  std::string why;                       // one sentence: why this is worth a look
};

struct Rule {
  std::string id;  // derived from the title when the rule has none
  std::string title;
  std::string description;
  std::string author;
  std::string license;
  std::string status;
  Level level = Level::Medium;
  std::vector<std::string> tags;
  std::vector<std::string> references;
  std::vector<std::string> false_positives;
  LogSource log_source;
  std::vector<Selection> selections;
  Condition condition;
  Extension vedette;

  // From the tags: attack.t1496.001 -> T1496.001, attack.impact -> Impact.
  std::vector<std::string> techniques() const;
  std::vector<std::string> tactics() const;
};

// The rules of a file (documents separated by ---), and what is wrong with the others.
struct ParsedRules {
  std::vector<Rule> rules;
  std::vector<Problem> problems;
};

// Threads: pure.
ParsedRules parse(std::string_view yaml);

}  // namespace sigma
