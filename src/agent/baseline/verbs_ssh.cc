// The SSH server's configuration as it is in effect.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

// "10:30:60": connections before some are refused, percent refused then, connections before all
// are. A single number is both limits.
std::optional<std::array<long long, 3>> startups_of(std::string_view text) {
  const auto parts = base::split(text, ':');
  std::array<long long, 3> numbers{};
  if (parts.size() == 1) {
    const auto only = number_of(parts[0]);
    if (!only) return std::nullopt;
    return std::array<long long, 3>{*only, 100, *only};
  }
  if (parts.size() != 3) return std::nullopt;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto number = number_of(parts[i]);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  return numbers;
}

// A single value against what is expected; nullopt: it makes no sense to sshd either.
std::optional<bool> value_meets(std::string_view value, std::string_view expect) {
  if (expect == "set") return !value.empty() && !base::equal_ignore_case(value, "none");
  if (expect.starts_with("time ")) {
    const auto seconds = sshd_seconds(value);
    if (!seconds) return std::nullopt;
    return number_meets(*seconds, expect.substr(5));
  }
  if (expect.starts_with("startups ")) {
    const auto has = startups_of(value);
    const auto wants = startups_of(expect.substr(9));
    if (!has || !wants) return std::nullopt;
    return (*has)[0] <= (*wants)[0] && (*has)[1] >= (*wants)[1] && (*has)[2] <= (*wants)[2];
  }
  if (expect.starts_with("<=") || expect.starts_with(">=")) {
    const auto number = number_of(value);
    if (!number) return std::nullopt;
    return number_meets(*number, expect);
  }
  const auto words = words_of(expect);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return base::equal_ignore_case(word, value); });
}

std::string from(const SshdConfig::Value& value) {
  return value.where.empty() ? "built in" : value.where;
}

// Match blocks hold for some connections only: told, not judged.
std::string exceptions_text(const SshdConfig& config, std::string_view keyword) {
  Examples examples(3);
  for (const auto& exception : config.exceptions(keyword)) {
    examples.add(fmt::format("for Match {}: {} ({})", exception.condition, exception.value.text,
                             exception.value.where));
  }
  return examples.empty() ? "" : "; " + examples.text();
}

Outcome any_set(const SshdConfig& config, const Parameters& p) {
  for (const std::string_view keyword : p.words("keyword")) {
    if (const auto value = config.global(keyword))
      return pass(fmt::format("{} {} ({})", keyword, value->text, from(*value)));
  }
  return failed(fmt::format("none of {} is set", p.get("keyword")));
}

Outcome no_algorithms(const SshdConfig& config, std::string_view keyword,
                      std::string_view patterns) {
  Examples wrong;
  for (const std::string& algorithm : config.algorithms(keyword)) {
    for (const std::string_view pattern : words_of(patterns)) {
      if (!glob_matches(pattern, algorithm)) continue;
      wrong.add(algorithm);
      break;
    }
  }
  if (wrong.empty()) return pass();
  const auto value = config.global(keyword);
  return failed(
      fmt::format("{} offers {} ({})", keyword, wrong.text(), value ? from(*value) : "built in"));
}

// keyword; expect: a value or several, "<=4", "time 1..60", "set", "any-set" (of several keywords),
// "startups a:b:c", "none-of PATTERN..." (algorithm lists).
Result<Outcome> sshd(Facts& facts, const Parameters& p) {
  const auto& answer = facts.sshd();
  if (!answer && answer.error().code == Code::NotFound) return not_applicable("no SSH server here");
  const SshdConfig& config = TRY_REF(answer);
  const std::string_view keyword = p.get("keyword");
  const std::string_view expect = p.get("expect");
  if (expect == "any-set") return any_set(config, p);
  if (expect.starts_with("none-of ")) {
    Outcome outcome = no_algorithms(config, keyword, expect.substr(8));
    outcome.evidence += exceptions_text(config, keyword);
    return outcome;
  }
  const auto value = config.global(keyword);
  if (!value) return failed(fmt::format("{} is not set", keyword));
  const auto meets = value_meets(value->text, expect);
  const std::string evidence = fmt::format("{} {} ({}){}", keyword, value->text, from(*value),
                                           exceptions_text(config, keyword));
  if (!meets) return unknown(evidence + " is no value for it");
  return *meets ? pass(evidence) : failed(evidence);
}

constexpr std::array<Verb, 1> kVerbs = {{{"sshd", sshd}}};

}  // namespace

std::span<const Verb> ssh_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
