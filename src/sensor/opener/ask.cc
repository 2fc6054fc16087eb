#include "sensor/opener/ask.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/parcel.h"
#include "sensor/opener/messages.h"

namespace sensor::opener {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 12s;  // longer than a helper lives
// How a child says why it did not become the helper.
constexpr int kMayNot = 126;
constexpr int kCannot = 127;

[[noreturn]] void become_helper(const char* program, int socket) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool ready = ::dup2(socket, STDIN_FILENO) >= 0 && ::dup2(nothing, STDOUT_FILENO) >= 0;
  // A socket that was standard input already is still to be closed by execve(2).
  if (!ready || ::fcntl(STDIN_FILENO, F_SETFD, 0) != 0) ::_exit(kCannot);
  const std::array<const char*, 2> arguments{program, nullptr};
  const std::array<char*, 1> environment{nullptr};
  ::execve(program, const_cast<char* const*>(arguments.data()), environment.data());
  ::_exit(errno == EPERM || errno == EACCES ? kMayNot : kCannot);
}

// A helper that was started, which ends with this.
class Child {
 public:
  static Result<Child> start(const std::string& program) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return fail_errno("socketpair");
    Child child;
    child.socket_.reset(ends[0]);
    const os::Fd theirs(ends[1]);
    child.pid_ = ::fork();
    if (child.pid_ < 0) return fail_errno("fork");
    if (child.pid_ == 0) become_helper(program.c_str(), theirs.get());
    return child;
  }
  Child(Child&& other) noexcept
      : socket_(std::move(other.socket_)), pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    [[maybe_unused]] const int status = wait();
  }

  int socket() const { return socket_.get(); }
  // The exit status, or minus a signal; once.
  int wait() {
    int status = 0;
    const pid_t pid = std::exchange(pid_, -1);
    if (pid <= 0) return 0;
    while (::waitpid(pid, &status, 0) < 0) {
      if (errno != EINTR) return 0;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  Child() = default;
  os::Fd socket_;
  pid_t pid_ = -1;
};

Result<os::Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path)
    return fail(Code::Invalid, "helper's socket", -1, path + ": too long a path");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  os::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  if (errno == EACCES) return fail(Code::Denied, "helper's socket", -1, path);
  return fail_errno("helper's socket", path);
}

Result<void> check_descriptor(const os::Fd& fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_PACKET)
    return fail(Code::Malformed, "helper", -1, "sent something else than packet sockets");
  return {};
}

Result<std::vector<os::Fd>> converse(int socket, const Wanted& wanted) {
  TRY(os::send_parcel(socket, encode_request(wanted), {}));
  auto answer = TRY(
      os::receive_parcel(socket, {.bytes = kMostAnswer, .descriptors = wanted.count}, kPatience));
  TRY(decode_answer(answer.message));
  if (answer.descriptors.size() != wanted.count)
    return fail(
        Code::Malformed, "helper", -1,
        fmt::format("sent {} descriptors, not {}", answer.descriptors.size(), wanted.count));
  for (const os::Fd& one : answer.descriptors)
    TRY(check_descriptor(one));
  return std::move(answer.descriptors);
}

// What a conversation's end means, given how the helper ended.
base::Error explained(base::Error error, const std::string& program, int status) {
  // It is gone, before or after it was spoken to.
  const bool gone = error.code == Code::Closed ||
                    (error.code == Code::Io && (error.at == EPIPE || error.at == ECONNRESET));
  if (!gone) return error;
  if (status == kMayNot)
    return {Code::Denied, "helper", -1, program + ": may not be executed, or not with its rights"};
  if (status == kCannot) return {Code::Unavailable, "helper", -1, program + ": is no program"};
  return {Code::Unavailable, "helper", -1, fmt::format("{}: ended with {}", program, status)};
}

}  // namespace

Result<std::vector<os::Fd>> ask_helper(const std::string& place, const Wanted& wanted) {
  struct stat status{};
  if (::stat(place.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return fail(Code::NotFound, "helper", -1, place);
    return fail_errno("helper", place);
  }
  if (S_ISSOCK(status.st_mode)) {
    const os::Fd socket = TRY(connect_to(place));
    return converse(socket.get(), wanted);
  }
  Child child = TRY(Child::start(place));
  auto sockets = converse(child.socket(), wanted);
  if (sockets || (sockets.error().code != Code::Closed && sockets.error().code != Code::Io))
    return sockets;
  return std::unexpected(explained(std::move(sockets).error(), place, child.wait()));
}

}  // namespace sensor::opener
