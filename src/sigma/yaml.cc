#include "sigma/yaml.h"

#include <algorithm>

#include "base/text.h"

namespace sigma {

Problem problem_at(const YAML::Mark& mark, std::string message) {
  if (mark.is_null()) return {0, 0, std::move(message)};
  return {mark.line + 1, mark.column + 1, std::move(message)};
}

std::unexpected<Problem> fail_at(const YAML::Node& node, std::string message) {
  return std::unexpected(problem_at(node.Mark(), std::move(message)));
}

std::string found_in(const YAML::Node& node) {
  if (node.IsMap()) return "a map";
  if (node.IsSequence()) return "a list";
  if (node.IsNull()) return "nothing";
  return "'" + node.Scalar().substr(0, 40) + "'";
}

Mention mention(const YAML::Node& scalar) {
  return {scalar.Scalar(), scalar.Mark().line + 1, scalar.Mark().column + 1};
}

std::expected<std::string, Problem> read_text(const YAML::Node& parent, const std::string& key) {
  const YAML::Node node = parent[key];
  if (!node || node.IsNull()) return std::string();
  if (!node.IsScalar())
    return fail_at(node, "expected '" + key + "' to be text, found " + found_in(node));
  return std::string(base::trim(node.Scalar()));
}

std::expected<std::vector<Mention>, Problem> read_mentions(const YAML::Node& parent,
                                                           const std::string& key) {
  std::vector<Mention> out;
  const YAML::Node node = parent[key];
  if (!node || node.IsNull()) return out;
  if (node.IsScalar()) {
    out.push_back(mention(node));
    return out;
  }
  if (!node.IsSequence())
    return fail_at(node, "expected '" + key + "' to be a list, found " + found_in(node));
  for (const auto& entry : node) {
    if (!entry.IsScalar())
      return fail_at(entry, "expected text in '" + key + "', found " + found_in(entry));
    if (out.size() == kMaxValues)
      return fail_at(entry, "expected at most 20000 values in '" + key + "'");
    out.push_back(mention(entry));
  }
  return out;
}

std::expected<std::vector<std::string>, Problem> read_texts(const YAML::Node& parent,
                                                            const std::string& key) {
  std::vector<std::string> out;
  for (Mention& one : TRY(read_mentions(parent, key)))
    out.push_back(std::move(one.text));
  return out;
}

std::expected<void, Problem> check_keys(const YAML::Node& map, std::string_view what,
                                        std::span<const std::string_view> known) {
  for (const auto& entry : map) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : found_in(entry.first);
    if (std::ranges::find(known, key) != known.end()) continue;
    std::string message = "expected a key of '" + std::string(what) + "', found '" + key + "'";
    if (const auto near = base::nearest(key, known)) {
      message += " (did you mean '" + std::string(*near) + "'?)";
    } else {
      message += "; known are";
      for (const std::string_view name : known)
        message += " " + std::string(name);
    }
    return fail_at(entry.first, std::move(message));
  }
  return {};
}

}  // namespace sigma
