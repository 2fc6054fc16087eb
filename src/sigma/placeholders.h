#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "sigma/rule.h"

// The lists of `expand`: in rules `User|expand: '%admins%'`, beside them a list that is called
// admins.
namespace sigma {

// A list as text: a value a line. Blank lines, and those that begin with #, are none.
std::vector<std::string> read_list(std::string_view text);

// Lists as YAML: a map of names to lists of values. What is there already is replaced.
// Errors: where and what is wrong with it; `placeholders` is as it was.
std::expected<void, Problem> read_lists(std::string_view yaml, Placeholders& placeholders);

// Every text that `value` stands for: each %name% replaced by each value of the list of that name,
// in the order of the lists. A text without placeholders stands for itself, and so does a single %.
// `quote` is applied to what is put in. Errors: a name that there is no list of, an empty list, too
// many texts.
std::expected<std::vector<std::string>, std::string> expand(std::string_view value,
                                                            const Placeholders& placeholders,
                                                            std::string (*quote)(std::string_view));

}  // namespace sigma
