#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "detect/rule_settings.h"
#include "detect/stream.h"

// What people set for detection rules: which are raised and how severe they are, rules of their
// own, and exceptions. Kept in state.db, apart from the rules' files: an update of these changes
// nothing of it.
namespace hub::rules {

struct Options {
  std::string path;  // state.db, or any other SQLite file
  std::size_t max_texts = 10'000;
};

inline constexpr std::size_t kMaxText = 256 * 1024;  // bytes
inline constexpr std::size_t kMaxComment = 4096;     // bytes

struct Setting {
  std::string rule_id;
  detect::RuleSetting setting;
  std::string comment;  // why
  base::WallTime updated;
  std::string updated_by;
  std::string etag;
};

// Absent: as it was. A severity of nullopt: the rule's own.
struct SettingChange {
  std::optional<bool> enabled = {};
  std::optional<std::optional<detect::Severity>> severity = {};
  std::string comment = {};
};

enum class TextKind : std::uint8_t { Rule, Exception };

// A file of Sigma that is kept here: rules and correlations, or one filter.
struct Text {
  std::string id;  // of its first document
  TextKind kind = TextKind::Rule;
  std::string title;  // likewise
  std::string text;
  std::string comment;  // why
  base::WallTime created;
  std::string created_by;
  base::WallTime updated;
  std::string updated_by;
  std::string etag;

  // As problems, listed rules and filters name it: "own/<id>".
  std::string file() const;
};

// A place in a text, and what is wrong there.
struct Wrong {
  base::Error error;                            // Invalid where there are problems
  std::vector<detect::RuleProblem> problems{};  // in the order of the text
};
template <class T>
using Outcome = std::expected<T, Wrong>;

// Threads: any; changes wait for each other, as each reads all rules again.
class Rules {
 public:
  // Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Rules>> open(Options options);
  ~Rules();
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  // Everything that is set, for Stream::load().
  detect::RuleSettings settings(detect::Profile profile) const;
  // Applies every change from now on. It must outlive this; before the first change.
  void attach(detect::Stream& stream, const detect::StreamOptions& options);

  // What all rules that are in force are made of.
  detect::StreamOptions present() const;

  std::vector<Setting> all_settings() const;
  std::optional<Setting> setting(std::string_view rule_id) const;
  // `etag`: what it must be at present; empty: anything. Errors: NotFound (no such rule), Conflict,
  // TooLarge, Io.
  base::Result<Setting> set(std::string_view rule_id, const SettingChange& change,
                            std::string_view etag, std::string_view who, base::WallTime now);

  std::vector<Text> texts(TextKind kind) const;
  base::Result<Text> text(TextKind kind, std::string_view id) const;
  // What the hub would say of the text beside everything else. Filters are checked against the
  // rules that are there.
  Outcome<Text> check(TextKind kind, std::string text) const;
  // Errors: Invalid (with problems), Exists (a text of that id), TooLarge, Full, Io.
  Outcome<Text> create(TextKind kind, std::string text, std::string_view comment,
                       std::string_view who, base::WallTime now);
  // Its id stays. Errors: those of create(), NotFound, Conflict.
  Outcome<Text> replace(TextKind kind, std::string_view id, std::string text,
                        std::string_view comment, std::string_view etag, std::string_view who,
                        base::WallTime now);
  // Errors: NotFound, Conflict, Io.
  base::Result<void> remove(TextKind kind, std::string_view id, std::string_view etag);

 private:
  struct State;
  explicit Rules(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A field and what it is to have, for an exception: all of them must be true, one value of each.
struct Where {
  std::string field;                // CommandLine
  std::string modifiers;            // contains|all; empty: equal
  std::vector<std::string> values;  // as Sigma has them: * and ? are wildcards
};

// A Sigma filter that leaves such events out of the rule. Errors: Invalid (no condition, a name
// that is none), NotFound (the rule), Unsupported (a correlation, which has no events of its own).
base::Result<std::string> exception_text(const detect::Stream& stream, std::string_view rule_id,
                                         std::string_view title, std::span<const Where> where);

}  // namespace hub::rules
