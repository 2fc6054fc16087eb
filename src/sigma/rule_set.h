#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/message.h"
#include "sigma/rule.h"

namespace sigma {

// Which of our events a log source means, and what its fields are called there.
std::optional<schema::EventName> event_of(const LogSource& source);
// The name in our schema of a field that a rule for that event names: Image -> Executable,
// ParentImage -> ExtraDetails.ParentExecutable. nullopt: there is no such field.
std::optional<std::string> field_of(schema::EventName event, std::string_view field);

// Why a rule was not taken.
struct Refusal {
  enum class Kind : std::uint8_t {
    NoEvents,  // a good rule, for a log source that we have no events of
    Wrong,     // a field or value that cannot be
  };
  Kind kind = Kind::Wrong;
  Problem problem;
};

// A field of an event that satisfied a rule.
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

// Rules, compiled for matching: routed by event, fields looked up once, and only rules of which a
// literal occurs in the event are evaluated.
class RuleSet {
 public:
  RuleSet();
  ~RuleSet();
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;

  // A rule with the id of an earlier one replaces it.
  std::expected<void, Refusal> add(Rule rule);
  // After the last add() and before the first match().
  void build();
  std::size_t size() const;

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

  // Appends the rules that the item satisfies, in the order in which they were added.
  // Threads: any, each with its own scratch.
  void match(const schema::Event& event, std::size_t item, Scratch& scratch,
             std::vector<Hit>& hits) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sigma
