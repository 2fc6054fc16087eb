#include "agent/logins/attempts.h"

#include <algorithm>

namespace agent::logins {

using namespace std::chrono_literals;

namespace {

constexpr auto kRemember = 2min;             // after an attempt was told
constexpr auto kNear = 60s;                  // records without a pid
constexpr auto kNearSudo = 120s;             // sudo sums up after the last of several passwords
constexpr auto kNearProcesses = 10s;         // records of several processes of one sshd
constexpr auto kCheck = 5s;                  // whether a conversation's process is still there
constexpr auto kLongestConversation = 3min;  // above sshd's default LoginGraceTime
constexpr std::size_t kMaxConversations = 1024;
constexpr std::size_t kMaxPids = 4;

bool agree(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() || a == b;
}
bool same(const std::string& a, const std::string& b) {
  return !a.empty() && a == b;
}

// Nothing contradicts, and a name speaks for it.
bool compatible(const Observation& a, const Observation& b) {
  return agree(a.account, b.account) && agree(a.target, b.target) && agree(a.address, b.address) &&
         agree(a.port, b.port) && agree(a.tty, b.tty) && agree(a.by, b.by) &&
         (same(a.account, b.account) || same(a.target, b.target));
}

std::chrono::nanoseconds apart(base::WallTime a, base::WallTime b) {
  return a > b ? a - b : b - a;
}

void fill(std::string& into, const std::string& from) {
  if (into.empty()) into = from;
}
template <class T>
void fill(std::optional<T>& into, const std::optional<T>& from) {
  if (!into) into = from;
}

// Takes over what is not known yet.
void add_facts(Observation& into, const Observation& from) {
  if (into.pid == 0) into.pid = from.pid;
  fill(into.service, from.service);
  fill(into.account, from.account);
  fill(into.uid, from.uid);
  fill(into.by_uid, from.by_uid);
  fill(into.by, from.by);
  fill(into.target, from.target);
  if (into.address.empty()) into.zone = from.zone;
  fill(into.address, from.address);
  fill(into.host, from.host);
  fill(into.port, from.port);
  fill(into.local_port, from.local_port);
  fill(into.tty, from.tty);
  fill(into.executable, from.executable);
  fill(into.method, from.method);
  fill(into.key, from.key);
  fill(into.reason, from.reason);
  fill(into.command, from.command);
  fill(into.session, from.session);
  fill(into.invalid_user, from.invalid_user);
  fill(into.origin, from.origin);
  // The mechanism's own word comes before what others say about it.
  if (from.kind < into.kind && !from.operation.empty()) {
    into.kind = from.kind;
    into.operation = from.operation;
  }
  fill(into.operation, from.operation);
}

bool is_verdict_of_another_step(Kind kind) {
  return kind == Kind::AuditAccount || kind == Kind::AuditCommand || kind == Kind::AuditSession;
}

}  // namespace

bool Attempts::Attempt::has(Kind kind) const {
  return std::ranges::find(verdict.kinds, kind) != verdict.kinds.end();
}

bool Attempts::Attempt::has_pid(std::uint32_t pid) const {
  return pid != 0 && std::ranges::find(pids, pid) != pids.end();
}

void Attempts::observe(const Observation& observation, base::MonoTime now) {
  now_ = now;
  switch (observation.outcome) {
    case Outcome::Hint:
      hint(observation, now);
      return;
    case Outcome::Ended:
      ended(observation, now);
      return;
    default:
      break;
  }
  if (observation.count <= 1) {
    conclude(observation, now);
    return;
  }
  Observation one = observation;
  for (unsigned i = 0; i < observation.count; ++i) {
    if (!observation.origin.empty()) one.origin = observation.origin + "#" + std::to_string(i);
    conclude(one, now);
  }
}

void Attempts::conclude(const Observation& observation, base::MonoTime now) {
  if (observation.outcome == Outcome::Fail && overrule(observation)) return;
  if (observation.outcome == Outcome::Success && belongs_to_session(observation, now)) {
    ++merged_;
    return;
  }
  if (Attempt* const known = find(observation)) {
    merge(*known, observation, now);
  } else {
    begin(observation, now);
  }
  if (observation.outcome != Outcome::Logout) resolve(observation.pid);
}

// A good password is no login when a later step refuses.
bool Attempts::overrule(const Observation& observation) {
  if (observation.pid == 0 || !is_verdict_of_another_step(observation.kind)) return false;
  for (auto attempt = attempts_.begin(); attempt != attempts_.end(); ++attempt) {
    if (attempt->told || attempt->verdict.outcome != Outcome::Success ||
        !attempt->has_pid(observation.pid))
      continue;
    merge(*attempt, observation, now_);
    sessions_.erase(observation.pid);
    Observation failed = attempt->verdict.facts;
    failed.outcome = Outcome::Fail;
    failed.kind = observation.kind;
    // Another source may have told of the refusal before.
    if (Attempt* const known = find(failed)) {
      merge(*known, failed, now_);
      attempts_.erase(attempt);
    } else {
      attempt->verdict.outcome = Outcome::Fail;
    }
    return true;
  }
  // Said once more at the end: sudo's refusal after wrong passwords.
  for (Attempt& attempt : attempts_) {
    if (attempt.verdict.outcome != Outcome::Fail || !attempt.has_pid(observation.pid)) continue;
    merge(attempt, observation, now_);
    return true;
  }
  return false;
}

// Another terminal of a session that was told long ago is no other login.
bool Attempts::belongs_to_session(const Observation& observation, base::MonoTime now) const {
  if (observation.kind != Kind::AuditLogin && observation.kind != Kind::Utmp) return false;
  const auto session = sessions_.find(observation.pid);
  return session != sessions_.end() && now - session->second.begun > options_.settle &&
         agree(session->second.facts.account, observation.account);
}

Attempts::Attempt* Attempts::find(const Observation& observation) {
  Attempt* best = nullptr;
  for (Attempt& attempt : attempts_) {
    const Observation& facts = attempt.verdict.facts;
    if (attempt.verdict.outcome != observation.outcome ||
        !agree(facts.service, observation.service))
      continue;
    const bool once = observation.outcome == Outcome::Success && logs_in_once(observation.service);
    if (attempt.has_pid(observation.pid)) {
      if (once || !attempt.has(observation.kind)) return &attempt;
      continue;
    }
    if (best != nullptr || attempt.has(observation.kind) || !compatible(facts, observation))
      continue;
    const bool no_pid = observation.pid == 0 || attempt.pids.empty();
    const bool processes =
        observation.service == "sshd" || observation.service.empty() || facts.service.empty();
    const auto near = no_pid      ? (observation.service == "sudo" ? kNearSudo : kNear)
                      : processes ? std::chrono::seconds(kNearProcesses)
                                  : 0s;
    if (apart(facts.time, observation.time) <= near && near > 0s) best = &attempt;
  }
  return best;
}

void Attempts::merge(Attempt& attempt, const Observation& observation, base::MonoTime now) {
  ++merged_;
  if (!attempt.has(observation.kind)) attempt.verdict.kinds.push_back(observation.kind);
  if (observation.pid != 0 && !attempt.has_pid(observation.pid) && attempt.pids.size() < kMaxPids)
    attempt.pids.push_back(observation.pid);
  add_facts(attempt.verdict.facts, observation);
  if (observation.kind != Kind::LogPam) attempt.due = std::min(attempt.due, now + options_.settle);
}

Attempts::Attempt& Attempts::begin(const Observation& observation, base::MonoTime now) {
  if (attempts_.size() >= options_.capacity) {
    if (!attempts_.front().told) tell(attempts_.front());
    attempts_.pop_front();
  }
  Attempt& attempt = attempts_.emplace_back();
  attempt.verdict.outcome = observation.outcome;
  attempt.verdict.facts = observation;
  attempt.verdict.kinds = {observation.kind};
  if (observation.pid != 0) attempt.pids = {observation.pid};
  const bool early = observation.kind == Kind::LogPam && observation.outcome == Outcome::Fail;
  attempt.due = now + (early ? options_.settle_pam : options_.settle);
  attempt.forget_at = attempt.due + kRemember;
  const auto said = conversations_.find(observation.pid);
  if (observation.pid != 0 && said != conversations_.end() &&
      observation.outcome != Outcome::Logout)
    add_facts(attempt.verdict.facts, said->second.facts);
  if (observation.outcome == Outcome::Success) open_session(attempt);
  return attempt;
}

Attempts::Conversation& Attempts::conversation(const Observation& observation, base::MonoTime now) {
  const auto found = conversations_.find(observation.pid);
  if (found != conversations_.end()) {
    add_facts(found->second.facts, observation);
    return found->second;
  }
  if (conversations_.size() >= kMaxConversations) {
    const auto oldest = std::ranges::min_element(
        conversations_, {}, [](const auto& one) { return one.second.give_up_at; });
    give_up(oldest->first, now);
  }
  return conversations_
      .emplace(observation.pid,
               Conversation{observation, 0, false, now + kCheck, now + kLongestConversation})
      .first->second;
}

void Attempts::hint(const Observation& observation, base::MonoTime now) {
  const bool of_failure =
      observation.kind == Kind::AuditLogin || observation.kind == Kind::LogMethod;
  Attempt* attempt = nullptr;
  if (of_failure) {
    Observation failed = observation;
    failed.outcome = Outcome::Fail;
    attempt = find(failed);
  } else {
    for (Attempt& one : attempts_) {
      if (!one.told && one.has_pid(observation.pid)) attempt = &one;
    }
  }
  if (attempt != nullptr) merge(*attempt, observation, now);
  if (observation.pid == 0) return;
  Conversation& said = conversation(observation, now);
  if (attempt != nullptr) {
    said.resolved = true;
  } else if (of_failure) {
    said.hints += observation.count;
  }
}

void Attempts::ended(const Observation& observation, base::MonoTime now) {
  bool known = false;
  for (Attempt& attempt : attempts_) {
    if (!attempt.has_pid(observation.pid) || attempt.verdict.outcome == Outcome::Logout) continue;
    known = true;
    if (!attempt.told && attempt.verdict.outcome == Outcome::Fail)
      add_facts(attempt.verdict.facts, observation);
  }
  const auto said = conversations_.find(observation.pid);
  const bool hinted = said != conversations_.end() && said->second.hints > 0;
  const bool resolved = said != conversations_.end() && said->second.resolved;
  if (known || resolved || sessions_.contains(observation.pid)) {
    if (said != conversations_.end()) conversations_.erase(said);
    return;
  }
  if (!hinted && observation.account.empty()) return;
  Observation failed = observation;
  failed.outcome = Outcome::Fail;
  if (Attempt* const other = find(failed)) {
    merge(*other, failed, now);
  } else {
    Attempt& attempt = begin(failed, now);
    if (hinted) attempt.verdict.tries = said->second.hints;
  }
  if (said != conversations_.end()) conversations_.erase(said);
}

void Attempts::resolve(std::uint32_t pid) {
  const auto said = conversations_.find(pid);
  if (said != conversations_.end()) said->second.resolved = true;
}

// Nothing more will be said: its process is gone, or too old.
void Attempts::give_up(std::uint32_t pid, base::MonoTime now) {
  const auto said = conversations_.find(pid);
  if (said == conversations_.end()) return;
  if (said->second.resolved || said->second.hints == 0) {
    conversations_.erase(said);
    return;
  }
  Observation end = said->second.facts;
  end.outcome = Outcome::Ended;
  ended(end, now);
  conversations_.erase(pid);
}

std::optional<base::MonoTime> Attempts::settle(base::MonoTime now) {
  now_ = now;
  std::vector<std::uint32_t> over;
  for (auto& [pid, said] : conversations_) {
    if (said.give_up_at <= now || (said.check_at <= now && !options_.alive(pid))) {
      over.push_back(pid);
    } else if (said.check_at <= now) {
      said.check_at = now + kCheck;
    }
  }
  for (const std::uint32_t pid : over) {
    give_up(pid, now);
  }
  std::optional<base::MonoTime> next;
  const auto sooner = [&next](base::MonoTime time) {
    if (!next || time < *next) next = time;
  };
  for (auto attempt = attempts_.begin(); attempt != attempts_.end();) {
    if (!attempt->told && attempt->due <= now) tell(*attempt);
    if (attempt->told && attempt->forget_at <= now) {
      attempt = attempts_.erase(attempt);
      continue;
    }
    if (!attempt->told) sooner(attempt->due);
    ++attempt;
  }
  for (const auto& [pid, said] : conversations_) {
    sooner(std::min(said.check_at, said.give_up_at));
  }
  return next;
}

void Attempts::flush() {
  for (Attempt& attempt : attempts_) {
    if (!attempt.told) tell(attempt);
  }
}

void Attempts::tell(Attempt& attempt) {
  attempt.told = true;
  if (attempt.verdict.outcome == Outcome::Logout) close_session(attempt);
  // What became known since it was opened: the terminal.
  if (attempt.verdict.outcome == Outcome::Success) open_session(attempt);
  options_.tell(attempt.verdict);
}

void Attempts::open_session(Attempt& attempt) {
  // Where no process is told (sudo's log), the session has a number of ours.
  if (attempt.pids.empty() && attempt.session == 0) attempt.session = ++unnamed_;
  std::vector<std::uint64_t> keys(attempt.pids.begin(), attempt.pids.end());
  if (keys.empty()) keys = {attempt.session};
  for (const std::uint64_t key : keys) {
    const auto known = sessions_.find(key);
    if (known != sessions_.end() && known->second.facts.time == attempt.verdict.facts.time) {
      known->second.facts = attempt.verdict.facts;
      continue;
    }
    if (attempt.told) continue;  // it has ended already
    if (sessions_.size() >= options_.sessions && known == sessions_.end()) {
      sessions_.erase(std::ranges::min_element(sessions_, {},
                                               [](const auto& one) { return one.second.begun; }));
    }
    sessions_.insert_or_assign(key, Session{attempt.verdict.facts, now_});
  }
}

void Attempts::close_session(Attempt& attempt) {
  Observation& facts = attempt.verdict.facts;
  auto session = sessions_.end();
  for (auto one = sessions_.begin(); one != sessions_.end(); ++one) {
    const Observation& open = one->second.facts;
    const bool unnamed = one->first >= kUnnamed || attempt.pids.empty();
    if (std::ranges::find(attempt.pids, one->first) != attempt.pids.end()) {
      session = one;
      break;
    }
    if (unnamed && same(open.service, facts.service) && compatible(open, facts)) session = one;
  }
  if (session == sessions_.end()) return;
  const base::WallTime begun = session->second.facts.time;
  attempt.verdict.since = begun;
  add_facts(facts, session->second.facts);
  sessions_.erase(session);
  // Several processes may stand for one session.
  std::erase_if(sessions_, [&](const auto& one) {
    return std::ranges::find(attempt.pids, one.first) != attempt.pids.end() ||
           (one.second.facts.time == begun && one.second.facts.pid == facts.pid && facts.pid != 0);
  });
}

}  // namespace agent::logins
