#include "detect/changes/brute_force.h"

#include <algorithm>
#include <list>
#include <set>
#include <unordered_map>

#include "base/counter.h"
#include "detect/changes/address.h"
#include "detect/changes/trail.h"
#include "detect/changes/watch.h"

namespace detect::changes {
namespace {

// A failed attempt of a source is told that often.
constexpr std::chrono::hours kTellAgain{24};
// How long what is not heard of is remembered, beside that it was told.
constexpr std::chrono::minutes kQuiet{30};
constexpr std::chrono::seconds kTidyEvery{60};
constexpr std::size_t kNamed = 3;

RuleInfo successful_rule() {
  RuleInfo rule;
  rule.id = "276fff8f-f9fd-4a54-856d-1347ad95108e";
  rule.title = "Successful Bruteforce attempt";
  rule.description =
      "Many logins failed that came from one place, and then one from there succeeded. Most likely "
      "somebody guessed a password, and is on the device now.";
  rule.severity = Severity::High;
  rule.tactics = {"Credential Access", "Initial Access"};
  rule.techniques = {"T1110.001", "T1078"};
  rule.aliases = {"Brute force attack succeeded"};
  rule.false_positives = {"A script with an old password, that was then corrected"};
  rule.remediation = {
      "Lock the account (usermod --lock USER) and end its sessions (loginctl terminate-user USER).",
      "Look at what it did since the login: processes, files, other accounts, keys in "
      "authorized_keys.",
      "Give the account a new password or, better, allow keys only, and keep the login service off "
      "the internet.",
      "Search other devices for logins from the same address."};
  return rule;
}

RuleInfo failed_rule() {
  RuleInfo rule;
  rule.id = "311a54ec-c01a-4ecd-a13d-d477c49d2a17";
  rule.title = "Failed Bruteforce attempt";
  rule.description =
      "Many logins failed within minutes that came from one place, or that tried one account from "
      "many places. None of them succeeded so far.";
  rule.severity = Severity::Low;
  rule.tactics = {"Credential Access"};
  rule.techniques = {"T1110"};
  rule.aliases = {"Brute force attempt failed"};
  rule.false_positives = {"A script or a monitor with an old password"};
  rule.remediation = {
      "If the address is one of yours, find out what still uses an old password there.",
      "Otherwise keep it out by the firewall, and consider whether the login service has to be "
      "reachable from there at all.",
      "Allow logins by key only, and see that no account has a weak or a vendor's password."};
  return rule;
}

std::string some_of(const std::set<std::string, std::less<>>& names) {
  std::string text;
  std::size_t told = 0;
  for (const std::string& name : names) {
    if (told == kNamed) break;
    text += (told++ == 0 ? "" : ", ") + name;
  }
  if (names.size() > told) text += " and " + std::to_string(names.size() - told) + " more";
  return text;
}

std::string span_text(const Tally& tally) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(tally.last - tally.first).count();
  return " within " + std::to_string(seconds) + " s";
}

std::string failures_text(const Tally& tally) {
  return std::to_string(tally.failures) + " logins failed" + span_text(tally) + ", from " +
         some_of(tally.addresses) + ", as " + some_of(tally.accounts);
}

std::vector<Match> matches_of(const Tally& tally) {
  return {{"failures", std::to_string(tally.failures),
           ">= " + std::to_string(kMany) + " within 10m", ""},
          {"addresses", some_of(tally.addresses), "", ""},
          {"accounts", some_of(tally.accounts), "", ""}};
}

// The address where there is one, else what they have in common.
std::string entity_of(const Trail& trail, const Tally& tally) {
  if (trail.kind == Trail::Kind::Network && tally.addresses.size() == 1)
    return *tally.addresses.begin();
  return trail.name;
}

std::string key_of(Trail::Kind kind, const Origin& origin, std::string_view name) {
  return origin_key(origin) + (kind == Trail::Kind::Network ? "\nnetwork\n" : "\naccount\n") +
         std::string(name);
}

}  // namespace

struct BruteForce::State {
  explicit State(Limits given) : limits(given) {}

  using Trails = std::list<Trail>;  // the one that was not heard of for longest stands first

  const Limits limits;
  const RuleInfo successful = successful_rule();
  const RuleInfo failed = failed_rule();
  Trails trails;
  std::unordered_map<std::string, Trails::iterator> by_key;
  std::set<std::pair<base::WallTime, std::string>> due;  // by key
  std::set<std::string> dirty;
  base::Counter evicted;  // sources
  base::WallTime tidy_at{};

  static std::string key(const Trail& trail) {
    return key_of(trail.kind, {trail.device_id, trail.module_id, {}, 0}, trail.name);
  }
  Trail& trail(Trail::Kind kind, const Origin& origin, const std::string& name);
  Trail* find(Trail::Kind kind, const Origin& origin, const std::string& name);
  void set_due(Trail& trail, std::optional<base::WallTime> when);
  void remove(Trails::iterator at);
  void on_failure(Trail& trail, const Attempt& attempt, const Evidence& evidence,
                  const Origin& origin);
  bool on_success(Trail* trail, const Source& source, const std::string& account,
                  const Evidence& evidence, const Origin& origin, std::vector<Finding>& findings);
  void tell_failed(Trail& trail, base::WallTime now, std::vector<Finding>& findings);
  void tidy(base::WallTime now);
};

Trail* BruteForce::State::find(Trail::Kind kind, const Origin& origin, const std::string& name) {
  const auto known = by_key.find(key_of(kind, origin, name));
  return known == by_key.end() ? nullptr : &*known->second;
}

Trail& BruteForce::State::trail(Trail::Kind kind, const Origin& origin, const std::string& name) {
  std::string id = key_of(kind, origin, name);
  dirty.insert(id);
  const auto known = by_key.find(id);
  if (known != by_key.end()) {
    trails.splice(trails.end(), trails, known->second);
    return trails.back();
  }
  while (trails.size() >= limits.sources) {
    evicted.add();
    remove(trails.begin());
  }
  Trail& made = trails.emplace_back();
  made.kind = kind;
  made.device_id = origin.device_id;
  made.module_id = origin.module_id;
  made.name = name;
  by_key.emplace(std::move(id), std::prev(trails.end()));
  return made;
}

void BruteForce::State::set_due(Trail& trail, std::optional<base::WallTime> when) {
  if (trail.due) due.erase({*trail.due, key(trail)});
  trail.due = when;
  if (when) due.emplace(*when, key(trail));
}

void BruteForce::State::remove(Trails::iterator at) {
  set_due(*at, std::nullopt);
  const std::string id = key(*at);
  dirty.insert(id);
  by_key.erase(id);
  trails.erase(at);
}

void BruteForce::State::on_failure(Trail& trail, const Attempt& attempt, const Evidence& evidence,
                                   const Origin& origin) {
  trail.add(attempt, evidence, limits.attempts);
  trail.received = std::max(trail.received, origin.received);
  const bool told = trail.told && origin.received - *trail.told < kTellAgain;
  if (trail.due || told) return;
  const auto tally = trail.guessing();
  if (!tally) return;
  // Until the window is over and those who guess had time to use what they found.
  set_due(trail, origin.received + (tally->first + kWindow + kPatience - tally->last));
}

// Whether the login came of guessing.
bool BruteForce::State::on_success(Trail* trail, const Source& source, const std::string& account,
                                   const Evidence& evidence, const Origin& origin,
                                   std::vector<Finding>& findings) {
  if (trail == nullptr) return false;
  if (trail->kind == Trail::Kind::Account && !trail->tried_from(source.address)) return false;
  dirty.insert(key(*trail));
  // Somebody got in after all.
  set_due(*trail, std::nullopt);
  const auto tally = trail->led_to(evidence.time, account);
  if (!tally) return false;
  Finding finding = finding_of(successful, origin);
  finding.entity = source.address;
  finding.evidence = evidence;
  finding.evidence.matched = matches_of(*tally);
  finding.related = std::move(trail->samples);
  std::ranges::stable_sort(finding.related, {}, &Evidence::time);
  finding.why =
      failures_text(*tally) + "; then " + source.address + " logged in as " + account + ".";
  findings.push_back(std::move(finding));
  trail->clear();
  return true;
}

void BruteForce::State::tell_failed(Trail& trail, base::WallTime now,
                                    std::vector<Finding>& findings) {
  set_due(trail, std::nullopt);
  trail.told = now;
  dirty.insert(key(trail));
  const auto tally = trail.guessing();
  if (!tally || trail.samples.empty()) return;
  Finding finding = finding_of(failed, {trail.device_id, trail.module_id, now, 0});
  finding.entity = entity_of(trail, *tally);
  finding.related = trail.samples;
  std::ranges::stable_sort(finding.related, {}, &Evidence::time);
  finding.evidence = std::move(finding.related.back());
  finding.related.pop_back();
  finding.evidence.matched = matches_of(*tally);
  finding.why = failures_text(*tally) + "; nobody got in.";
  findings.push_back(std::move(finding));
}

// What is over is forgotten, but for what was told today.
void BruteForce::State::tidy(base::WallTime now) {
  if (now < tidy_at) return;
  tidy_at = now + kTidyEvery;
  for (auto next = trails.begin(); next != trails.end();) {
    const auto at = next++;
    if (at->due || now - at->received < kQuiet) continue;
    if (!at->told || now - *at->told >= kTellAgain) {
      remove(at);
    } else if (!at->attempts.empty()) {
      at->clear();
      dirty.insert(key(*at));
    }
  }
}

BruteForce::BruteForce() : BruteForce(Limits()) {}
BruteForce::BruteForce(Limits limits) : state_(std::make_unique<State>(limits)) {}
BruteForce::~BruteForce() = default;

std::vector<RuleInfo> BruteForce::rules() const {
  return {state_->successful, state_->failed};
}

void BruteForce::on_event(const schema::Event& event, const Origin& origin,
                          std::vector<Finding>& findings) {
  const auto* logins = std::get_if<std::vector<schema::Login>>(&event.payload);
  if (logins == nullptr) return;
  State& state = *state_;
  for (std::size_t i = 0; i < logins->size(); ++i) {
    const schema::Login& login = (*logins)[i];
    if (extra(login.extra_details, "Action") == "Logout") continue;
    const auto source = source_of(login.remote_address.value_or(""));
    if (!source) continue;
    const std::string account = login.user_name.value_or(login.user_id.value_or(""));
    const Evidence evidence = evidence_of(event, i);
    if (login.result == schema::LoginResult::Fail) {
      const Attempt attempt{event.time.utc, *source, account, event.hit_count(i)};
      state.on_failure(state.trail(Trail::Kind::Network, origin, source->network), attempt,
                       evidence, origin);
      state.on_failure(state.trail(Trail::Kind::Account, origin, account), attempt, evidence,
                       origin);
      continue;
    }
    Trail* network = state.find(Trail::Kind::Network, origin, source->network);
    Trail* everywhere = state.find(Trail::Kind::Account, origin, account);
    // Both hear of it, and one tells.
    std::vector<Finding> told;
    state.on_success(network, *source, account, evidence, origin, told);
    state.on_success(everywhere, *source, account, evidence, origin, told);
    if (!told.empty()) findings.push_back(std::move(told.front()));
  }
}

void BruteForce::on_time(base::WallTime now, std::vector<Finding>& findings) {
  State& state = *state_;
  while (!state.due.empty() && state.due.begin()->first <= now)
    state.tell_failed(*state.by_key.at(state.due.begin()->second), now, findings);
  state.tidy(now);
}

void BruteForce::save(std::vector<MemoryChange>& changes) {
  State& state = *state_;
  for (const std::string& key : state.dirty) {
    const auto known = state.by_key.find(key);
    MemoryChange change{key, std::nullopt};
    if (known != state.by_key.end()) change.value = text_of(*known->second);
    changes.push_back(std::move(change));
  }
  state.dirty.clear();
}

bool BruteForce::restore(std::string_view key, std::string_view value) {
  State& state = *state_;
  auto read = trail_of(value);
  if (!read || State::key(*read) != key || state.by_key.contains(std::string(key))) return false;
  Trail& trail = state.trails.emplace_back(std::move(*read));
  state.by_key.emplace(key, std::prev(state.trails.end()));
  if (trail.due) state.due.emplace(*trail.due, key);
  return true;
}

std::uint64_t BruteForce::evicted() const {
  return state_->evicted.value();
}

}  // namespace detect::changes
