#pragma once

#include <span>
#include <string_view>

#include "shell/arguments.h"
#include "shell/path.h"
#include "shell/table.h"

namespace shell {

// A command whose arguments were told apart.
struct Parsed {
  std::size_t command = 0;  // of the table
  std::string_view program;
  std::span<const Word> words;  // with the program
  const Arguments& arguments;
  Place place;
};

// Fills what follows from a command's own arguments: Argument, Option, OptionValue, Operand and
// OperandPath.
void add_arguments(const Parsed& parsed, Table& table, Arena& arena);

// The files that it writes and sends, the addresses in it, and what it downloads where.
void add_facts(const Parsed& parsed, Table& table, Arena& arena);

// A word that names a host or a URL.
void add_addresses(std::size_t command, std::string_view word, Table& table, Arena& arena);

// Whether it writes what it downloads to its standard output.
bool prints_download(const Parsed& parsed, const Table& table);

}  // namespace shell
