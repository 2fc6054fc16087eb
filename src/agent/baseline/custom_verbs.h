#pragma once

#include <span>
#include <string_view>

#include "agent/baseline/custom.h"

namespace agent::baseline {

// How a command of the original format is judged.
struct CustomVerb {
  std::string_view name;
  base::Result<Outcome> (*judge)(Facts& facts, const CustomCheck& check);
};
std::span<const CustomVerb> custom_line_verbs();
std::span<const CustomVerb> custom_file_verbs();
std::span<const CustomVerb> custom_system_verbs();
std::span<const CustomVerb> custom_docker_verbs();
const CustomVerb* find_custom_verb(std::string_view name);

// Errors: Unsupported (a type that is not known).
base::Result<bool> is_met(const Dependency& dependency, Facts& facts);

// What the line commands share: the lines that `filter` selects (all without one) are judged by
// `regex`. Errors: of the expressions.
enum class LineRule : std::uint8_t {
  Any,        // at least one selected line matches
  All,        // each alternative of the expression matches some selected line
  None,       // no selected line matches
  NoneLacks,  // no selected line goes without a match
};
base::Result<Outcome> judge_lines(const std::vector<std::string>& lines, const CustomCheck& check,
                                  LineRule rule, std::string_view where);
std::vector<std::string> lines_of(std::string_view text);

// Owner, group and mode of one file against the check's attributes; empty: all right.
std::string judge_stats(Facts& facts, const std::string& path, const FileFacts& file,
                        const CustomCheck& check);

}  // namespace agent::baseline
