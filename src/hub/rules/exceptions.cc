// Exceptions that are given as conditions, as Sigma's filters.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "hub/rules/rules.h"

namespace hub::rules {

using base::Code;
using base::fail;
using base::Result;

namespace {

// A name of a field or of modifiers: nothing that could be more of YAML.
bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '|';
  });
}

Result<std::string> selection_text(std::span<const Where> where) {
  if (where.empty())
    return fail(Code::Invalid, "conditions", -1, "expected at least one, found none");
  std::string out;
  for (const Where& one : where) {
    const std::string key = one.field + (one.modifiers.empty() ? "" : "|" + one.modifiers);
    if (!is_plain(key) || one.field.empty() || one.field.find('|') != std::string::npos)
      return fail(Code::Invalid, "conditions", -1,
                  "expected the name of a field, found '" + key + "'");
    if (one.values.empty())
      return fail(Code::Invalid, "conditions", -1, "expected a value for " + one.field);
    out += "    " + key + ":\n";
    // JSON's strings are YAML's, too.
    for (const std::string& value : one.values)
      out += "      - " + base::json::quoted(value) + "\n";
  }
  return out;
}

}  // namespace

Result<std::string> exception_text(const detect::Stream& stream, std::string_view rule_id,
                                   std::string_view title, std::span<const Where> where) {
  const auto rules = stream.list();
  const auto found =
      std::ranges::find_if(rules, [&](const auto& one) { return one.info.id == rule_id; });
  if (found == rules.end()) return fail(Code::NotFound, "there is no such rule");
  if (found->kind == detect::RuleKind::Detector)
    return fail(Code::Unsupported, "a detector takes no exceptions", -1,
                "suppress its alerts, or switch it off");
  if (found->kind == detect::RuleKind::Correlation) {
    std::string below;
    for (const std::string& one : found->builds_on)
      below += (below.empty() ? "" : ", ") + one;
    return fail(Code::Unsupported, "a correlation has no events of its own", -1,
                "make the exception for a rule that it is built on: " + below);
  }
  const std::string selection = TRY(selection_text(where));
  std::string source;
  for (const auto& [key, value] :
       {std::pair<std::string_view, const std::string*>{"product", &found->product},
        {"category", &found->category},
        {"service", &found->service}}) {
    if (!value->empty()) source += fmt::format("  {}: {}\n", key, base::json::quoted(*value));
  }
  return fmt::format(
      "title: {}\nid: {}\nlogsource:\n{}filter:\n  rules:\n    - {}\n  selection:\n{}"
      "  condition: selection\n",
      base::json::quoted(title), base::Guid::random().to_string(), source, rule_id, selection);
}

}  // namespace hub::rules
