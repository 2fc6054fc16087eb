#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/message.h"
#include "sigma/engine.h"
#include "sigma/explanation.h"
#include "sigma/record.h"
#include "sigma/rule.h"

namespace sigma {

// Why a rule was not taken.
struct Refusal {
  enum class Kind : std::uint8_t {
    NoEvents,  // a good rule, for a log source that we have no events of
    Wrong,     // a field or value that cannot be
  };
  Kind kind = Kind::Wrong;
  Problem problem;
};

// A field that satisfied a rule.
struct Matched {
  std::string field;    // our name
  std::string value;    // cut after 512 bytes
  std::string pattern;  // the rule's: contains 'xmrig'
  std::string found;    // what of the value that was; empty where no part stands out
};

struct Hit {
  const Rule* rule = nullptr;  // lives as long as the set
  std::vector<Matched> matched;
};

// Rules, compiled for matching: routed by source; of each rule the signs that give it away (a
// literal, how a field begins or ends) are looked for together, and only rules of which one shows
// are judged, what several of them ask once.
class RuleSet {
 public:
  RuleSet();
  ~RuleSet();
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;

  // A rule with the id of an earlier one replaces it; one that is refused does not.
  std::expected<void, Refusal> add(Rule rule);
  // What the filter describes is left out of the rules that it names, of those added so far. Takes
  // effect once for each call. Errors, which say where in the filter: a field that the events do
  // not have, a rule that there is none of or that is for another log source; the others are
  // filtered.
  std::vector<Problem> leave_out(const Filter& filter);
  // After the last add() and leave_out(), and before the first match().
  void build(Engine engine = Engine::Fastest);
  std::size_t size() const;
  // What build() made, in bytes, beside the rules themselves; roughly.
  std::size_t bytes() const;
  // By id or name; nullptr: there is none.
  const Rule* find(std::string_view id_or_name) const;
  // In the order in which they were added. They live as long as the set.
  std::vector<const Rule*> rules() const;

  // Buffers of one thread; reused from event to event.
  class Scratch {
   public:
    Scratch();
    ~Scratch();

   private:
    friend class RuleSet;
    struct State;
    std::unique_ptr<State> state_;
  };

  // Appends the rules that the subject satisfies, in the order in which they were added.
  // Threads: any, each with its own scratch.
  void match(const Subject& subject, Scratch& scratch, std::vector<Hit>& hits) const;
  void match(const schema::Event& event, std::size_t item, Scratch& scratch,
             std::vector<Hit>& hits) const {
    match(Subject(event, item), scratch, hits);
  }

  // How a rule, by id or name, judges the subject. nullopt: there is no such rule, or it does not
  // look at that source. Threads: as match().
  std::optional<Explanation> explain(std::string_view id_or_name, const Subject& subject,
                                     Scratch& scratch) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sigma
