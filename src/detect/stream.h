#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/alerts.h"
#include "detect/memory.h"
#include "detect/rule_settings.h"
#include "schema/message.h"
#include "sigma/explanation.h"
#include "sigma/record.h"

namespace detect {

// Detection rules that the program carries: content/detections at the time of the build.
struct BuiltinRule {
  std::string_view file;  // "crypto_coin_miner.yml"
  std::string_view text;
};
std::span<const BuiltinRule> builtin_rules();

// Lists for `expand` that it carries: content/intel, a value a line.
struct BuiltinList {
  std::string_view file;  // "attack_tools.txt"
  std::string_view text;
};
std::span<const BuiltinList> builtin_lists();

// A rule that is not in force, and why. `file` is a path, or a name within the program.
struct RuleProblem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;
  bool no_events = false;  // nothing is wrong with it: there are no events that it could look at
  std::string id = {};     // of the rule, where that could be read
  std::string title = {};
  std::string to_string() const;
};

// Who sent an event, and when we got it.
struct Origin {
  std::string_view device_id;
  std::string_view module_id;
  base::WallTime received;
  std::uint64_t sequence = 0;  // of the journal record
};

// What correlations remember, and what they could not. Totals but for the first two.
struct CorrelationCounters {
  std::uint64_t groups = 0;
  std::uint64_t bytes = 0;
  std::uint64_t late = 0;             // occurrences too old to be counted
  std::uint64_t evicted_groups = 0;   // forgotten for want of memory
  std::uint64_t evicted_entries = 0;  // occurrences in these, and of windows that were too full
  std::uint64_t no_number = 0;        // values that were to be summed and are no numbers
};

// What is not known of the commands of processes for want of room. Totals.
struct CommandCounters {
  std::uint64_t cut = 0;                // processes with more commands than are told
  std::uint64_t evicted_processes = 0;  // forgotten as ancestors
  std::uint64_t evicted_downloads = 0;  // forgotten before they could be run
};

struct StreamOptions {
  std::string folder = {};   // of rules, with its folder `lists`; empty: none
  bool folder_rules = true;  // false: only its lists
  bool builtin = true;       // those that the program carries
  RuleSettings settings = {};
  // What detectors beside the rules find: listed with them, and set like them, see admits().
  std::vector<RuleInfo> detectors = {};
};

// What is told of a record beside what of it matched (`matched` is empty); asked for only when a
// rule matches.
using EvidenceOf = std::function<Evidence()>;

// Streaming detections: Sigma rules over events and records as they arrive, less what filters leave
// out, and correlations of what they find. Threads: match() and match_record() by one at a time;
// all else any.
class Stream {
 public:
  // The built-in rules and every *.yml of the folder, in the order of their names; a rule of the
  // folder with the id of a built-in one replaces it. Lists for `expand` are in its folder `lists`;
  // they add to the built-in ones. What cannot be used is reported and left out. An absent folder
  // is fine. Errors: Io (a folder that cannot be read). Then the texts of the settings, likewise.
  // What the settings switch off is not raised.
  static base::Result<std::unique_ptr<Stream>> load(const StreamOptions& options);
  static base::Result<std::unique_ptr<Stream>> load(const std::string& folder);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Reads all of it again. match() goes on with the former rules until the new ones are ready, and
  // takes over between two events: none is missed, and correlations that mean the same remember
  // what they did. Errors: as of load(); the former rules stay.
  base::Result<void> reload();

  // Reloads when the folder has changed since the rules were read, and no more since the last call:
  // nobody is writing just now. Call it every few seconds. Whether it did. Errors: as of load().
  base::Result<bool> follow();

  // Reads everything again with these settings; takes over as after reload(). Errors: as of load();
  // the former settings stay.
  base::Result<void> apply(RuleSettings settings);

  // Whether what a detector found is raised, by the settings; and how severe it is then. What ends
  // an alert always is, and so is what the options do not name. Threads: any.
  bool admits(Finding& finding) const;

  // What it remembers of events is forgotten: as it was when it was loaded. Threads: as match().
  void forget();

  // Appends a finding for each rule that the payload item satisfies, and for each correlation that
  // this, or the time of its receipt, completes. A process that starts is looked at as each of the
  // commands that it runs, too (shell/commands.h): a rule finds one thing in all of them.
  void match(const schema::Event& event, std::size_t item, const Origin& origin,
             std::vector<Finding>& findings);
  // The same of a record that is no event, or of what an event hides (a command). It happened
  // `hits` times.
  void match_record(const sigma::Subject& record, const EvidenceOf& evidence, std::int64_t hits,
                    const Origin& origin, std::vector<Finding>& findings);

  // Nothing that was received before `now` will come any more: judges what correlations wait for.
  // Threads: as match().
  void on_time(base::WallTime now, std::vector<Finding>& findings);

  // How the rule judges the item, or each of the commands of a process that starts, where it looks
  // at these. Events before it are remembered for this as for match(). Empty: there is no such
  // rule, or it does not look at such events. Threads: as match().
  struct Told {
    std::string command;  // empty: the item itself
    std::string where;    // where it stood in the process
    sigma::Explanation explanation;
  };
  std::vector<Told> explain(std::string_view rule_id, const schema::Event& event, std::size_t item,
                            const Origin& origin);

  // Appends what of the correlations' memory changed since the last call; whether there is more,
  // which further calls give. Threads: as match().
  bool save(std::vector<MemoryChange>& changes);
  // Gives back a piece of memory as it was saved, before the first match(). False: it is of no use
  // any more, as its correlation is gone or means something else.
  bool restore(std::string_view key, std::string_view value);

  std::vector<RuleProblem> problems() const;
  // Rules and correlations.
  std::vector<RuleInfo> rules() const;
  std::vector<ListedRule> list() const;
  std::vector<ListedFilter> filters() const;
  // The document of the rule, filter or correlation as it is written. Errors: NotFound, Io.
  base::Result<std::string> document(const std::string& file, int line) const;
  CorrelationCounters correlations() const;
  CommandCounters commands() const;

 private:
  struct State;
  explicit Stream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect
