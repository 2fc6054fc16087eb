#pragma once

#include <deque>
#include <utility>

namespace kql {

// Owns nodes of one type; what make() answers stays valid as long as the arena. Nodes point at each
// other freely, and the arena frees them one after the other: no recursion, however deep the tree.
template <class Node>
class Arena {
 public:
  template <class... Arguments>
  Node* make(Arguments&&... arguments) {
    return &nodes_.emplace_back(Node{std::forward<Arguments>(arguments)...});
  }
  std::size_t size() const { return nodes_.size(); }
  // The nodes in the order in which they were made.
  auto begin() const { return nodes_.begin(); }
  auto end() const { return nodes_.end(); }

 private:
  std::deque<Node> nodes_;
};

}  // namespace kql
