#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "detect/rule_settings.h"
#include "detect/stream.h"
#include "sigma/library.h"

// Where rules come from, and what can be told of them; for the sources of this folder.
namespace detect {

// All rules that the options name, put together. Errors: Io (a folder that cannot be read).
base::Result<sigma::Library> read_library(const StreamOptions& options);

// Names, sizes and times of the files that rules are read from: changes when they do.
std::string look_of(const std::string& folder);

// What can be told of a library, by any thread.
struct Shown {
  std::vector<ListedRule> rules;  // and correlations
  std::vector<ListedFilter> filters;
  std::vector<RuleProblem> problems;
  std::unordered_map<std::string, std::size_t> by_id;  // index into rules

  // Of a rule that is there.
  const RuleInfo& info(const std::string& id) const { return rules[by_id.at(id)].info; }
};
std::shared_ptr<const Shown> show(const sigma::Library& library, const StreamOptions& options);

// Rules that are set not to be raised become silent. After show().
void silence(sigma::Library& library, const RuleSettings& settings);

// The text of a rule file that the options name. Errors: NotFound, Io.
base::Result<std::string> read_rule_file(const StreamOptions& options, std::string_view file);

}  // namespace detect
