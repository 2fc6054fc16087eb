#pragma once

#include <string_view>
#include <vector>

#include "shell/arena.h"
#include "shell/script.h"

namespace shell {

// Appends the texts of a JSON array of text. False when it is none; then nothing is appended.
// Texts are views of `json` or in the arena. Threads: pure. Source: RFC 8259.
bool read_argv_json(std::string_view json, std::vector<Word>& words, Arena& arena);

}  // namespace shell
