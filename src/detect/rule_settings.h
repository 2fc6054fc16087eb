#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/alerts.h"

// What people decide about detection rules, whatever the rules' files say, and what can be told of
// the rules that are there.
namespace detect {

// Whose names and severities alerts have, where a rule says that they differ.
enum class Profile : std::uint8_t { Classic, MicroAgent };
std::string_view to_string(Profile profile);  // "classic", "micro_agent"
std::optional<Profile> parse_profile(std::string_view text);

// A file of rules, filters or correlations that lies in no folder.
struct RuleText {
  std::string name;  // for messages: "own/1b6a3b0e-....yml"
  std::string text;
};

struct RuleSetting {
  bool enabled = true;                 // false: it is not raised; what is built upon it goes on
  std::optional<Severity> severity{};  // in the place of the rule's own
};

struct RuleSettings {
  Profile profile = Profile::Classic;
  std::map<std::string, RuleSetting, std::less<>> rules = {};  // by id
  std::vector<RuleText> texts = {};  // read after the folder: rules of people's own, exceptions
};

// Detector: no Sigma, but what remembers more than that can say (detect/detector.h).
enum class RuleKind : std::uint8_t { Rule, Correlation, Detector };
enum class RuleOrigin : std::uint8_t { Builtin, Folder, Own };
std::string_view to_string(RuleKind kind);      // "rule"
std::string_view to_string(RuleOrigin origin);  // "builtin"

// A rule or correlation that can run, or what a detector finds: that has no file.
struct ListedRule {
  RuleInfo info;     // as alerts carry it: profile and severity as they are set
  std::string name;  // by which others may refer to it; may be empty
  RuleKind kind = RuleKind::Rule;
  RuleOrigin origin = RuleOrigin::Builtin;
  std::string file;
  int line = 0;             // where its document begins
  bool enabled = true;      // as it is set
  bool part = false;        // it only serves a correlation of its file
  Severity own_severity{};  // what it has without the setting
  std::string product;      // of its log source, as the next two
  std::string category;
  std::string service;
  std::string status;  // "stable"
  std::vector<std::string> references;
  std::vector<std::string> tags;
  std::vector<std::string> builds_on;  // of a correlation: ids or names of its rules
};

// A filter that is in force: what its rules are not raised for.
struct ListedFilter {
  std::string id;
  std::string title;
  std::string description;
  RuleOrigin origin = RuleOrigin::Folder;
  std::string file;
  int line = 0;
  std::vector<std::string> rules;  // ids of them; empty: all of its log source
};

// The document of a rule file in which the line is, as it is written; empty: there is none.
std::string document_at(std::string_view text, int line);

}  // namespace detect
