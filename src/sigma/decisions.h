#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace sigma {

// What is known of the nodes of a graph for the subject at hand: two bits for each. Threads: one at
// a time.
class Known {
 public:
  // For a graph of so many nodes. Nothing is known.
  void reset(std::size_t nodes) {
    clear();
    if (words_.size() * 64 < nodes) words_.resize((nodes + 63) / 64);
  }
  void clear() {
    for (const std::uint32_t word : touched_)
      words_[word] = {};
    touched_.clear();
  }
  std::optional<bool> get(std::uint32_t node) const {
    const Word& word = words_[node / 64];
    const std::uint64_t bit = std::uint64_t{1} << (node % 64);
    if ((word.known & bit) == 0) return std::nullopt;
    return (word.holds & bit) != 0;
  }
  void set(std::uint32_t node, bool holds) {
    Word& word = words_[node / 64];
    if (word.known == 0) touched_.push_back(node / 64);
    const std::uint64_t bit = std::uint64_t{1} << (node % 64);
    word.known |= bit;
    if (holds) word.holds |= bit;
  }

 private:
  struct Word {
    std::uint64_t known = 0;
    std::uint64_t holds = 0;
  };
  std::vector<Word> words_;
  std::vector<std::uint32_t> touched_;
};

// The conditions of many rules as one graph in which nothing is there twice: what several rules ask
// is answered once. Operands that cost less are asked first, and no more than is needed.
class Decisions {
 public:
  using Id = std::uint32_t;

  void clear();
  // Something to be asked of the subject: `what` is the caller's name of it, `cost` a rough measure
  // of what asking costs.
  Id test(std::uint32_t what, std::uint32_t cost);
  Id all_of(std::vector<Id> operands);
  Id any_of(std::vector<Id> operands);
  Id at_least(std::size_t count, std::vector<Id> operands);
  Id negation(Id operand);
  // After the last node: forgets what only making them needs.
  void finish();

  std::size_t size() const { return nodes_.size(); }
  std::size_t bytes() const;

  // Whether the node holds; `ask` answers a test. `known` was reset for this graph.
  template <class Ask>
  bool holds(Id id, Known& known, Ask& ask) const {
    if (const auto before = known.get(id)) return *before;
    const Node& node = nodes_[id];
    bool result = false;
    if (node.kind == Kind::Test) {
      result = ask(node.first);
    } else if (node.kind == Kind::Not) {
      result = !holds(node.first, known, ask);
    } else {
      std::uint32_t found = 0;
      for (std::uint32_t i = 0; i < node.count && !result; ++i) {
        if (holds(operands_[node.first + i], known, ask)) {
          result = ++found == node.least;
        } else if (found + (node.count - i - 1) < node.least) {
          break;
        }
      }
    }
    known.set(id, result);
    return result;
  }

 private:
  enum class Kind : std::uint8_t { Test, Not, AtLeast };
  // Of AtLeast: `least` of `count` operands from `first`; of Test and Not, `first` says which.
  struct Node {
    Kind kind = Kind::Test;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t least = 0;
  };

  Id never();
  Id add(Node node, std::uint32_t cost, std::vector<std::uint32_t> key);

  std::vector<Node> nodes_;
  std::vector<Id> operands_;
  std::vector<std::uint32_t> costs_;
  std::map<std::vector<std::uint32_t>, Id> ids_;  // by kind, least and operands
};

}  // namespace sigma
