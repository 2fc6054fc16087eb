// Reads one message a line from standard input and writes one verdict a line, 1 for valid and 0 for
// invalid: the side of ours in tests/schema/parity.mjs. The mode is strict, classic or lenient.
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "schema/decode.h"

int main(int argc, char** argv) {
  const std::string_view word = argc == 2 ? argv[1] : "";
  schema::Mode mode = schema::Mode::Strict;
  if (word == "classic") {
    mode = schema::Mode::Classic;
  } else if (word == "lenient") {
    mode = schema::Mode::Lenient;
  } else if (word != "strict") {
    std::fputs("usage: schema_verdicts strict|classic|lenient <MESSAGES\n", stderr);
    return 2;
  }
  std::ios::sync_with_stdio(false);
  schema::Decoder decoder;
  std::string line;
  while (std::getline(std::cin, line)) {
    const bool valid = decoder.validate(line, mode).valid();
    // Decoding judges by the same rules, and leniency only ever forgives.
    const bool same = decoder.decode(line, mode).valid() == valid;
    const bool forgives = !valid || decoder.validate(line, schema::Mode::Lenient).valid();
    std::cout << (!same       ? "decode differs"
                  : !forgives ? "lenient is stricter"
                  : valid     ? "1"
                              : "0")
              << '\n';
  }
}
