#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sigma/explanation.h"
#include "sigma/id_set.h"
#include "sigma/program.h"

// Rules of a program judged for one subject; for the sources of this folder.
namespace sigma {

// Memory that is used again from subject to subject.
struct Workspace {
  // Values of a field, looked up and lowered when first needed.
  struct SlotText {
    std::uint64_t round = 0;  // in which it was read
    bool lowered = false;
    std::span<const std::string_view> values;  // empty: it does not have the field
    FieldText text;
    std::vector<std::string> lower;  // of the values; may be longer
  };
  std::uint64_t round = 0;
  std::vector<SlotText> texts;
  IdSet signs;
  IdSet candidates;
  Known known;
  ScanScratch scan;
};

class Evaluation {
 public:
  // All must outlive it. `workspace.scan` is prepared for the program's scanners.
  Evaluation(const Program& program, const Subject& subject, Workspace& workspace);

  // Rules that may match, in the order in which they were added: no other does.
  std::span<const std::uint32_t> candidates();
  bool holds(Decisions::Id node) { return program_.decisions.holds(node, workspace_.known, *this); }
  // What speaks for a rule that holds: the tests of the selections that are true and not negated.
  void collect(const CompiledRule& rule, std::vector<Matched>& out);
  // How it came to be.
  Explanation explain(const CompiledRule& rule);

  // Whether the leaf or, after the leaves, the set holds; for Decisions.
  bool operator()(std::uint32_t test);

 private:
  using SlotText = Workspace::SlotText;

  SlotText& slot_text(std::uint32_t slot);
  std::span<const std::string_view> values(std::uint32_t slot) { return slot_text(slot).values; }
  const std::vector<std::string>& lower(std::uint32_t slot);
  std::optional<std::size_t> matching(const Leaf& leaf);
  bool holds(const std::vector<CompiledTest>& tests);
  bool any_holds(const std::vector<std::uint32_t>& leaves);
  void collect(const CompiledDetection& detection, const Condition& condition,
               std::vector<Matched>& out);
  void collect(const CompiledTest& test, std::vector<Matched>& out);
  bool collect(const CompiledTest& test, std::size_t pattern, std::uint32_t leaf,
               std::vector<Matched>& out);
  ExplainedSelection explain(const Selection& selection, const CompiledSelection& compiled);
  ExplainedTest explain(const CompiledTest& test);
  std::vector<ExplainedSelection> explain(const std::vector<Selection>& selections,
                                          const CompiledDetection& detection);

  const Program& program_;
  const Subject& subject_;
  Workspace& workspace_;
};

}  // namespace sigma
