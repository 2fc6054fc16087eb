#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id.h"

// Sigma (specification 2.1.0): rules, correlations of rules, and filters. Parsed here; rules and
// filters are compiled and matched in rule_set.h, correlations run in correlator.h, library.h joins
// all three.
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
  Equal,  // as numbers
  Exists,
  FieldRef,  // equal to another field
  Null,      // absent or empty
};
enum class Case : std::uint8_t { Insensitive, Sensitive };
// What of a date is compared; None: the value itself.
enum class TimePart : std::uint8_t { None, Minute, Hour, Day, Week, Month, Year };

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
  std::string text;   // Regex with its flags, Cidr, FieldRef: the field
  double number = 0;  // Less... and Equal
  TimePart part = TimePart::None;
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

// How an alert differs where hubs use another catalogue's names and severities.
struct ProfileEntry {
  std::optional<Level> severity;
  std::string title;  // empty: the rule's own
};

// What is ours in a rule, under `vedette:`; everything is optional.
struct Extension {
  std::vector<std::string> remediation;          // steps, in order
  std::vector<std::string> aliases;              // names of the same detection elsewhere
  std::vector<std::string> entity;               // fields that say what an alert is about
  std::string why;                               // one sentence: why this is worth a look
  std::map<std::string, ProfileEntry> profiles;  // by name: micro_agent
};

// What rules, correlations and filters say about themselves.
struct Description {
  std::string id;    // derived from the title when there is none
  std::string name;  // for correlations and filters to refer to; may be empty
  std::string title;
  std::string description;
  std::string author;
  std::string license;
  std::string status;
  Level level = Level::Medium;
  std::vector<std::string> tags;
  std::vector<std::string> references;
  std::vector<std::string> false_positives;
  int line = 0;  // where its document begins
  int column = 0;

  // From the tags: attack.t1496.001 -> T1496.001, attack.impact -> Impact.
  std::vector<std::string> techniques() const;
  std::vector<std::string> tactics() const;
};

struct Rule : Description {
  LogSource log_source;
  std::vector<Selection> selections;
  Condition condition;
  Extension vedette;
};

// A name or a field with its place, for problems that show only when everything is known.
struct Mention {
  std::string text;
  int line = 0;
  int column = 0;
};

// What the rules it names are not to be raised for: `rule and not condition`.
struct Filter : Description {
  LogSource log_source;
  std::vector<Mention> rules;  // by id or name; empty: all of the log source
  std::vector<Selection> selections;
  Condition condition;
};

enum class CorrelationType : std::uint8_t {
  EventCount,
  ValueCount,
  Temporal,
  TemporalOrdered,
  ValueSum,
  ValueAvg,
  ValuePercentile,
};
std::string_view to_string(CorrelationType type);  // "event_count"

// What is counted, compared with a number. All bounds of a correlation must hold.
struct Bound {
  enum class Kind : std::uint8_t { Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual };
  Kind kind = Kind::GreaterEqual;
  double number = 0;
  bool holds(double value) const;
  bool operator==(const Bound&) const = default;
};

// Another name for fields that are called differently in the events of several rules.
struct Alias {
  Mention name;
  std::vector<std::pair<Mention, Mention>> fields;  // rule, by id or name; its field
};

// Hits of rules, seen together. It runs over what the rules find, correlations among them.
struct Correlation : Description {
  CorrelationType type = CorrelationType::EventCount;
  std::vector<Mention> rules;  // by id or name; for TemporalOrdered in that order
  std::vector<Mention> group_by;
  std::vector<Alias> aliases;
  std::chrono::nanoseconds timespan{0};
  std::vector<Bound> bounds;
  std::vector<Mention> fields;       // value_*: what is counted; several only for ValueCount
  std::optional<double> percentile;  // ValuePercentile; absent: the share of the event's own value
  bool generate = false;  // the rules of its file that it names are also raised by themselves
  Extension vedette;
};

// Lists of values by their names, which `expand` puts in the place of %name%.
using Placeholders = std::map<std::string, std::vector<std::string>, std::less<>>;

// What a file holds (documents separated by ---), and what is wrong with the rest.
struct ParsedRules {
  std::vector<Rule> rules;
  std::vector<Filter> filters;
  std::vector<Correlation> correlations;
  std::vector<Problem> problems;
};

// Threads: pure.
ParsedRules parse(std::string_view yaml, const Placeholders& placeholders = {});

}  // namespace sigma
