#include "sigma/placeholders.h"

#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "sigma/yaml.h"

namespace sigma {
namespace {

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// The name of the placeholder that begins at the % there; empty: none does.
std::string_view name_at(std::string_view text, std::size_t percent) {
  std::size_t end = percent + 1;
  while (end < text.size() && name_character(text[end]))
    ++end;
  if (end == text.size() || text[end] != '%') return {};
  return text.substr(percent + 1, end - percent - 1);
}

std::unexpected<std::string> no_list(std::string_view name, const Placeholders& placeholders) {
  std::string message = "expected a list for the placeholder '%" + std::string(name) + "%'";
  std::vector<std::string_view> known;
  known.reserve(placeholders.size());
  for (const auto& [list, values] : placeholders)
    known.push_back(list);
  if (const auto near = base::nearest(name, known))
    message += " (did you mean '%" + std::string(*near) + "%'?)";
  return std::unexpected(std::move(message));
}

}  // namespace

std::vector<std::string> read_list(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::string_view value = base::trim(line);
    if (!value.empty() && value.front() != '#') out.emplace_back(value);
  }
  return out;
}

std::expected<void, Problem> read_lists(std::string_view yaml, Placeholders& placeholders) {
  if (yaml.size() > kMaxRuleBytes)
    return std::unexpected(Problem{0, 0, "expected at most 1 MiB of lists"});
  if (!base::is_utf8(yaml)) return std::unexpected(Problem{0, 0, "expected UTF-8 text"});
  Placeholders lists;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsMap())
      return fail_at(root, "expected a map of lists for 'expand', found " + found_in(root));
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) return fail_at(entry.first, "expected the name of a list");
      const std::string name = entry.first.Scalar();
      lists[name] = TRY(read_texts(root, name));
    }
  } catch (const YAML::Exception& exception) {
    return std::unexpected(problem_at(exception.mark, "not YAML: " + exception.msg));
  }
  for (auto& [name, values] : lists)
    placeholders.insert_or_assign(name, std::move(values));
  return {};
}

std::expected<std::vector<std::string>, std::string> expand(
    std::string_view value, const Placeholders& placeholders,
    std::string (*quote)(std::string_view)) {
  std::vector<std::string> texts = {""};
  for (std::size_t at = 0; at < value.size();) {
    const std::string_view name = value[at] == '%' ? name_at(value, at) : std::string_view();
    if (name.empty()) {
      for (std::string& text : texts)
        text += value[at];
      ++at;
      continue;
    }
    const auto list = placeholders.find(name);
    if (list == placeholders.end()) return no_list(name, placeholders);
    if (list->second.empty()) {
      return std::unexpected("expected values in the list of the placeholder '%" +
                             std::string(name) + "%', found none");
    }
    if (texts.size() * list->second.size() > kMaxValues)
      return std::unexpected<std::string>("expected placeholders of at most 20000 values");
    std::vector<std::string> longer;
    longer.reserve(texts.size() * list->second.size());
    for (const std::string& text : texts) {
      for (const std::string& replacement : list->second)
        longer.push_back(text + quote(replacement));
    }
    texts = std::move(longer);
    at += name.size() + 2;
  }
  return texts;
}

}  // namespace sigma
