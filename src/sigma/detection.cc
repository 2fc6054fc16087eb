#include "sigma/detection.h"

#include <algorithm>

#include <re2/re2.h>

#include "sigma/condition.h"
#include "sigma/pattern.h"
#include "sigma/placeholders.h"

namespace sigma {
namespace {

constexpr int kMaxDepth = 8;

std::string as_it_is(std::string_view text) {
  return std::string(text);
}
std::string quoted_for_regex(std::string_view text) {
  return RE2::QuoteMeta(re2::StringPiece(text.data(), text.size()));
}

bool has(const std::vector<std::string>& modifiers, std::string_view name) {
  return std::ranges::find(modifiers, name) != modifiers.end();
}

class Reader {
 public:
  using Outcome = std::expected<void, Problem>;

  explicit Reader(const Placeholders& placeholders) : placeholders_(placeholders) {}

  std::expected<Detection, Problem> read(const YAML::Node& map,
                                         std::span<const std::string_view> others) {
    for (const auto& entry : map) {
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (name == "condition" || std::ranges::find(others, name) != others.end()) continue;
      Selection selection{name, {}};
      TRY(alternatives(entry.second, selection, 0));
      if (selection.alternatives.empty())
        return fail_at(entry.second, "expected '" + name + "' to search for something");
      detection_.selections.push_back(std::move(selection));
    }
    TRY(conditions(map));
    return std::move(detection_);
  }

 private:
  Outcome conditions(const YAML::Node& map) {
    const YAML::Node condition = map["condition"];
    if (!condition) return fail_at(map, "expected 'condition' beside the selections");
    if (!condition.IsSequence()) {
      detection_.condition = TRY(read_condition(condition));
      return {};
    }
    detection_.condition.kind = Condition::Kind::Or;
    for (const auto& entry : condition)
      detection_.condition.operands.push_back(TRY(read_condition(entry)));
    if (detection_.condition.operands.empty())
      return fail_at(condition, "expected a condition, found an empty list");
    return {};
  }

  std::expected<Condition, Problem> read_condition(const YAML::Node& node) const {
    if (!node.IsScalar())
      return fail_at(node, "expected 'condition' to be text, found " + found_in(node));
    auto parsed = parse_condition(node.Scalar(), detection_.selections);
    if (parsed) return std::move(*parsed);
    Problem problem = problem_at(node.Mark(), "condition: " + parsed.error().message);
    // A quoted text begins one character later; a text of several lines keeps its beginning.
    const bool one_line = node.Scalar().find('\n') == std::string::npos;
    if (one_line)
      problem.column += static_cast<int>(parsed.error().offset) + (node.Tag() == "!" ? 1 : 0);
    return std::unexpected(std::move(problem));
  }

  // A map is one alternative, a list holds several, text is a keyword.
  Outcome alternatives(const YAML::Node& node, Selection& selection, int depth) {
    if (depth > kMaxDepth) return fail_at(node, "expected at most 8 levels of lists");
    if (node.IsMap()) return map_alternative(node, selection);
    if (!node.IsSequence() && !node.IsScalar()) {
      return fail_at(node, "expected a map of fields, a list or text, found " + found_in(node));
    }
    std::vector<Pattern> keywords;
    if (node.IsScalar()) {
      TRY(add_value(node, {}, keywords));
    } else {
      for (const auto& entry : node) {
        if (entry.IsScalar()) {
          TRY(add_value(entry, {}, keywords));
        } else {
          TRY(alternatives(entry, selection, depth + 1));
        }
      }
    }
    if (!keywords.empty()) {
      selection.alternatives.push_back({keyword_test(node, std::move(keywords), false)});
    }
    return {};
  }

  Outcome map_alternative(const YAML::Node& node, Selection& selection) {
    std::vector<FieldTest> tests;
    for (const auto& entry : node)
      tests.push_back(TRY(field_test(entry.first, entry.second)));
    if (!tests.empty()) selection.alternatives.push_back(std::move(tests));
    return {};
  }

  static FieldTest keyword_test(const YAML::Node& node, std::vector<Pattern> patterns, bool all) {
    for (Pattern& pattern : patterns) {
      // A keyword may stand anywhere in a text.
      if (pattern.compare != Compare::Text) continue;
      const Piece any{Piece::Kind::AnyText, ""};
      for (std::vector<Piece>& pieces : pattern.variants) {
        if (pieces.empty() || pieces.front() != any) pieces.insert(pieces.begin(), any);
        if (pieces.back() != any) pieces.push_back(any);
      }
      if (pattern.shown.starts_with("is ")) pattern.shown = "contains " + pattern.shown.substr(3);
    }
    FieldTest test;
    test.patterns = std::move(patterns);
    test.all = all;
    test.line = node.Mark().line + 1;
    test.column = node.Mark().column + 1;
    return test;
  }

  std::expected<FieldTest, Problem> field_test(const YAML::Node& key_node,
                                               const YAML::Node& values) {
    if (!key_node.IsScalar())
      return fail_at(key_node, "expected the name of a field, found " + found_in(key_node));
    const FieldKey key = split_key(key_node.Scalar());
    FieldTest test;
    test.field = key.field;
    test.all = has(key.modifiers, "all");
    test.negated = has(key.modifiers, "neq");
    test.line = key_node.Mark().line + 1;
    test.column = key_node.Mark().column + 1;
    if (values.IsSequence()) {
      for (const auto& entry : values)
        TRY(add_value(entry, key.modifiers, test.patterns));
      if (test.patterns.empty())
        return fail_at(values, "expected a value for '" + key.field + "', found an empty list");
    } else {
      TRY(add_value(values, key.modifiers, test.patterns));
    }
    if (!test.field.empty()) return test;
    FieldTest keyword = keyword_test(key_node, std::move(test.patterns), test.all);
    keyword.negated = test.negated;
    return keyword;
  }

  Outcome add_value(const YAML::Node& node, const std::vector<std::string>& modifiers,
                    std::vector<Pattern>& patterns) {
    if (!node.IsScalar() && !node.IsNull())
      return fail_at(node, "expected a value, found " + found_in(node));
    if (++values_ > kMaxValues) return fail_at(node, "expected at most 20000 values in a rule");
    if (has(modifiers, "expand") && node.IsScalar()) return add_expanded(node, modifiers, patterns);
    auto pattern = make_pattern({node.IsNull() ? "" : node.Scalar(), node.IsNull()}, modifiers);
    if (!pattern) return fail_at(node, std::move(pattern).error());
    patterns.push_back(std::move(*pattern));
    return {};
  }

  // The value stands for several, of which any may match: also where all values must.
  Outcome add_expanded(const YAML::Node& node, const std::vector<std::string>& modifiers,
                       std::vector<Pattern>& patterns) {
    const bool regex = has(modifiers, "re");
    auto texts = expand(node.Scalar(), placeholders_, regex ? quoted_for_regex : as_it_is);
    if (!texts) return fail_at(node, std::move(texts).error());
    values_ += texts->size() - 1;
    if (values_ > kMaxValues) return fail_at(node, "expected at most 20000 values in a rule");
    std::vector<Pattern> expanded;
    for (const std::string& text : *texts) {
      auto pattern = make_pattern({text, false}, modifiers);
      if (!pattern) return fail_at(node, std::move(pattern).error());
      expanded.push_back(std::move(*pattern));
    }
    if (!has(modifiers, "all") || expanded.size() == 1) {
      std::ranges::move(expanded, std::back_inserter(patterns));
      return {};
    }
    Pattern any = std::move(expanded.front());
    for (std::size_t i = 1; i < expanded.size(); ++i) {
      Pattern& next = expanded[i];
      if (any.compare == Compare::Regex) {
        any.text += "|" + next.text;
      } else if (any.compare == Compare::Text) {
        std::ranges::move(next.variants, std::back_inserter(any.variants));
      } else {
        return fail_at(node, "expected 'expand' with 'all' on texts and regular expressions only");
      }
    }
    any.shown += " or another of '" + node.Scalar() + "'";
    patterns.push_back(std::move(any));
    return {};
  }

  const Placeholders& placeholders_;
  Detection detection_;
  std::size_t values_ = 0;
};

}  // namespace

std::expected<Detection, Problem> read_detection(const YAML::Node& map,
                                                 std::span<const std::string_view> others,
                                                 const Placeholders& placeholders) {
  return Reader(placeholders).read(map, others);
}

}  // namespace sigma
