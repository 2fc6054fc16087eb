#include "cli/hub_program.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

namespace cli {

namespace {

constexpr const char* kProgram = "vedette-hub";
// What it prints is one report.
constexpr std::size_t kMaxOutput = std::size_t{64} << 20U;

std::string program_path() {
  std::error_code failed;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", failed);
  const std::string beside = (own.parent_path() / kProgram).string();
  return !failed && os::file_exists(beside) ? beside : kProgram;
}

Outcome<pid_t> spawn(const std::vector<std::string>& arguments, int output) {
  std::vector<std::string> words{program_path()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid = -1;
  const int failed =
      ::posix_spawnp(&pid, pointers.front(), &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return give_up(Exit::Failure,
                   std::string("cannot run ") + kProgram + ": " + std::strerror(failed),
                   "What is done to a data folder itself needs that program on this machine.");
  }
  return pid;
}

}  // namespace

Outcome<std::string> run_hub_program(const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return give_up(Exit::Failure, std::strerror(errno));
  const os::Fd from(ends[0]);
  os::Fd to(ends[1]);
  const pid_t pid = TRY(spawn(arguments, to.get()));
  to = os::Fd();
  auto output = os::read_file("/proc/self/fd/" + std::to_string(from.get()), kMaxOutput);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return give_up(Exit::Failure, std::string(kProgram) + " was killed");
  if (WEXITSTATUS(status) != 0)
    return give_up(
        WEXITSTATUS(status) == static_cast<int>(Exit::Usage) ? Exit::Usage : Exit::Failure,
        std::string(kProgram) + " did not succeed");
  if (!output) return give_up(Exit::Failure, output.error().to_string());
  return std::move(*output);
}

}  // namespace cli
