#pragma once

#include <string>
#include <vector>

namespace sigma {

// How a rule judged something, test by test.

struct ExplainedPattern {
  std::string shown;  // as the rule has it: contains 'xmrig'
  bool holds = false;
  std::string found;  // what of a value made it so; empty where no part stands out
};

// field|modifiers: values. Any of the patterns, or all of them; or, negated, none.
struct ExplainedTest {
  std::string field;                // as the rule names it; empty: a keyword
  std::vector<std::string> fields;  // what it is here: Executable; of a keyword several
  std::vector<std::string> values;  // of these; empty: there are none
  std::vector<ExplainedPattern> patterns;
  bool all = false;
  bool negated = false;
  bool holds = false;
  int line = 0;  // in the rule's file
  int column = 0;
};

// A named search: it holds when all tests of one of its alternatives do.
struct ExplainedSelection {
  std::string name;
  bool holds = false;
  std::vector<std::vector<ExplainedTest>> alternatives;
};

// An exception that the rule has.
struct ExplainedFilter {
  std::string id;
  std::string title;
  bool holds = false;  // it leaves this out
  std::vector<ExplainedSelection> selections;
};

struct Explanation {
  bool holds = false;  // with its filters
  bool alone = false;  // without them
  // The log source says what kind of event it means (category: file_delete), and this is one.
  bool of_its_kind = true;
  std::vector<ExplainedSelection> selections;
  std::vector<ExplainedFilter> filters;
};

}  // namespace sigma
