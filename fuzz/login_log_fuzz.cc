// Lines of a system log, as a reader of auth.log gets them, and messages without their head.
#include "agent/logins/message.h"
#include "agent/logins/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::WallTime now{std::chrono::seconds(1'800'000'000)};
  agent::logins::LineReader reader("log", [](const agent::logins::Observation&) {});
  [[maybe_unused]] const auto done = reader({data, size}, {}, now);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* program : {"sshd", "su", "sudo", "login", "dropbear"}) {
    [[maybe_unused]] const auto read = agent::logins::read_message(program, text);
  }
  return 0;
}
