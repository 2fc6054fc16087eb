#pragma once

#include <span>
#include <string_view>

// What is done to the stores of a data folder whose hub does not run: `vedette-hub store ...`.
namespace hub {

// `words` are what follows "store" on the command line. Prints a line of JSON, or what is wrong to
// standard error. The exit status: 0, 1 (it failed, or damage was found), 2 (the command line).
int store_command(std::span<const std::string_view> words);

}  // namespace hub
