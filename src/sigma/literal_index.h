#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sigma {

// Finds which of many literals occur in a text, in one pass (Aho-Corasick). ASCII letters match in
// either case. Build it once; then any thread may scan.
class LiteralIndex {
 public:
  // Whenever `literal`, not empty, occurs, `id` is reported.
  void add(std::string_view literal, std::uint32_t id);
  void build();
  // Sets bit `id` of `found` for every literal that occurs; bits that are set stay.
  void scan(std::string_view text, std::vector<std::uint64_t>& found) const;

 private:
  void assign_classes();
  void insert(std::string_view literal, std::uint32_t id);
  void link_suffixes();

  std::vector<std::pair<std::string, std::uint32_t>> literals_;
  std::array<std::uint8_t, 256> class_{};  // bytes that no literal has share class 0
  std::size_t classes_ = 1;
  std::vector<std::uint32_t> next_;                 // node * classes_ + class
  std::vector<std::vector<std::uint32_t>> output_;  // ids, of a node and of all its suffixes
};

}  // namespace sigma
