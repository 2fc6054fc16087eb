// The command line of a hub.
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "cli/cli.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  cli::Environment environment{std::cin, std::cout, std::cerr};
  environment.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  environment.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
    if (value == nullptr) return std::nullopt;
    return value;
  };
  const int status = cli::run({argv + 1, argv + argc}, environment);
  std::cout.flush();
  // A full disk or a closed pipe must not look like success.
  return status == 0 && !std::cout ? 1 : status;
}
