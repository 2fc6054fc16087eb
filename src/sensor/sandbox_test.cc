#include "sensor/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"
#include "os/scratch_testing.h"
#include "os/seccomp.h"
#include "sensor/capture/source.h"

// What is given up is given up for good, so that each case has a process of its own.
namespace sensor {
namespace {

// The exit status, or minus the signal that ended it.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Without a virtual function: the sanitizer that checks those asks the kernel what is refused here.
bool thread_runs() {
  static bool ran = false;
  pthread_t thread{};
  const auto body = [](void*) -> void* {
    ran = true;
    return nullptr;
  };
  return ::pthread_create(&thread, nullptr, body, nullptr) == 0 &&
         ::pthread_join(thread, nullptr) == 0 && ran;
}

bool refused(long result) {
  return result < 0 && errno == EPERM;
}

// Connected to itself, in place of a packet socket, which not everybody may have.
struct Pretended {
  Pretended() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()), 0);
    of_block.reset(::fcntl(ends[0], F_DUPFD_CLOEXEC, capture::kFirstDescriptor));
    other.reset(ends[0]);
    peer.reset(ends[1]);
  }
  std::array<int, 2> descriptors() const { return {of_block.get(), other.get()}; }
  os::Fd of_block;
  os::Fd other;
  os::Fd peer;
};

// Zero: all of it is as it should be.
int wrong_with_descriptor(int fd, int peer) {
  int number = 0;
  socklen_t size = sizeof number;
  std::array<char, 4> bytes{};
  if (!refused(::write(fd, "x", 1))) return 1;
  if (!refused(::send(fd, "x", 1, 0))) return 2;
  if (!refused(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &number, size))) return 3;
  if (!refused(::dup(fd)) || !refused(::fcntl(fd, F_DUPFD_CLOEXEC, 0))) return 4;
  sockaddr address{};
  if (!refused(::bind(fd, &address, sizeof address))) return 5;
  if (!refused(::connect(fd, &address, sizeof address))) return 6;
  // Reading, and asking, is what it is for.
  if (::write(peer, "abc", 3) != 3 || ::read(fd, bytes.data(), bytes.size()) != 3) return 7;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? 0 : 8;
}

class SandboxTest : public ::testing::Test {
 protected:
  SandboxTest() {
    config_.interface = "lo";
    config_.state_dir = scratch_ / "state";
    EXPECT_TRUE(os::make_dirs(config_.state_dir));
    EXPECT_TRUE(os::write_file_atomic(scratch_ / "other", "x"));
  }
  const os::ScratchDir scratch_;
  Config config_;
};

TEST_F(SandboxTest, KeepsInterfacesForListening) {
  const Pretended pretended;
  for (const char* const hub : {"", "/nowhere"}) {
    config_.hub.connection_string_file = hub;
    EXPECT_EQ(in_a_child([&] {
                if (!Sandbox::enter(config_, pretended.descriptors())) return 99;
                // That of the block, and one that is named, as libpcap's is.
                for (const int fd : pretended.descriptors()) {
                  if (const int wrong = wrong_with_descriptor(fd, pretended.peer.get()))
                    return wrong;
                }
                return 0;
              }),
              0)
        << hub;
  }
}

TEST_F(SandboxTest, LeavesWhatASensorAloneDoes) {
  EXPECT_EQ(in_a_child([&] {
              if (!Sandbox::enter(config_, {})) return 99;
              if (!os::write_file_atomic(config_.state_dir + "/status.json", "{}")) return 1;
              if (!os::make_dirs(config_.state_dir + "/spool")) return 2;
              if (os::resident_bytes() == 0) return 3;
              return thread_runs() ? 0 : 4;
            }),
            0);
}

TEST_F(SandboxTest, TakesTheRest) {
  EXPECT_EQ(in_a_child([&] {
              const auto sandbox = Sandbox::enter(config_, {});
              if (!sandbox) return 99;
              std::string text;
              base::json::Writer json(text);
              json.begin_object();
              sandbox->write_status(json);
              json.end_object();
              const bool landlock = text.find("\"files\":true") != std::string::npos;
              if (landlock && os::read_file(scratch_ / "other")) return 1;
              if (landlock && os::write_file_atomic(scratch_ / "more", "x")) return 2;
              if (!refused(::fork())) return 3;
              if (!refused(::execl("/bin/true", "true", nullptr))) return 4;
              for (const int family : {AF_INET, AF_INET6, AF_PACKET, AF_NETLINK, AF_UNIX}) {
                if (!refused(::socket(family, SOCK_DGRAM, 0))) return 5;
              }
              if (!refused(::kill(::getppid(), 0))) return 6;
              if (text.find(R"("capabilities":"")") == std::string::npos) return 7;
              if (text.find(R"("systemCalls":true)") == std::string::npos) return 8;
              ::syscall(SYS_ptrace, 0, 0, 0, 0);
              return 9;
            }),
            -SIGSYS);
}

TEST_F(SandboxTest, LeavesConnectionsWithAHub) {
  config_.hub.connection_string_file = "/nowhere";
  const os::Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  EXPECT_EQ(in_a_child([&] {
              if (!Sandbox::enter(config_, {})) return 99;
              const os::Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
              if (!socket || ::connect(socket.get(), generic, size) != 0) return 1;
              const os::Fd second(::socket(AF_INET, SOCK_STREAM, 0));
              address.sin_port = 0;
              if (!refused(::bind(second.get(), generic, size))) return 2;
              return refused(::socket(AF_PACKET, SOCK_RAW, 0)) ? 0 : 3;
            }),
            0);
}

TEST_F(SandboxTest, IsSaidToBeSwitchedOff) {
  config_.sandbox = Sandboxing::Off;
  EXPECT_EQ(in_a_child([&] {
              const auto sandbox = Sandbox::enter(config_, {});
              if (!sandbox) return 99;
              std::string text;
              base::json::Writer json(text);
              json.begin_object();
              sandbox->write_status(json);
              json.end_object();
              if (text.find(R"("systemCalls":false)") == std::string::npos) return 1;
              if (text.find("privileges.sandbox") == std::string::npos) return 2;
              return os::read_file(scratch_ / "other") ? 0 : 3;
            }),
            0);
}

// A filter that is there already refuses another: that is an error, or told.
TEST_F(SandboxTest, FailsWhereItCannotBe) {
  for (const bool required : {true, false}) {
    config_.sandbox = required ? Sandboxing::Required : Sandboxing::IfPossible;
    EXPECT_EQ(in_a_child([&] {
                os::SyscallFilter filter(os::SyscallFilter::Action::Allow);
                filter.add({SYS_seccomp}, os::SyscallFilter::Action::Absent);
                if (!os::keep_only({}) || !filter.install()) return 98;
                const auto sandbox = Sandbox::enter(config_, {});
                return sandbox.has_value() == required ? 1 : 0;
              }),
              0);
  }
}

}  // namespace
}  // namespace sensor
