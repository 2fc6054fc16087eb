#include <algorithm>
#include <array>
#include <cctype>

#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "sigma/condition.h"
#include "sigma/pattern.h"
#include "sigma/rule.h"

namespace sigma {
namespace {

constexpr int kMaxDepth = 8;

constexpr std::array<std::string_view, 18> kRuleKeys = {
    "title",  "id",      "name",      "status",         "description", "license",
    "author", "date",    "modified",  "references",     "tags",        "logsource",
    "fields", "related", "detection", "falsepositives", "level",       "vedette"};
constexpr std::array<std::string_view, 4> kExtensionKeys = {"remediation", "aliases", "entity",
                                                            "why"};
constexpr std::array<std::string_view, 5> kLevels = {"informational", "low", "medium", "high",
                                                     "critical"};

Problem problem_at(const YAML::Mark& mark, std::string message) {
  if (mark.is_null()) return {0, 0, std::move(message)};
  return {mark.line + 1, mark.column + 1, std::move(message)};
}

// Reads one document; ends at the first thing that is wrong.
class Reader {
 public:
  using Outcome = std::expected<void, Problem>;

  explicit Reader(const YAML::Node& root) : root_(root) {}

  std::expected<Rule, Problem> run() {
    for (auto step : {&Reader::shape, &Reader::head, &Reader::level, &Reader::lists,
                      &Reader::log_source, &Reader::extension, &Reader::detection}) {
      if (auto outcome = (this->*step)(); !outcome)
        return std::unexpected(std::move(outcome).error());
    }
    return std::move(rule_);
  }

 private:
  static std::unexpected<Problem> fail(const YAML::Node& node, std::string message) {
    return std::unexpected(problem_at(node.Mark(), std::move(message)));
  }
  static std::string found(const YAML::Node& node) {
    if (node.IsMap()) return "a map";
    if (node.IsSequence()) return "a list";
    if (node.IsNull()) return "nothing";
    return "'" + node.Scalar().substr(0, 40) + "'";
  }

  Outcome shape() {
    if (!root_.IsMap())
      return fail(root_, "expected a rule, which is a map, found " + found(root_));
    if (root_["correlation"])
      return fail(root_["correlation"], "correlation rules are not supported");
    if (root_["filter"]) return fail(root_["filter"], "filters are not supported");
    for (const std::string key : {"title", "logsource", "detection"}) {
      if (root_[key]) continue;
      std::string message = "expected '" + key + "', which every rule has";
      // A key that is nearly it was probably meant to be it.
      for (const auto& entry : root_) {
        const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
        const std::array<std::string_view, 1> wanted = {key};
        const bool known = std::ranges::find(kRuleKeys, name) != kRuleKeys.end();
        if (known || !base::nearest(name, wanted)) continue;
        message += "; found '";
        message += name;
        message += "'";
        return fail(entry.first, std::move(message));
      }
      return fail(root_, std::move(message));
    }
    return {};
  }

  std::expected<std::string, Problem> text(const YAML::Node& parent, const std::string& key) {
    const YAML::Node node = parent[key];
    if (!node || node.IsNull()) return std::string();
    if (!node.IsScalar())
      return fail(node, "expected '" + key + "' to be text, found " + found(node));
    return std::string(base::trim(node.Scalar()));
  }

  std::expected<std::vector<std::string>, Problem> texts(const YAML::Node& parent,
                                                         const std::string& key) {
    std::vector<std::string> out;
    const YAML::Node node = parent[key];
    if (!node || node.IsNull()) return out;
    if (node.IsScalar()) return std::vector{node.Scalar()};
    if (!node.IsSequence())
      return fail(node, "expected '" + key + "' to be a list, found " + found(node));
    for (const auto& entry : node) {
      if (!entry.IsScalar())
        return fail(entry, "expected text in '" + key + "', found " + found(entry));
      out.push_back(entry.Scalar());
    }
    return out;
  }

  Outcome head() {
    rule_.title = TRY(text(root_, "title"));
    if (rule_.title.empty()) return fail(root_["title"], "expected a title, found nothing");
    rule_.description = TRY(text(root_, "description"));
    rule_.author = TRY(text(root_, "author"));
    rule_.license = TRY(text(root_, "license"));
    rule_.status = TRY(text(root_, "status"));
    rule_.id = TRY(text(root_, "id"));
    if (rule_.id.empty()) {
      rule_.id = base::Guid::derived("sigma rule", rule_.title).to_string();
    } else if (const auto guid = base::Guid::parse(rule_.id)) {
      rule_.id = guid->to_string();
    } else {
      return fail(root_["id"], "expected 'id' to be a UUID, found '" + rule_.id + "'");
    }
    return {};
  }

  Outcome level() {
    const std::string level = TRY(text(root_, "level"));
    if (level.empty()) return {};
    const auto known = std::ranges::find(kLevels, level);
    if (known == kLevels.end()) {
      return fail(root_["level"],
                  "expected 'level' to be informational, low, medium, high or critical, found '" +
                      level + "'");
    }
    rule_.level = static_cast<Level>(known - kLevels.begin());
    return {};
  }

  Outcome lists() {
    rule_.tags = TRY(texts(root_, "tags"));
    rule_.references = TRY(texts(root_, "references"));
    rule_.false_positives = TRY(texts(root_, "falsepositives"));
    return {};
  }

  Outcome log_source() {
    const YAML::Node node = root_["logsource"];
    if (!node.IsMap()) return fail(node, "expected 'logsource' to be a map, found " + found(node));
    LogSource& source = rule_.log_source;
    source.product = TRY(text(node, "product"));
    source.category = TRY(text(node, "category"));
    source.service = TRY(text(node, "service"));
    source.line = node.Mark().line + 1;
    source.column = node.Mark().column + 1;
    return {};
  }

  Outcome extension() {
    const YAML::Node node = root_["vedette"];
    if (!node) return {};
    if (!node.IsMap()) return fail(node, "expected 'vedette' to be a map, found " + found(node));
    for (const auto& entry : node) {
      const std::string key = entry.first.Scalar();
      if (std::ranges::find(kExtensionKeys, key) != kExtensionKeys.end()) continue;
      std::string message = "expected remediation, aliases, entity or why, found '" + key + "'";
      if (const auto near = base::nearest(key, kExtensionKeys))
        message += " (did you mean '" + std::string(*near) + "'?)";
      return fail(entry.first, std::move(message));
    }
    rule_.vedette.remediation = TRY(texts(node, "remediation"));
    rule_.vedette.aliases = TRY(texts(node, "aliases"));
    rule_.vedette.entity = TRY(texts(node, "entity"));
    rule_.vedette.why = TRY(text(node, "why"));
    return {};
  }

  Outcome detection() {
    const YAML::Node node = root_["detection"];
    if (!node.IsMap()) return fail(node, "expected 'detection' to be a map, found " + found(node));
    for (const auto& entry : node) {
      const std::string name = entry.first.Scalar();
      if (name == "condition" || name == "timeframe") continue;
      Selection selection{name, {}};
      TRY(alternatives(entry.second, selection, 0));
      if (selection.alternatives.empty())
        return fail(entry.second, "expected '" + name + "' to search for something");
      rule_.selections.push_back(std::move(selection));
    }
    const YAML::Node condition = node["condition"];
    if (!condition) return fail(node, "expected 'condition' in 'detection'");
    if (!condition.IsSequence()) {
      rule_.condition = TRY(read_condition(condition));
      return {};
    }
    rule_.condition.kind = Condition::Kind::Or;
    for (const auto& entry : condition)
      rule_.condition.operands.push_back(TRY(read_condition(entry)));
    if (rule_.condition.operands.empty())
      return fail(condition, "expected a condition, found an empty list");
    return {};
  }

  std::expected<Condition, Problem> read_condition(const YAML::Node& node) {
    if (!node.IsScalar())
      return fail(node, "expected 'condition' to be text, found " + found(node));
    auto parsed = parse_condition(node.Scalar(), rule_.selections);
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
    if (depth > kMaxDepth) return fail(node, "expected at most 8 levels of lists");
    if (node.IsMap()) return map_alternative(node, selection);
    if (!node.IsSequence() && !node.IsScalar()) {
      return fail(node, "expected a map of fields, a list or text, found " + found(node));
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
      return fail(key_node, "expected the name of a field, found " + found(key_node));
    const FieldKey key = split_key(key_node.Scalar());
    FieldTest test;
    test.field = key.field;
    test.all = std::ranges::find(key.modifiers, "all") != key.modifiers.end();
    test.negated = std::ranges::find(key.modifiers, "neq") != key.modifiers.end();
    test.line = key_node.Mark().line + 1;
    test.column = key_node.Mark().column + 1;
    if (values.IsSequence()) {
      for (const auto& entry : values)
        TRY(add_value(entry, key.modifiers, test.patterns));
      if (test.patterns.empty())
        return fail(values, "expected a value for '" + key.field + "', found an empty list");
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
      return fail(node, "expected a value, found " + found(node));
    if (++values_ > kMaxValues) return fail(node, "expected at most 20000 values in a rule");
    auto pattern = make_pattern({node.IsNull() ? "" : node.Scalar(), node.IsNull()}, modifiers);
    if (!pattern) return fail(node, std::move(pattern).error());
    patterns.push_back(std::move(*pattern));
    return {};
  }

  const YAML::Node& root_;
  Rule rule_;
  std::size_t values_ = 0;
};

// "privilege-escalation" -> "PrivilegeEscalation", as Log Analytics writes tactics.
std::string tactic_name(std::string_view tag) {
  std::string out;
  bool capital = true;
  for (const char c : tag) {
    if (c == '-' || c == '_' || c == ' ') {
      capital = true;
      continue;
    }
    out += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    capital = false;
  }
  return out;
}

bool is_technique(std::string_view tag) {
  return tag.size() >= 5 && tag[0] == 't' && tag[1] >= '0' && tag[1] <= '9';
}
// Groups and software are tagged too: attack.g0049, attack.s0029.
bool is_group_or_software(std::string_view tag) {
  return tag.size() == 5 && (tag[0] == 'g' || tag[0] == 's') &&
         base::parse_int(tag.substr(1)).has_value();
}

}  // namespace

std::string Problem::to_string(std::string_view file) const {
  if (line == 0) return std::string(file) + ": " + message;
  return std::string(file) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
         message;
}

std::string_view to_string(Level level) {
  return kLevels[static_cast<std::size_t>(level)];
}

std::vector<std::string> Rule::techniques() const {
  std::vector<std::string> out;
  for (const std::string& tag : tags) {
    const std::string lower = base::to_lower(tag);
    if (!lower.starts_with("attack.") || !is_technique(std::string_view(lower).substr(7))) continue;
    out.push_back("T" + lower.substr(8));
  }
  return out;
}

std::vector<std::string> Rule::tactics() const {
  std::vector<std::string> out;
  for (const std::string& tag : tags) {
    const std::string lower = base::to_lower(tag);
    if (!lower.starts_with("attack.")) continue;
    const std::string_view name = std::string_view(lower).substr(7);
    if (name.empty() || is_technique(name) || is_group_or_software(name)) continue;
    out.push_back(tactic_name(name));
  }
  return out;
}

ParsedRules parse(std::string_view yaml) {
  ParsedRules parsed;
  if (yaml.size() > kMaxRuleBytes) {
    parsed.problems.push_back({0, 0, "expected at most 1 MiB of rules"});
    return parsed;
  }
  if (!base::is_utf8(yaml)) {
    parsed.problems.push_back({0, 0, "expected UTF-8 text"});
    return parsed;
  }
  try {
    for (const YAML::Node& document : YAML::LoadAll(std::string(yaml))) {
      if (document.IsNull()) continue;
      auto rule = Reader(document).run();
      if (rule) {
        parsed.rules.push_back(std::move(*rule));
      } else {
        parsed.problems.push_back(std::move(rule).error());
      }
    }
  } catch (const YAML::Exception& exception) {
    parsed.problems.push_back(problem_at(exception.mark, "not YAML: " + exception.msg));
  }
  if (parsed.rules.empty() && parsed.problems.empty())
    parsed.problems.push_back({1, 1, "expected a rule, found nothing"});
  return parsed;
}

}  // namespace sigma
