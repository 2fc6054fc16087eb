#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/fields.h"
#include "sigma/literal_index.h"
#include "sigma/matcher.h"
#include "sigma/rule_set.h"

// Rules made ready for one kind of event; for the sources of this folder.
namespace sigma {

// Literals, in lower case, of which at least one occurs in every event that satisfies something;
// nullopt when nothing is known.
using Witness = std::optional<std::vector<std::string>>;

inline constexpr std::size_t kAnyField = static_cast<std::size_t>(-1);  // of a keyword

struct CompiledTest {
  std::size_t slot = kAnyField;
  std::vector<Matcher> matchers;
  std::vector<std::size_t> others;  // slot that a FieldRef compares with, by matcher
  bool all = false;
  bool negated = false;
};

using Alternatives = std::vector<std::vector<CompiledTest>>;

struct CompiledRule {
  const Rule* rule = nullptr;
  std::vector<Alternatives> selections;
  Witness witness;
};

struct Slot {
  std::string name;
  schema::FieldRef field;
};

// Everything for the rules of one kind of event.
struct Program {
  schema::EventName event{};
  std::vector<Slot> slots;
  std::deque<CompiledRule> rules;
  std::vector<std::uint32_t> always;  // rules without a witness
  LiteralIndex index;

  // The rule must outlive the program.
  std::expected<CompiledRule, Refusal> compile(const Rule& rule);
  // After the last change to `rules`: always and index.
  void build();

 private:
  std::size_t slot(const std::string& name);
  std::expected<std::size_t, Refusal> find_slot(const FieldTest& test, std::string_view field);
  std::expected<CompiledTest, Refusal> compile(const FieldTest& test);
};

}  // namespace sigma
