#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/stream.h"
#include "hub/rules/history.h"
#include "hub/rules/rules.h"

// Rules over stored history: what they would have raised, and what an exception would have hidden.
namespace hub::rules {

struct Found {
  detect::Finding finding;
  bool hidden = false;  // by the exception that is tried
};

// How often something would have been raised, and how often hidden.
struct Tally {
  std::string name;  // a rule's title, a device
  std::string id;    // of the rule
  std::uint64_t raised = 0;
  std::uint64_t hidden = 0;  // of these
};

struct HuntResult {
  Progress progress;
  Tally hits;                  // occurrences
  Tally alerts;                // different ones: by rule, device and entity
  std::vector<Tally> rules;    // those that were raised, most first
  std::vector<Tally> devices;  // likewise, at most kMostDevices
  std::vector<Found> examples;
};

inline constexpr std::size_t kMostDevices = 50;
// Different alerts that are told apart; beyond it they are only counted as hits.
inline constexpr std::size_t kMostAlerts = 100'000;

struct HuntOptions {
  base::WallTime from;
  base::WallTime to;
  std::string device_id;  // empty: all
  Pace pace;
  std::size_t examples = 20;
};

// Why there is no result: the rules, or the query.
struct HuntFailure {
  Wrong wrong;
  std::optional<store::QueryFailure> query;
};
template <class T>
using HuntOutcome = std::expected<T, HuntFailure>;

// The rules that a hunt runs, and nothing else; made of what is in force.
struct Chosen {
  detect::StreamOptions options;
  std::vector<std::string> rules;  // ids of those that count; empty: all
};
// A rule or correlation that is there, with what it is built on, and the exceptions to it.
// Errors: NotFound, Io.
base::Result<Chosen> choose_rule(const detect::Stream& stream, const detect::StreamOptions& present,
                                 std::string_view rule_id);
// Rules as text, beside lists and exceptions that there are.
Chosen choose_text(const detect::Stream& stream, const detect::StreamOptions& present,
                   std::string text);
// The rules that a filter names, with what is built upon them. Errors: NotFound, Invalid (no
// filter, or one of a whole log source that holds no rule), Io.
base::Result<Chosen> choose_filtered(const detect::Stream& stream,
                                     const detect::StreamOptions& present,
                                     const std::string& filter);

// `filter`: what is tried; empty: nothing is hidden.
HuntOutcome<HuntResult> hunt(store::Queries& queries, const Chosen& chosen,
                             const std::string& filter, const HuntOptions& options);

}  // namespace hub::rules
