#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// What is known of programs by their names: facts of their manuals.
namespace shell {

// Names of options that take the next word. Short ones are letters; long ones (with one or two
// dashes, as written) are separated by blanks.
struct Takes {
  std::string_view letters;
  std::string_view words;
};

bool takes_letter(const Takes& takes, char letter);
bool takes_word(const Takes& takes, std::string_view word);

// A program that starts the one in its arguments.
struct Wrapper {
  std::string_view name;
  Takes takes;
  std::uint8_t before = 0;   // operands before the program
  bool assignments = false;  // NAME=value may stand before it
};
const Wrapper* find_wrapper(std::string_view name);

// The options of a program that is no wrapper; nullptr: not known.
const Takes* find_takes(std::string_view name);

bool is_shell(std::string_view name);
// sh for every shell, python, perl, ruby, php, node, lua, awk, tcl, powershell, r; empty: no
// interpreter. Versions in names are passed over: python3.11.
std::string_view interpreter_of(std::string_view name);

// How interpreters other than shells take their program.
struct Language {
  std::string_view name;  // of interpreter_of()
  Takes takes;
  std::string_view code;  // letters of options whose value is code: "c"
  std::string_view code_words;
  std::string_view module;  // letters of options after which there is no script: "m"
  std::string_view file;    // letters of options whose value is the script: "f"
  bool first_operand_is_code = false;
};
const Language* find_language(std::string_view interpreter);

// Programs that are several under one file: what they are is their first argument's name.
bool is_multi_call(std::string_view executable_name);

enum class Fetcher : std::uint8_t {
  None,
  Wget,
  Curl,
  Named,
  Copy,
  Tftp,
  Ftpget,
  Git,
  Printer,
  Net
};
// How it downloads, if it does. Printer: to its standard output. Named: -o FILE. Copy: scp, rsync.
// Net: a plain connection.
Fetcher fetcher_of(std::string_view name);

enum class Files : std::uint8_t { None, Copies, Links, Tee, Dd, All, SedLike, Last };
// Which of its operands it writes. All: each (truncate, touch). None of rm's are written.
Files files_of(std::string_view name);
// Operands are files, also without a slash.
bool takes_files(std::string_view name);
// Operands are hosts, also without dots.
bool takes_hosts(std::string_view name);

}  // namespace shell
