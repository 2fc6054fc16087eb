#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <unordered_map>

#include "agent/collect/process_table.h"
#include "base/time.h"

namespace agent::collect {

// What processes ran until lately: of those that ended, and of those that run another program by
// now. Bounded: the oldest goes first, and a program that runs all the time makes room among its
// own entries, so that it does not wash out those of programs that run rarely. Threads: one.
class PastImages {
 public:
  static constexpr std::size_t kOfOneProgram = 64;

  explicit PastImages(std::size_t capacity = 1024, std::size_t of_one_program = kOfOneProgram)
      : capacity_(capacity), of_one_program_(of_one_program) {}

  // Keeps an entry of the process table that is about to be replaced or taken out.
  void keep(const ProcessTable::Entry& entry);
  // What that pid ran at that moment: the newest entry that began before it. nullptr: not known.
  // Good until the next keep().
  const ProcessTable::Entry* find(std::uint32_t pid, base::WallTime at) const;

 private:
  using Kept = std::list<ProcessTable::Entry>;

  // Takes the place of the entry that has to make room for one of this program, if one has to.
  void make_room(const std::string& executable);

  std::size_t capacity_;
  std::size_t of_one_program_;
  Kept kept_;   // oldest first
  Kept spare_;  // at most one node, to be used again
  std::unordered_map<std::string, std::deque<Kept::iterator>> by_program_;  // each oldest first
};

}  // namespace agent::collect
