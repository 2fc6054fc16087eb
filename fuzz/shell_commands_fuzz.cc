// Command lines: whatever a process calls itself and its arguments, there are bounded commands of
// it, and whatever is told of them is text within bounds.
#include "base/bytes.h"
#include "base/result.h"
#include "shell/commands.h"

namespace {

void check(const shell::Commands& commands) {
  ASSERT(commands.size() >= 1);
  ASSERT(commands.size() <= shell::kMaxCommands);
  for (std::size_t command = 0; command < commands.size(); ++command) {
    for (std::size_t i = 0; i < shell::kFields; ++i) {
      const auto field = static_cast<shell::Field>(i);
      const auto values = commands.values(command, field);
      ASSERT(values.size() <= 1 || shell::info(field).count == shell::Count::List);
      for (const std::string_view value : values) {
        // Every byte can be read: a sanitizer says when one cannot.
        unsigned sum = 0;
        for (const char c : value)
          sum += static_cast<unsigned char>(c);
        ASSERT(value.empty() || sum + 1 > 0);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  static shell::Commands commands;
  // As a shell's text, as another program's arguments, and as exact ones.
  const std::string line = "sh -c " + std::string(text);
  for (const char* executable : {"/bin/sh", "/usr/bin/python3", "/usr/bin/find"}) {
    commands.read({.executable = executable,
                   .command_line = executable[5] == 's' ? line : text,
                   .argv_json = {},
                   .current_directory = "/tmp",
                   .user = "root",
                   .user_id = "0",
                   .parent_executable = "/sbin/init",
                   .parent_command_line = {},
                   .terminal = {},
                   .ancestors = {}});
    check(commands);
  }
  commands.read({.executable = "/bin/sh",
                 .command_line = line,
                 .argv_json = text,
                 .current_directory = {},
                 .user = {},
                 .user_id = {},
                 .parent_executable = {},
                 .parent_command_line = {},
                 .terminal = {},
                 .ancestors = {}});
  check(commands);
  return 0;
}
