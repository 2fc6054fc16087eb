#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sigma/program.h"

// What gives a rule away; for the sources of this folder.
namespace sigma {

struct Sign {
  std::uint32_t slot = 0;
  Clue clue;
};

// Signs of which at least one is seen in everything that satisfies a rule.
struct Witness {
  std::vector<Sign> signs;
  double likely = 0;  // how often, roughly, one is seen in what does not
};

// The one that is seen most rarely; nullopt: nothing is known. Threads: pure.
std::optional<Witness> witness_of(const Program& program, const CompiledRule& rule);

}  // namespace sigma
