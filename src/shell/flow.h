#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shell/arguments.h"

namespace shell {

// What goes through a pipe, or stands in a word: where it is known, and where it comes from.
struct Flow {
  std::optional<std::string_view> text;  // nullopt: not known
  int fetched = -1;                      // the command that downloaded it; -1: it was not
  bool decoded = false;
  // The commands that made it, of a substitution: [first, last).
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

// What a program writes when it is given `in`, where that follows from its arguments: echo, printf,
// cat, decoders and filters. `fetched` goes through filters, also where the text is not known.
// Texts are in the arena. Threads: pure.
Flow output_of(std::string_view program, std::span<const Word> words, const Arguments& arguments,
               const Flow& in, Arena& arena);

}  // namespace shell
