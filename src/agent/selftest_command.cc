#include "agent/selftest_command.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/local/local_socket.h"
#include "agent/local/selftest.h"
#include "agent/status.h"
#include "base/json.h"

namespace agent {

using base::Code;
using base::fail;
using base::Result;
using namespace std::chrono_literals;

namespace {

// Until collectors have begun: with BPF a moment, with a baseline beside it some more.
constexpr auto kBegun = 10s;
// What is imitated in the very first moment may come before the last source listens.
constexpr auto kSettled = 700ms;

int failed(const base::Error& error) {
  std::fputs(("vedette-agent: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

bool readable_within(int fd, std::chrono::milliseconds time) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(time.count())) == 1;
}

// Collectors for this test alone: the program itself, printing.
class OwnCollectors {
 public:
  static Result<OwnCollectors> start(const std::vector<std::string_view>& flags) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::fail_errno("pipe");
    OwnCollectors own;
    own.events_.reset(pipe[0]);
    const os::Fd write_end(pipe[1]);
    std::vector<std::string> words = {"vedette-agent", "run", "--print"};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> arguments;
    for (std::string& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    own.pid_ = ::fork();
    if (own.pid_ < 0) return base::fail_errno("fork");
    if (own.pid_ == 0) {
      ::dup2(write_end.get(), STDOUT_FILENO);
      ::execv("/proc/self/exe", arguments.data());
      ::_exit(127);
    }
    return own;
  }
  OwnCollectors(OwnCollectors&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), events_(std::move(other.events_)) {}
  OwnCollectors& operator=(OwnCollectors&&) = delete;
  ~OwnCollectors() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  os::Fd take_events() { return std::move(events_); }

 private:
  OwnCollectors() = default;
  pid_t pid_ = 0;
  os::Fd events_;
};

// The first folder that the running agent watches.
std::string watched_folder(const Config& config) {
  const auto status = local::ask_status(config.state.dir, 5s);
  if (!status) return {};
  const auto read = base::json::parse(*status);
  const base::json::Value* const paths = read ? read->find("filePaths") : nullptr;
  if (paths == nullptr || paths->if_array() == nullptr) return {};
  for (const base::json::Value& path : *paths->if_array()) {
    const std::string* const text = path.if_string();
    if (text != nullptr && ::access((*text + "/.").c_str(), W_OK) == 0) return *text;
  }
  return {};
}

int report(local::SelftestOptions options, bool json) {
  const bool own = options.own;
  const auto done = local::selftest(std::move(options));
  if (!done) return failed(done.error());
  const std::vector<local::Trial>& trials = *done;
  if (json) {
    std::fputs(local::json_of(trials, own).c_str(), stdout);
  } else {
    std::fputs(own ? "no agent runs here; seen by collectors of this test's own:\n"
                   : "seen by the running agent:\n",
               stdout);
    std::fputs(local::table_of(trials).c_str(), stdout);
  }
  return local::passed(trials) ? 0 : 1;
}

}  // namespace

int selftest_command(const Config& config, const std::vector<std::string_view>& flags, bool json) {
  local::SelftestOptions options;
  auto running = local::open_events(config.state.dir);
  if (running) {
    // Its first line says that it listens to us.
    if (!readable_within(running->get(), kBegun))
      return failed({Code::Unavailable, "agent", -1, "does not answer"});
    options.events = std::move(*running);
    options.file_path = watched_folder(config);
    return report(std::move(options), json);
  }
  if (running.error().code != Code::NotFound) return failed(running.error());
  std::optional<OwnCollectors> own;
  options.own = true;
  // A picture of the ports is taken as they begin, and again not for hours: by then the port of the
  // test is open.
  options.begin = [&]() -> Result<os::Fd> {
    own.emplace(TRY(OwnCollectors::start(flags)));
    os::Fd events = own->take_events();
    if (!readable_within(events.get(), kBegun))
      return fail(Code::Unavailable, "collectors", -1, "did not begin; try vedette-agent probe");
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(kSettled).count()));
    return events;
  };
  return report(std::move(options), json);
}

}  // namespace agent
