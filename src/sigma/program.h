#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigma/anchored_index.h"
#include "sigma/decisions.h"
#include "sigma/fields.h"
#include "sigma/matcher.h"
#include "sigma/rule_set.h"
#include "sigma/scanner.h"
#include "sigma/value_set.h"

// Rules made ready for one source; for the sources of this folder.
namespace sigma {

// One pattern and the field that it is matched against; rules that ask the same share it.
struct Leaf {
  std::uint32_t slot = 0;
  std::uint32_t other = 0;  // slot that a FieldRef compares with
  Matcher matcher;
};

// Many such patterns of one field, of which any will do.
struct LeafSet {
  std::uint32_t slot = 0;
  ValueSet values;
};

struct CompiledTest {
  const FieldTest* test = nullptr;
  // By pattern: leaves of which one must hold. Of a keyword one for each field that it is looked
  // for in.
  std::vector<std::vector<std::uint32_t>> leaves;
  Decisions::Id node = 0;
};

// Alternatives, of which each is a list of tests that must all be true.
using CompiledSelection = std::vector<std::vector<CompiledTest>>;

struct CompiledDetection {
  std::vector<CompiledSelection> selections;
  const Condition* condition = nullptr;
};

struct CompiledFilter {
  const Filter* filter = nullptr;
  CompiledDetection detection;
  Decisions::Id node = 0;
};

struct CompiledRule {
  const Rule* rule = nullptr;
  CompiledDetection detection;
  std::vector<std::uint32_t> guard;  // leaves of which one must hold; empty: no guard
  std::vector<CompiledFilter> filters;
  Decisions::Id alone = 0;  // the rule without its filters
  Decisions::Id node = 0;   // all of it
};

// A field that some rule reads, and what is looked for in it to find the rules that may match.
struct Slot {
  FieldReader field;
  AnchoredIndex anchored = {};
  Scanner scanner = {};
  std::vector<std::uint32_t> present = {};  // signs that it has a value at all
};

// Everything for the rules of one source. Rules and filters that were compiled must outlive it.
struct Program {
  Source source = schema::EventName{};
  std::vector<Slot> slots;
  std::deque<Leaf> leaves;
  std::deque<CompiledRule> rules;
  std::vector<std::uint32_t> keywords;  // slots that keywords are looked for in

  // Made by build().
  // Its tests are leaves, and after their numbers sets.
  Decisions decisions;
  std::deque<LeafSet> sets;
  std::vector<std::uint32_t> always;    // rules of which no sign is known
  std::vector<std::uint32_t> searched;  // slots in which there is something to look for
  // Rules that a sign makes candidates: candidates[first[sign]] to candidates[first[sign + 1]].
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> candidates;

  std::expected<CompiledRule, Refusal> compile(const Rule& rule);
  // Leaves out of the rule, which was compiled here, what the filter describes.
  std::expected<void, Refusal> leave_out(const Filter& filter, CompiledRule& rule);
  // After the last change to `rules`.
  void build(Engine engine);
  std::size_t signs() const { return first.empty() ? 0 : first.size() - 1; }
  std::size_t bytes() const;

 private:
  std::uint32_t slot(FieldReader field);
  void add_keyword_slots();
  std::expected<CompiledDetection, Refusal> compile(const std::vector<Selection>& selections,
                                                    const Condition& condition);
  std::expected<std::uint32_t, Refusal> find_slot(const FieldTest& test, std::string_view field);
  std::expected<CompiledTest, Refusal> compile(const FieldTest& test);
  std::expected<std::uint32_t, Refusal> leaf(const FieldTest& test, const Pattern& pattern,
                                             std::uint32_t slot);
  std::expected<void, Refusal> add_guard(CompiledRule& rule);

  static void watch(Slot& slot, Clue::Kind kind, const std::string& text, std::uint32_t sign);
  Decisions::Id node_of(std::uint32_t leaf);
  Decisions::Id node_of_set(std::vector<std::uint32_t> of_leaves);
  Decisions::Id node_of(CompiledTest& test);
  Decisions::Id node_of(CompiledSelection& selection);
  Decisions::Id node_of(CompiledDetection& detection, const Condition& condition);
  Decisions::Id node_of(CompiledRule& rule);
  void add_nodes(CompiledDetection& detection);

  std::map<std::string, std::uint32_t, std::less<>> leaf_ids_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> set_ids_;  // by their leaves
};

}  // namespace sigma
