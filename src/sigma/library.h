#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigma/correlator.h"
#include "sigma/rule.h"
#include "sigma/rule_set.h"

namespace sigma {

// Why something in a file is not in force.
struct FileProblem {
  std::string file;
  Problem problem;
  bool no_events = false;  // nothing is wrong with it: there are no events that it could look at
  std::string id = {};     // of what is not in force, where that could be read
  std::string title = {};
};

// All that is in force together.
struct Library {
  explicit Library(Correlator::Options options) : correlator(options) {}

  RuleSet rules;  // with what filters leave out of them
  Correlator correlator;
  std::vector<FileProblem> problems;
  // Ids of rules and correlations that only serve a correlation of their own file, and are not to
  // be raised by themselves.
  std::set<std::string, std::less<>> silent;
  // The file of each rule and correlation that is in force, by id.
  std::map<std::string, std::string, std::less<>> files;
  std::vector<std::pair<std::string, Filter>> filters;  // in force, with their files

  // Correlations remember nothing any more.
  void forget();
};

// Puts rules, filters and correlations of many files together. What stands in a later file replaces
// what has the same id in an earlier one, unless it is wrong. Threads: one at a time.
class LibraryBuilder {
 public:
  explicit LibraryBuilder(Placeholders placeholders = {}, Correlator::Options options = {});

  void add(const std::string& file, std::string_view text);
  void add_problem(FileProblem problem);
  Library build() &&;

 private:
  template <class Kind>
  struct InFile {
    std::string file;
    Kind what;
  };
  // A rule that is not in force, for those that refer to it.
  struct Refused {
    std::string id;
    std::string name;
    std::string reason;
    bool no_events = false;
  };

  void add_rule(const std::string& file, Rule rule);
  void leave_out();
  void link();
  FileProblem explain(const Unlinked& unlinked, const std::string& file) const;
  void find_silent();

  Placeholders placeholders_;
  Library library_;
  std::vector<InFile<Filter>> filters_;
  std::vector<InFile<Correlation>> correlations_;
  std::vector<Refused> refused_;
  std::vector<std::pair<std::string, std::string>> rule_files_;  // id and file
};

}  // namespace sigma
