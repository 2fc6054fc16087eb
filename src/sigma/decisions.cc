#include "sigma/decisions.h"

#include <algorithm>

namespace sigma {
namespace {

// Costs are compared, not added up exactly.
constexpr std::uint32_t kMostCost = 1U << 20U;

}  // namespace

void Decisions::clear() {
  nodes_.clear();
  operands_.clear();
  costs_.clear();
  ids_.clear();
}

Decisions::Id Decisions::add(Node node, std::uint32_t cost, std::vector<std::uint32_t> key) {
  const auto [known, is_new] = ids_.try_emplace(std::move(key), static_cast<Id>(nodes_.size()));
  if (!is_new) return known->second;
  nodes_.push_back(node);
  costs_.push_back(std::min(cost, kMostCost));
  return known->second;
}

Decisions::Id Decisions::test(std::uint32_t what, std::uint32_t cost) {
  return add({Kind::Test, what, 0, 0}, cost, {static_cast<std::uint32_t>(Kind::Test), what});
}

// One of no operands.
Decisions::Id Decisions::never() {
  return add({Kind::AtLeast, 0, 0, 1}, 0, {static_cast<std::uint32_t>(Kind::AtLeast), 1});
}

Decisions::Id Decisions::negation(Id operand) {
  if (nodes_[operand].kind == Kind::Not) return nodes_[operand].first;
  return add({Kind::Not, operand, 0, 0}, costs_[operand],
             {static_cast<std::uint32_t>(Kind::Not), operand});
}

Decisions::Id Decisions::all_of(std::vector<Id> operands) {
  std::ranges::sort(operands);
  operands.erase(std::ranges::unique(operands).begin(), operands.end());
  const std::size_t count = operands.size();
  return at_least(count, std::move(operands));
}

Decisions::Id Decisions::any_of(std::vector<Id> operands) {
  std::ranges::sort(operands);
  operands.erase(std::ranges::unique(operands).begin(), operands.end());
  return at_least(1, std::move(operands));
}

Decisions::Id Decisions::at_least(std::size_t count, std::vector<Id> operands) {
  if (count == 0) return negation(never());
  if (count > operands.size()) return never();
  if (operands.size() == 1) return operands.front();
  std::ranges::sort(operands, [this](Id a, Id b) {
    return costs_[a] != costs_[b] ? costs_[a] < costs_[b] : a < b;
  });
  std::uint32_t cost = 0;
  for (const Id operand : operands)
    cost = std::min(cost + costs_[operand], kMostCost);
  const auto least = static_cast<std::uint32_t>(count);
  std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(Kind::AtLeast), least};
  key.insert(key.end(), operands.begin(), operands.end());
  const Node node{Kind::AtLeast, static_cast<std::uint32_t>(operands_.size()),
                  static_cast<std::uint32_t>(operands.size()), least};
  const std::size_t before = nodes_.size();
  const Id id = add(node, cost, std::move(key));
  if (nodes_.size() > before) operands_.insert(operands_.end(), operands.begin(), operands.end());
  return id;
}

void Decisions::finish() {
  ids_.clear();
  costs_.clear();
  costs_.shrink_to_fit();
  nodes_.shrink_to_fit();
  operands_.shrink_to_fit();
}

std::size_t Decisions::bytes() const {
  return nodes_.capacity() * sizeof(Node) + operands_.capacity() * sizeof(Id);
}

}  // namespace sigma
