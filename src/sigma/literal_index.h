#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigma/id_set.h"

namespace sigma {

// Finds which of many literals occur in a text, in one pass (Aho-Corasick). ASCII letters match in
// either case. Build it once; then any thread may scan.
class LiteralIndex {
 public:
  // Whenever `literal`, not empty, occurs, `id` is reported.
  void add(std::string_view literal, std::uint32_t id);
  void build();
  bool empty() const { return outputs_ == 0; }
  // Adds the id of every literal that occurs.
  void scan(std::string_view text, IdSet& found) const;
  // Whether any literal occurs.
  bool occurs_in(std::string_view text) const;
  std::size_t bytes() const;

 private:
  void assign_classes();
  void insert(std::string_view literal, std::uint32_t id);
  void link_suffixes();
  void mark_outputs();

  std::vector<std::pair<std::string, std::uint32_t>> literals_;
  std::array<std::uint8_t, 256> class_{};  // bytes that no literal has share class 0
  std::size_t classes_ = 1;
  std::size_t outputs_ = 0;  // literals
  // node * classes_ + class -> the next node times classes_, the lowest bit telling whether any
  // literal ends there (classes_ is even).
  std::vector<std::uint32_t> next_;
  std::vector<std::vector<std::uint32_t>> output_;  // ids, of a node and of all its suffixes
};

}  // namespace sigma
