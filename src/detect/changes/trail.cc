#include "detect/changes/trail.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "detect/changes/watch.h"
#include "detect/evidence_text.h"

namespace detect::changes {
namespace {

using base::json::Value;
using base::json::Writer;

// Attempts closer than that, of one account from one address, are one.
constexpr std::chrono::seconds kTogether{5};
constexpr std::size_t kFirstSamples = 5;
constexpr std::size_t kSamples = 10;

using Attempts = std::deque<Attempt>;

Tally tally_of(Attempts::const_iterator begin, Attempts::const_iterator end) {
  Tally tally;
  tally.first = begin->time;
  for (auto at = begin; at != end; ++at) {
    tally.failures += at->count;
    tally.last = at->time;
    tally.accounts.insert(at->account);
    tally.addresses.insert(at->source.address);
    tally.networks.insert(at->source.network);
  }
  return tally;
}

// Whether a window of an account is more than the guessing of one network, which is told by itself.
bool is_distributed(Attempts::const_iterator begin, Attempts::const_iterator end) {
  std::map<std::string_view, std::int64_t> networks;
  for (auto at = begin; at != end; ++at)
    networks[at->source.network] += at->count;
  return networks.size() >= kFewestNetworks &&
         std::ranges::all_of(networks, [](const auto& each) { return each.second < kMany; });
}

}  // namespace

// Goes through the windows that end with an attempt.
template <class Counts>
std::optional<Tally> Trail::strongest(Counts counts) const {
  Window window{attempts.begin(), attempts.begin(), 0};
  std::optional<Window> found;
  while (window.end != attempts.end()) {
    const Attempt& last = *window.end++;
    window.failures += last.count;
    for (; last.time - window.begin->time > kWindow; ++window.begin)
      window.failures -= window.begin->count;
    if ((!found || window.failures > found->failures) && counts(window)) found = window;
  }
  if (!found) return std::nullopt;
  return tally_of(found->begin, found->end);
}

void Trail::add(Attempt attempt, Evidence evidence, std::size_t most) {
  const base::WallTime newest =
      attempts.empty() ? attempt.time : std::max(attempt.time, attempts.back().time);
  const base::WallTime oldest = newest - kWindow - kPatience;
  while (!attempts.empty() && attempts.front().time < oldest)
    attempts.pop_front();
  if (attempt.time < oldest) return;
  if (attempts.empty()) samples.clear();
  samples.push_back(std::move(evidence));
  if (samples.size() > kSamples)
    samples.erase(samples.begin() + static_cast<std::ptrdiff_t>(kFirstSamples));
  const auto place = std::ranges::upper_bound(attempts, attempt.time, {}, &Attempt::time);
  if (place != attempts.begin()) {
    Attempt& before = *std::prev(place);
    if (before.account == attempt.account && before.source.address == attempt.source.address &&
        attempt.time - before.time < kTogether) {
      before.count += attempt.count;
      return;
    }
  }
  attempts.insert(place, std::move(attempt));
  if (attempts.size() <= most) return;
  // The oldest two: who they were does not matter so much as how many.
  attempts[1].count += attempts[0].count;
  attempts.pop_front();
}

std::optional<Tally> Trail::guessing() const {
  return strongest([this](const Window& window) {
    return window.failures >= kMany &&
           (kind == Kind::Network || is_distributed(window.begin, window.end));
  });
}

std::optional<Tally> Trail::led_to(base::WallTime time, const std::string& account) const {
  return strongest([&](const Window& window) {
    const base::WallTime last = std::prev(window.end)->time;
    if (last > time || time - last > kPatience) return false;
    if (kind == Kind::Account)
      return window.failures >= kMany && is_distributed(window.begin, window.end);
    if (window.failures >= kMany) return true;
    std::int64_t same = 0;
    for (auto at = window.begin; at != window.end; ++at)
      same += at->account == account ? at->count : 0;
    return same >= kManyOfOne;
  });
}

bool Trail::tried_from(const std::string& address) const {
  return std::ranges::any_of(
      attempts, [&](const Attempt& attempt) { return attempt.source.address == address; });
}

void Trail::clear() {
  attempts.clear();
  samples.clear();
  due.reset();
}

std::string text_of(const Trail& trail) {
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("kind", trail.kind == Trail::Kind::Network ? "network" : "account");
  writer.field("device", trail.device_id);
  writer.field("module", trail.module_id);
  writer.field("name", trail.name);
  writer.field("received", to_integer(trail.received));
  if (trail.due) writer.field("due", to_integer(*trail.due));
  if (trail.told) writer.field("told", to_integer(*trail.told));
  writer.key("attempts");
  writer.begin_array();
  for (const Attempt& attempt : trail.attempts) {
    writer.begin_object();
    writer.field("time", to_integer(attempt.time));
    writer.field("address", attempt.source.address);
    writer.field("network", attempt.source.network);
    writer.field("account", attempt.account);
    writer.field("count", attempt.count);
    writer.end_object();
  }
  writer.end_array();
  writer.key("samples");
  writer.begin_array();
  for (const Evidence& sample : trail.samples)
    write_evidence(writer, sample);
  writer.end_array();
  writer.end_object();
  return text;
}

std::optional<Trail> trail_of(std::string_view text) {
  const auto value = base::json::parse(text);
  if (!value || value->if_object() == nullptr) return std::nullopt;
  Trail trail;
  trail.kind =
      value->text_or("kind", "") == "account" ? Trail::Kind::Account : Trail::Kind::Network;
  trail.device_id = value->text_or("device", "");
  trail.module_id = value->text_or("module", "");
  trail.name = value->text_or("name", "");
  trail.received = time_member(*value, "received");
  if (value->find("due") != nullptr) trail.due = time_member(*value, "due");
  if (value->find("told") != nullptr) trail.told = time_member(*value, "told");
  const Value* attempts = value->find("attempts");
  const Value* samples = value->find("samples");
  if (attempts == nullptr || attempts->if_array() == nullptr || samples == nullptr ||
      samples->if_array() == nullptr)
    return std::nullopt;
  for (const Value& each : *attempts->if_array()) {
    const Value* count = each.find("count");
    if (count == nullptr || count->if_int() == nullptr) return std::nullopt;
    trail.attempts.push_back(
        {time_member(each, "time"),
         {std::string(each.text_or("address", "")), std::string(each.text_or("network", ""))},
         std::string(each.text_or("account", "")),
         *count->if_int()});
  }
  for (const Value& each : *samples->if_array()) {
    auto sample = read_evidence(each);
    if (!sample) return std::nullopt;
    trail.samples.push_back(std::move(*sample));
  }
  std::ranges::stable_sort(trail.attempts, {}, &Attempt::time);
  return trail;
}

}  // namespace detect::changes
