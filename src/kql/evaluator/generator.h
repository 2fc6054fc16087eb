#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/evaluator/cell.h"

namespace kql::evaluator {

// Where a generator's decisions come from: a number below `limit`. Nothing but zeros must lead to
// an end: a fuzzer's input is short.
using Choices = std::function<std::size_t(std::size_t limit)>;

// Makes valid queries with all their data in them: two small tables of every type, filled with what
// is easily got wrong (nulls, NaN, empty and mixed-case texts, beyond ASCII, the ends of numbers
// and times, dynamic values of every shape), and a few operators over them. Most of what it makes
// has one right answer.
class Generator {
 public:
  explicit Generator(Choices choose) : choose_(std::move(choose)) {}

  std::string query();

 private:
  std::size_t below(std::size_t limit) { return choose_(limit); }
  bool one_in(std::size_t count) { return below(count) == count - 1; }
  template <class List>
  std::string pick(const List& list) {
    return std::string(list[below(std::size(list))]);
  }

  // --- generator.cc ---
  std::string data(std::string_view name, std::size_t rows);
  std::string step();
  std::string extend();
  std::string project();
  std::string sorted();
  std::string windowed();
  std::string summarize();
  std::string distinct();
  std::string join();
  std::string together();
  std::string expand();
  std::string aggregate(Type& result);
  std::string fresh();
  bool has(std::string_view name) const;

  // --- generator_values.cc ---
  std::string value(Type type, int depth);
  std::string literal(Type type);
  std::string leaf(Type type);
  std::string filled(std::string_view pattern, int depth);
  std::string hole(char letter, int depth);
  std::string cell(Type type);

  Choices choose_;
  std::vector<Column> columns_;
  bool unique_ = false;    // the column `id` numbers the rows
  bool function_ = false;  // let f = (p:long, q:string) {...} stands before the query
  int names_ = 0;
};

}  // namespace kql::evaluator
