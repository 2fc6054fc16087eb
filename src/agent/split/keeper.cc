#include "agent/split/keeper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/split/confinement.h"
#include "base/log.h"
#include "os/process.h"

namespace agent::split {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

// How long a worker may take to say farewell once its channel has ended.
constexpr auto kFarewell = 1500ms;
constexpr char kReplace = 'r';

Result<std::pair<os::Fd, os::Fd>> make_pair_of_sockets(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno("socketpair");
  return std::pair{os::Fd(ends[0]), os::Fd(ends[1])};
}

union ControlSpace {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// The worker's pid, and the agent's end of its channel.
bool send_channel(int control, const os::Fd& channel, pid_t pid) {
  ControlSpace space{};
  iovec part{&pid, sizeof pid};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = sizeof space.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = channel.get();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(control, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof pid);
}

void close_all_but(int keep) {
  const auto limit = static_cast<int>(std::min<long>(::sysconf(_SC_OPEN_MAX), 65536));
  // close_range(2) needs Linux 5.9; without it one by one.
  const auto first = static_cast<unsigned>(keep);
  if (::close_range(first + 1, ~0U, 0) == 0 && (keep == 3 || ::close_range(3, first - 1, 0) == 0))
    return;
  for (int fd = 3; fd < limit; ++fd) {
    if (fd != keep) ::close(fd);
  }
}

// The keeper's side of it: a plain loop over two descriptors.
class Keeping {
 public:
  Keeping(Keeper::Options options, os::Fd control)
      : options_(std::move(options)),
        control_(std::move(control)),
        delay_(options_.backoff_first) {}

  [[noreturn]] void run() {
    prepare();
    start_worker();
    os::release_startup_memory();
    for (;;)
      turn();
  }

 private:
  void prepare() {
    ::prctl(PR_SET_NAME, "vedette-keeper", 0, 0, 0);
    close_all_but(control_.get());
    // A signal to all of the process group is for the agent, which ends us by closing.
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
      ::signal(number, SIG_IGN);
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the keeper has no threads
    ::sigprocmask(SIG_SETMASK, &children, nullptr);
    signals_.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) stop("signalfd");
    if (const auto kept = os::keep_only(options_.rights); !kept) {
      LOG_ERROR("network.not_confined").field("error", kept.error().to_string());
      ::_exit(1);
    }
    os::hide_memory();
    if (const auto refused = refuse_dangerous_calls(); !refused) {
      LOG_WARNING("network.not_filtered").field("error", refused.error().to_string());
    }
  }

  [[noreturn]] static void stop(const char* step) {
    LOG_ERROR("keeper.failed").field("step", step).field("errno", errno);
    ::_exit(1);
  }

  void start_worker() {
    auto channel = make_pair_of_sockets(SOCK_STREAM | SOCK_NONBLOCK);
    const pid_t keeper = ::getpid();
    const pid_t pid = channel ? ::fork() : -1;
    if (pid == 0) {
      control_.reset();
      signals_.reset();
      channel->first.reset();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (::getppid() != keeper) ::_exit(1);  // it ended before that
      sigset_t none;
      ::sigemptyset(&none);
      // NOLINTNEXTLINE(concurrency-mt-unsafe): a child of fork() has no threads
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::_exit(options_.work(std::move(channel->second)));
    }
    started_ = Clock::now();
    if (pid < 0) {
      LOG_WARNING("network.not_started").field("errno", errno);
      plan_restart();
      return;
    }
    worker_ = pid;
    if (!send_channel(control_.get(), channel->first, pid)) finish();
  }

  void plan_restart() {
    if (Clock::now() - started_ >= options_.proven) delay_ = options_.backoff_first;
    restart_at_ = Clock::now() + delay_;
    delay_ = std::min(delay_ * 2, options_.backoff_most);
  }

  void turn() {
    std::array<pollfd, 2> waits = {{{control_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    int timeout = -1;
    if (worker_ == 0) {
      const auto left = std::chrono::ceil<milliseconds>(restart_at_ - Clock::now());
      timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) stop("poll");
    if (waits[1].revents != 0) reap();
    if (waits[0].revents != 0) hear();
    if (worker_ == 0 && Clock::now() >= restart_at_) start_worker();
  }

  void reap() {
    signalfd_siginfo ignored{};
    while (::read(signals_.get(), &ignored, sizeof ignored) > 0) {
    }
    int status = 0;
    for (;;) {
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return;
      if (pid != worker_) continue;
      worker_ = 0;
      plan_restart();
      // It ended because its channel did: so do we, in a moment.
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      LOG_WARNING("network.ended")
          .field("status", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status))
          .field("restart_ms", std::chrono::ceil<milliseconds>(restart_at_ - Clock::now()).count());
    }
  }

  void hear() {
    char word = 0;
    const ssize_t size = ::recv(control_.get(), &word, 1, MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) finish();
    if (size == 1 && word == kReplace && worker_ != 0) ::kill(worker_, SIGKILL);
  }

  // The agent is gone: the worker's channel has ended, too.
  [[noreturn]] void finish() {
    const auto deadline = Clock::now() + kFarewell;
    while (worker_ != 0 && Clock::now() < deadline) {
      pollfd wait{signals_.get(), POLLIN, 0};
      const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
      ::poll(&wait, 1, static_cast<int>(left.count()));
      if (::waitpid(worker_, nullptr, WNOHANG) == worker_) worker_ = 0;
    }
    if (worker_ != 0) ::kill(worker_, SIGKILL);
    ::_exit(0);
  }

  Keeper::Options options_;
  os::Fd control_;
  os::Fd signals_;
  pid_t worker_ = 0;
  Clock::time_point started_;
  Clock::time_point restart_at_;
  milliseconds delay_;
};

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(Options options) {
  // Of packets: a worker is announced whole.
  auto control = TRY(make_pair_of_sockets(SOCK_SEQPACKET));
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) {
    control.first.reset();
    Keeping(std::move(options), std::move(control.second)).run();
  }
  return std::unique_ptr<Keeper>(new Keeper(std::move(control.first), pid));
}

Keeper::~Keeper() {
  control_.reset();
  // Bounded by the keeper itself.
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<Keeper::Started> Keeper::take() {
  Started last;
  for (;;) {
    ControlSpace space{};
    pid_t pid = 0;
    iovec part{&pid, sizeof pid};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space.bytes.data();
    message.msg_controllen = sizeof space.bytes;
    const ssize_t size = ::recvmsg(control_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return last;
    if (size <= 0) return fail(Code::Closed, "keeper of the network process");
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    last = {os::Fd(fd), pid};
  }
}

void Keeper::replace_worker() {
  [[maybe_unused]] const ssize_t size =
      ::send(control_.get(), &kReplace, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace agent::split
