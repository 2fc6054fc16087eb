#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "detect/alerts.h"
#include "detect/stream.h"
#include "detect/trial/step.h"

// Everything that decides, put together as in the hub, without one: rules and what remembers beside
// them. Time is what the input says it is.
namespace detect::trial {

enum class Kind : std::uint8_t { Alert, CustomAlert, Recommendation };
std::string_view to_string(Kind kind);  // "alert", "customAlert", "recommendation"

struct Raised {
  Kind kind = Kind::Alert;
  Finding finding;
};

// Whether the finding goes by that name: its title or another of its names, whatever the case.
bool is_called(const RuleInfo& rule, std::string_view name);

struct Options {
  StreamOptions rules = {};
};

// Threads: one at a time.
class Trial {
 public:
  // Errors: as of Stream::load().
  static base::Result<std::unique_ptr<Trial>> open(const Options& options);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // All that happened is forgotten; the rules stay.
  void reset();

  // What happened next. A time before that of an earlier step is late; one without a time happens
  // at once. Errors: NotFound (neither an event nor anything else that can happen), Malformed.
  base::Result<void> add(const Step& step);
  // An event that was read before.
  void add(const schema::Event& event, const Origin& origin);
  // So far has time come.
  void advance(base::WallTime now);
  // Nothing more happens: what waited for the end of its time is judged.
  void finish();
  base::WallTime now() const;

  // What was found since the last call, in the order in which it was.
  std::vector<Raised> take();

  const Stream& stream() const;

 private:
  struct State;
  explicit Trial(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detect::trial
