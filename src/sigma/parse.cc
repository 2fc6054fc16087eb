#include <algorithm>
#include <array>
#include <cctype>

#include "base/id.h"
#include "base/text.h"
#include "sigma/correlation_reader.h"
#include "sigma/detection.h"
#include "sigma/rule.h"
#include "sigma/yaml.h"

namespace sigma {
namespace {

using Outcome = std::expected<void, Problem>;
using Keys = std::span<const std::string_view>;

// A document may have keys of its own; one that is nearly one of these was probably meant to be it.
constexpr std::array<std::string_view, 23> kKeys = {
    "title",  "id",      "name",        "status",     "description", "license",
    "author", "date",    "modified",    "references", "tags",        "logsource",
    "fields", "related", "taxonomy",    "scope",      "detection",   "falsepositives",
    "level",  "vedette", "correlation", "generate",   "filter"};
constexpr std::array<std::string_view, 5> kExtensionKeys = {"remediation", "aliases", "entity",
                                                            "why", "profiles"};
constexpr std::array<std::string_view, 1> kProfiles = {"micro_agent"};
constexpr std::array<std::string_view, 2> kProfileKeys = {"severity", "title"};
constexpr std::array<std::string_view, 5> kLevels = {"informational", "low", "medium", "high",
                                                     "critical"};
constexpr std::array<std::string_view, 3> kLogSourceKeys = {"product", "category", "service"};
constexpr std::array<std::string_view, 1> kDetectionOthers = {"timeframe"};
constexpr std::array<std::string_view, 1> kFilterOthers = {"rules"};

bool known(std::string_view key) {
  return std::ranges::find(kKeys, key) != kKeys.end();
}

Outcome require(const YAML::Node& root, const std::string& key, std::string_view what) {
  if (root[key]) return {};
  std::string message = "expected '" + key + "', which every " + std::string(what) + " has";
  const std::array<std::string_view, 1> wanted = {key};
  for (const auto& entry : root) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (known(name) || !base::nearest(name, wanted)) continue;
    message += "; found '";
    message += name;
    message += "'";
    return fail_at(entry.first, std::move(message));
  }
  return fail_at(root, std::move(message));
}

// A letter too many or too few, or two of them: a slip. More is a key of somebody's own.
Outcome check_slips(const YAML::Node& root) {
  for (const auto& entry : root) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (known(name) || name.size() < 4) continue;
    const auto near = base::nearest(name, kKeys);
    if (!near || root[std::string(*near)] || near->front() != name.front()) continue;
    return fail_at(entry.first, "expected a key of Sigma or one unlike them, found '" + name +
                                    "' (did you mean '" + std::string(*near) + "'?)");
  }
  return {};
}

// The level that a key holds; nullopt: it is not there.
std::expected<std::optional<Level>, Problem> read_level(const YAML::Node& parent,
                                                        const std::string& key) {
  const std::string level = TRY(read_text(parent, key));
  if (level.empty()) return std::nullopt;
  const auto found = std::ranges::find(kLevels, base::to_lower(level));
  if (found == kLevels.end()) {
    return fail_at(parent[key],
                   "expected '" + key +
                       "' to be informational, low, medium, high or critical, found '" + level +
                       "'");
  }
  return static_cast<Level>(found - kLevels.begin());
}

Outcome read_description(const YAML::Node& root, std::string_view kind, Description& out) {
  out.line = root.Mark().line + 1;
  out.column = root.Mark().column + 1;
  out.title = TRY(read_text(root, "title"));
  if (out.title.empty()) return fail_at(root["title"], "expected a title, found nothing");
  out.name = TRY(read_text(root, "name"));
  out.description = TRY(read_text(root, "description"));
  out.author = TRY(read_text(root, "author"));
  out.license = TRY(read_text(root, "license"));
  out.status = TRY(read_text(root, "status"));
  out.id = TRY(read_text(root, "id"));
  if (out.id.empty()) {
    out.id = base::Guid::derived("sigma " + std::string(kind), out.title).to_string();
  } else if (const auto guid = base::Guid::parse(out.id)) {
    out.id = guid->to_string();
  } else {
    return fail_at(root["id"], "expected 'id' to be a UUID, found '" + out.id + "'");
  }
  const auto level = TRY(read_level(root, "level"));
  out.level = level.value_or(Level::Medium);
  out.tags = TRY(read_texts(root, "tags"));
  out.references = TRY(read_texts(root, "references"));
  out.false_positives = TRY(read_texts(root, "falsepositives"));
  return {};
}

Outcome read_log_source(const YAML::Node& root, LogSource& out) {
  const YAML::Node node = root["logsource"];
  if (!node.IsMap())
    return fail_at(node, "expected 'logsource' to be a map, found " + found_in(node));
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const auto near = base::nearest(key, kLogSourceKeys);
    if (std::ranges::find(kLogSourceKeys, key) != kLogSourceKeys.end() || !near) continue;
    return fail_at(entry.first, "expected product, category or service, found '" + key +
                                    "' (did you mean '" + std::string(*near) + "'?)");
  }
  out.product = TRY(read_text(node, "product"));
  out.category = TRY(read_text(node, "category"));
  out.service = TRY(read_text(node, "service"));
  out.line = node.Mark().line + 1;
  out.column = node.Mark().column + 1;
  return {};
}

Outcome read_profiles(const YAML::Node& extension, Extension& out) {
  const YAML::Node node = extension["profiles"];
  if (!node) return {};
  if (!node.IsMap())
    return fail_at(node, "expected 'profiles' to be a map, found " + found_in(node));
  TRY(check_keys(node, "profiles", kProfiles));
  for (const auto& entry : node) {
    if (!entry.second.IsMap()) {
      return fail_at(entry.second, "expected a profile to be a map of severity and title, found " +
                                       found_in(entry.second));
    }
    TRY(check_keys(entry.second, "a profile", kProfileKeys));
    ProfileEntry& profile = out.profiles[entry.first.Scalar()];
    profile.severity = TRY(read_level(entry.second, "severity"));
    profile.title = TRY(read_text(entry.second, "title"));
  }
  return {};
}

Outcome read_extension(const YAML::Node& root, Extension& out) {
  const YAML::Node node = root["vedette"];
  if (!node) return {};
  if (!node.IsMap())
    return fail_at(node, "expected 'vedette' to be a map, found " + found_in(node));
  TRY(check_keys(node, "vedette", kExtensionKeys));
  out.remediation = TRY(read_texts(node, "remediation"));
  out.aliases = TRY(read_texts(node, "aliases"));
  out.entity = TRY(read_texts(node, "entity"));
  out.why = TRY(read_text(node, "why"));
  TRY(read_profiles(node, out));
  return {};
}

std::expected<Rule, Problem> read_rule(const YAML::Node& root, const Placeholders& placeholders) {
  for (const char* key : {"title", "logsource", "detection"})
    TRY(require(root, key, "rule"));
  TRY(check_slips(root));
  Rule rule;
  TRY(read_description(root, "rule", rule));
  TRY(read_log_source(root, rule.log_source));
  TRY(read_extension(root, rule.vedette));
  const YAML::Node node = root["detection"];
  if (!node.IsMap())
    return fail_at(node, "expected 'detection' to be a map, found " + found_in(node));
  Detection detection = TRY(read_detection(node, kDetectionOthers, placeholders));
  rule.selections = std::move(detection.selections);
  rule.condition = std::move(detection.condition);
  return rule;
}

std::expected<Filter, Problem> read_filter(const YAML::Node& root,
                                           const Placeholders& placeholders) {
  for (const char* key : {"title", "logsource"})
    TRY(require(root, key, "filter"));
  TRY(check_slips(root));
  Filter filter;
  TRY(read_description(root, "filter", filter));
  TRY(read_log_source(root, filter.log_source));
  const YAML::Node node = root["filter"];
  if (!node.IsMap()) return fail_at(node, "expected 'filter' to be a map, found " + found_in(node));
  filter.rules = TRY(read_mentions(node, "rules"));
  if (filter.rules.empty()) {
    return fail_at(node,
                   "expected 'rules' in 'filter': ids or names of rules, or 'any' for all of the "
                   "log source");
  }
  if (filter.rules.size() == 1 && filter.rules.front().text == "any") filter.rules.clear();
  Detection detection = TRY(read_detection(node, kFilterOthers, placeholders));
  filter.selections = std::move(detection.selections);
  filter.condition = std::move(detection.condition);
  // Both ways of writing mean the same: the specification's example says what to leave out
  // (`selection`), others say what to keep (`not selection`).
  if (filter.condition.kind == Condition::Kind::Not) {
    Condition left_out = std::move(filter.condition.operands.front());
    filter.condition = std::move(left_out);
  }
  return filter;
}

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

std::vector<std::string> Description::techniques() const {
  std::vector<std::string> out;
  for (const std::string& tag : tags) {
    const std::string lower = base::to_lower(tag);
    if (!lower.starts_with("attack.") || !is_technique(std::string_view(lower).substr(7))) continue;
    out.push_back("T" + lower.substr(8));
  }
  return out;
}

std::vector<std::string> Description::tactics() const {
  std::vector<std::string> out;
  for (const std::string& tag : tags) {
    const std::string lower = base::to_lower(tag);
    if (!lower.starts_with("attack.")) continue;
    const std::string_view tactic = std::string_view(lower).substr(7);
    if (tactic.empty() || is_technique(tactic) || is_group_or_software(tactic)) continue;
    out.push_back(tactic_name(tactic));
  }
  return out;
}

namespace {

struct Document {
  int line = 0;  // lines before it
  std::string_view text;
};

// Divides at the lines that start with ---. Not by the library, which may find documents without
// end in a text that is none. Source: YAML 1.2, 9.1.2 (such a line is a marker even in a scalar).
std::vector<Document> documents_of(std::string_view yaml) {
  std::vector<Document> out = {{0, yaml.substr(0, 0)}};
  int line = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < yaml.size(); ++line) {
    const std::size_t end = std::min(yaml.find('\n', at), yaml.size() - 1) + 1;
    const std::string_view text = yaml.substr(at, end - at);
    if (text.starts_with("---") && (text.size() == 3 || text.find_first_of(" \t\r\n") == 3)) {
      out.push_back({line, {}});
      begin = at;
    }
    at = end;
    out.back().text = yaml.substr(begin, at - begin);
  }
  return out;
}

// Places count from the beginning of the file.
void shift(std::vector<Mention>& mentions, int lines) {
  for (Mention& mention : mentions)
    mention.line += lines;
}

void shift(std::vector<Selection>& selections, int lines) {
  for (Selection& selection : selections) {
    for (auto& tests : selection.alternatives) {
      for (FieldTest& test : tests)
        test.line += lines;
    }
  }
}

void shift(Correlation& correlation, int lines) {
  correlation.line += lines;
  for (auto* mentions : {&correlation.rules, &correlation.group_by, &correlation.fields})
    shift(*mentions, lines);
  for (Alias& alias : correlation.aliases) {
    alias.name.line += lines;
    for (auto& [rule, field] : alias.fields) {
      rule.line += lines;
      field.line += lines;
    }
  }
}

// What a document has given, `lines` behind the beginning of the file.
void append(ParsedRules&& document, int lines, ParsedRules& out) {
  for (Rule& rule : document.rules) {
    rule.line += lines;
    rule.log_source.line += lines;
    shift(rule.selections, lines);
    out.rules.push_back(std::move(rule));
  }
  for (Filter& filter : document.filters) {
    filter.line += lines;
    filter.log_source.line += lines;
    shift(filter.rules, lines);
    shift(filter.selections, lines);
    out.filters.push_back(std::move(filter));
  }
  for (Correlation& correlation : document.correlations) {
    shift(correlation, lines);
    out.correlations.push_back(std::move(correlation));
  }
  for (Problem& problem : document.problems) {
    if (problem.line > 0) problem.line += lines;
    out.problems.push_back(std::move(problem));
  }
}

std::expected<Correlation, Problem> read_correlation_rule(const YAML::Node& root) {
  for (const char* key : {"title", "correlation"})
    TRY(require(root, key, "correlation"));
  TRY(check_slips(root));
  Correlation correlation;
  TRY(read_description(root, "correlation", correlation));
  TRY(read_extension(root, correlation.vedette));
  TRY(read_correlation(root, correlation));
  return correlation;
}

Outcome read_document(const YAML::Node& root, const Placeholders& placeholders,
                      ParsedRules& parsed) {
  if (!root.IsMap())
    return fail_at(root, "expected a rule, which is a map, found " + found_in(root));
  if (root["correlation"]) {
    parsed.correlations.push_back(TRY(read_correlation_rule(root)));
  } else if (root["filter"]) {
    parsed.filters.push_back(TRY(read_filter(root, placeholders)));
  } else {
    parsed.rules.push_back(TRY(read_rule(root, placeholders)));
  }
  return {};
}

void parse_document(std::string_view text, const Placeholders& placeholders, ParsedRules& parsed) {
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    if (document.IsNull()) return;
    if (auto outcome = read_document(document, placeholders, parsed); !outcome)
      parsed.problems.push_back(std::move(outcome).error());
  } catch (const YAML::Exception& exception) {
    parsed.problems.push_back(problem_at(exception.mark, "not YAML: " + exception.msg));
  }
}

}  // namespace

ParsedRules parse(std::string_view yaml, const Placeholders& placeholders) {
  ParsedRules parsed;
  if (yaml.size() > kMaxRuleBytes) {
    parsed.problems.push_back({0, 0, "expected at most 1 MiB of rules"});
    return parsed;
  }
  if (!base::is_utf8(yaml)) {
    parsed.problems.push_back({0, 0, "expected UTF-8 text"});
    return parsed;
  }
  for (const auto& [line, text] : documents_of(yaml)) {
    ParsedRules document;
    parse_document(text, placeholders, document);
    append(std::move(document), line, parsed);
  }
  const bool nothing =
      parsed.rules.empty() && parsed.filters.empty() && parsed.correlations.empty();
  if (nothing && parsed.problems.empty())
    parsed.problems.push_back({1, 1, "expected a rule, found nothing"});
  return parsed;
}

}  // namespace sigma
