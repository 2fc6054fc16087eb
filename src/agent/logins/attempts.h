#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "agent/logins/observation.h"
#include "base/time.h"

namespace agent::logins {

// One login, failed login or logout, of all that the records said about it.
struct Verdict {
  Outcome outcome{};  // Success, Fail or Logout
  Observation facts;
  std::vector<Kind> kinds;  // of the records, each once
  unsigned tries = 1;       // within one conversation, where only the whole of it is known
  std::optional<base::WallTime> since;  // of a logout: when the login was
};

// Makes one verdict of all records about one attempt: of several kinds, from several sources, in
// any order, some late or missing.
//
// Records belong together when they are of different kinds and name the same process; else, where
// one does not, when service, account, remote end and terminal do not contradict and they are near
// in time. A verdict is told when it has settled, so that the records that follow may add to it;
// what comes later still counts as the same for two minutes. Everything is bounded: beyond it, the
// oldest is told early or forgotten. Threads: one. Time is a parameter.
class Attempts {
 public:
  struct Options {
    std::function<void(const Verdict&)> tell;
    // Whether the process is still there.
    std::function<bool(std::uint32_t pid)> alive;
    std::chrono::milliseconds settle{1000};
    // A PAM module tells its failure before PAM's delay of some seconds, the program after it.
    std::chrono::milliseconds settle_pam{4000};
    std::size_t capacity = 4096;
    std::size_t sessions = 1024;
  };

  explicit Attempts(Options options) : options_(std::move(options)) {}

  void observe(const Observation& observation, base::MonoTime now);
  // Tells what is due. When to call again; nullopt: nothing waits.
  std::optional<base::MonoTime> settle(base::MonoTime now);
  // Tells everything that waits, whether or not it has settled.
  void flush();

  // Records that added to an attempt rather than making one.
  std::uint64_t merged() const { return merged_; }
  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Attempt {
    Verdict verdict;
    std::vector<std::uint32_t> pids;
    base::MonoTime due;
    bool told = false;
    base::MonoTime forget_at;
    std::uint64_t session = 0;  // its key, when it has no pid

    bool has(Kind kind) const;
    bool has_pid(std::uint32_t pid) const;
  };
  // What a process said before it was clear how it ends.
  struct Conversation {
    Observation facts;
    unsigned hints = 0;  // failures that may not count
    bool resolved = false;
    base::MonoTime check_at;
    base::MonoTime give_up_at;
  };
  struct Session {
    Observation facts;
    base::MonoTime begun;
  };

  void conclude(const Observation& observation, base::MonoTime now);
  void hint(const Observation& observation, base::MonoTime now);
  void ended(const Observation& observation, base::MonoTime now);
  bool overrule(const Observation& observation);
  bool belongs_to_session(const Observation& observation, base::MonoTime now) const;
  Attempt* find(const Observation& observation);
  void merge(Attempt& attempt, const Observation& observation, base::MonoTime now);
  Attempt& begin(const Observation& observation, base::MonoTime now);
  Conversation& conversation(const Observation& observation, base::MonoTime now);
  void resolve(std::uint32_t pid);
  void give_up(std::uint32_t pid, base::MonoTime now);
  void tell(Attempt& attempt);
  void open_session(Attempt& attempt);
  void close_session(Attempt& attempt);

  Options options_;
  std::list<Attempt> attempts_;  // in the order of their first records
  std::map<std::uint32_t, Conversation> conversations_;
  static constexpr std::uint64_t kUnnamed = std::uint64_t{1} << 32U;
  std::map<std::uint64_t, Session> sessions_;  // by pid; from kUnnamed on: no pid is known
  std::uint64_t unnamed_ = kUnnamed;
  base::MonoTime now_{};
  std::uint64_t merged_ = 0;
};

}  // namespace agent::logins
