#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigma/engine.h"
#include "sigma/id_set.h"
#include "sigma/literal_index.h"

namespace sigma {

// Memory of one thread for scanning; one for all scanners.
class ScanScratch {
 public:
  ScanScratch();
  ~ScanScratch();
  ScanScratch(const ScanScratch&) = delete;
  ScanScratch& operator=(const ScanScratch&) = delete;

 private:
  friend class Scanner;
  void* memory_ = nullptr;  // hs_scratch_t
};

// Finds which of many literals occur in a text, in one pass, and which of many regular expressions
// may match it, in another. ASCII letters of literals match in either case. Build it once; then any
// thread may scan, each with its own scratch.
class Scanner {
 public:
  Scanner();
  ~Scanner();
  Scanner(Scanner&&) noexcept;
  Scanner& operator=(Scanner&&) noexcept;

  // Whether this program was built with Vectorscan and the processor can run it.
  static bool has_vectorscan();

  // Whenever `literal`, not empty, occurs, `id` is told.
  void add(std::string_view literal, std::uint32_t id);
  // Whenever the expression (RE2's) matches, `id` is told, and perhaps when it does not.
  void add_regex(std::string_view regex, std::uint32_t id);
  void build(Engine engine);
  // Ids of regular expressions that cannot be searched for; known after build().
  const std::vector<std::uint32_t>& unwatched() const { return unwatched_; }

  bool empty() const { return empty_; }
  bool uses_vectorscan() const { return literal_database_ != nullptr; }
  std::size_t bytes() const;

  // Before the first scan() with a scratch that was not prepared for this scanner.
  void prepare(ScanScratch& scratch) const;
  // Adds the ids of what occurs.
  void scan(std::string_view text, ScanScratch& scratch, IdSet& found) const;

 private:
  struct Database;
  using Expression = std::pair<std::string, std::uint32_t>;

  static void search(const Database& database, std::string_view text, ScanScratch& scratch,
                     IdSet& found);
  void compile_literals();
  void compile_regexes();

  std::vector<Expression> literals_;
  std::vector<Expression> regexes_;
  std::vector<std::uint32_t> regex_ids_;  // of those that are searched for
  std::vector<std::uint32_t> unwatched_;
  bool empty_ = true;
  std::size_t shortest_ = static_cast<std::size_t>(-1);  // of the literals
  LiteralIndex index_;
  // Apart from each other: literals alone are found several times faster.
  std::unique_ptr<Database> literal_database_;
  std::unique_ptr<Database> regex_database_;
};

}  // namespace sigma
