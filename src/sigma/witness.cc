#include "sigma/witness.h"

#include <algorithm>
#include <array>
#include <functional>

namespace sigma {
namespace {

using Kind = Clue::Kind;

// Programs that start all the time: that one of them did says little.
constexpr std::array<std::string_view, 24> kCommon = {
    "awk",  "basename", "bash", "cat",  "cut",       "dash", "date",   "echo",
    "grep", "head",     "id",   "ls",   "perl",      "ps",   "python", "python3",
    "sed",  "sh",       "sort", "sudo", "systemctl", "tr",   "uname",  "wc"};

// How often a character is met in command lines and paths.
double share_of(char c) {
  if (c == ' ' || c == '/') return 0.1;
  if (c == '-' || c == '.') return 0.05;
  if (std::string_view("etaoinsrl").find(c) != std::string_view::npos) return 0.06;
  if (c >= 'a' && c <= 'z') return 0.025;
  if (c >= '0' && c <= '9') return 0.02;
  return 0.005;
}

// What has a name is met more often than its letters say.
constexpr double kName = 0.002;
constexpr double kWord = 0.0005;

// To look for an expression costs more than to look for all literals.
constexpr double kRegex = 0.2;

bool is_word(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c == ' ' || c == '/' || (c >= 'a' && c <= 'z'); });
}

double likely(const Program& program, const Sign& sign) {
  const std::string_view text = sign.clue.text;
  double share = 1;
  for (const char c : text)
    share *= share_of(c);
  switch (sign.clue.kind) {
    case Kind::Present:
      return 1;
    case Kind::Regex:
      share = kRegex;
      break;
    case Kind::Anywhere:
      share = std::clamp(40 * share, is_word(text) ? kWord : 0, 1.0);
      break;
    case Kind::Whole:
    case Kind::Start:
    case Kind::End: {
      const std::string_view name = text.substr(text.rfind('/') + 1);
      share = std::max(share, std::ranges::binary_search(kCommon, name) ? 0.02 : kName);
      break;
    }
  }
  // A field that everybody looks at costs nothing more.
  const std::string& field = program.slots[sign.slot].field.name();
  const bool usual = field == "CommandLine" || field == "Executable" || field == "Program";
  return usual ? share : share + 0.005;
}

std::optional<Witness> best_of(std::vector<std::optional<Witness>> witnesses) {
  std::optional<Witness> best;
  for (auto& one : witnesses) {
    if (one && (!best || one->likely < best->likely)) best = std::move(one);
  }
  return best;
}

// One of so many of them.
std::optional<Witness> any_of(std::vector<std::optional<Witness>> witnesses, std::size_t count) {
  const auto rank = [](const std::optional<Witness>& one) { return one ? one->likely : 1e9; };
  std::ranges::sort(witnesses, {}, rank);
  std::optional<Witness> all = Witness();
  for (std::size_t i = 0; i < count; ++i) {
    if (!witnesses[i]) return std::nullopt;
    all->likely += witnesses[i]->likely;
    std::ranges::move(witnesses[i]->signs, std::back_inserter(all->signs));
  }
  return all;
}

// Of n of which `least` must hold, one of any n - least + 1 does.
std::optional<Witness> at_least(std::vector<std::optional<Witness>> witnesses, std::size_t least) {
  if (least == witnesses.size()) return best_of(std::move(witnesses));
  const std::size_t count = witnesses.size() - least + 1;
  return any_of(std::move(witnesses), count);
}

template <class Range, class Of>
std::optional<Witness> of_each(const Range& range, std::size_t least, Of of) {
  std::vector<std::optional<Witness>> witnesses;
  for (const auto& element : range)
    witnesses.push_back(of(element));
  return at_least(std::move(witnesses), least);
}

class Witnesses {
 public:
  explicit Witnesses(const Program& program) : program_(program) {}

  std::optional<Witness> of(const CompiledDetection& detection, const Condition& condition) const {
    const auto operand = [&](const Condition& inner) { return of(detection, inner); };
    const std::size_t operands = condition.operands.size();
    switch (condition.kind) {
      case Condition::Kind::Selection:
        return of(detection.selections[condition.selection]);
      case Condition::Kind::Not:
        return std::nullopt;
      case Condition::Kind::And:
        return of_each(condition.operands, operands, operand);
      case Condition::Kind::Or:
        return of_each(condition.operands, 1, operand);
      case Condition::Kind::AtLeast:
        return of_each(condition.operands, condition.count, operand);
    }
    return std::nullopt;
  }

  std::optional<Witness> any_leaf(const std::vector<std::uint32_t>& leaves) const {
    return of_each(leaves, 1, [this](std::uint32_t leaf) { return of(program_.leaves[leaf]); });
  }

 private:
  std::optional<Witness> of(const CompiledSelection& selection) const {
    return of_each(selection, 1, [this](const std::vector<CompiledTest>& tests) {
      return of_each(tests, tests.size(), [this](const CompiledTest& test) { return of(test); });
    });
  }

  std::optional<Witness> of(const CompiledTest& test) const {
    if (test.test->negated) return std::nullopt;
    const std::size_t least = test.test->all ? test.leaves.size() : 1;
    return of_each(test.leaves, least, [this](const auto& leaves) { return any_leaf(leaves); });
  }

  std::optional<Witness> of(const Leaf& leaf) const {
    Witness out;
    for (Clue& clue : leaf.matcher.clues()) {
      out.signs.push_back({leaf.slot, std::move(clue)});
      out.likely += likely(program_, out.signs.back());
    }
    if (out.signs.empty()) return std::nullopt;
    return out;
  }

  const Program& program_;
};

}  // namespace

std::optional<Witness> witness_of(const Program& program, const CompiledRule& rule) {
  const Witnesses witnesses(program);
  std::vector<std::optional<Witness>> both;
  both.push_back(witnesses.of(rule.detection, *rule.detection.condition));
  if (!rule.guard.empty()) both.push_back(witnesses.any_leaf(rule.guard));
  return best_of(std::move(both));
}

}  // namespace sigma
