#include "sensor/opener/helper.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/parcel.h"
#include "os/privilege.h"
#include "os/process.h"
#include "sensor/opener/messages.h"

namespace sensor::opener {

using base::Code;
using base::fail;
using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 5s;
constexpr unsigned int kLifetime = 10;  // seconds, whatever happens
// Whom it becomes when it was started as root: the kernel's own "nobody".
constexpr uid_t kNobody = 65534;

int failed(const base::Error& error) {
  std::fputs(("vedette-sensor-open: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

// Nothing that is opened later may stand where standard error is expected; nothing that was open
// before is of use.
Result<void> tidy_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR | O_CLOEXEC) != fd) return base::fail_errno("/dev/null");
  }
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  return {};
}

Result<void> check_socket(int socket) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || domain != AF_UNIX ||
      type != SOCK_SEQPACKET) {
    return fail(Code::Invalid, "standard input", -1,
                "vedette-sensor starts this program, or a socket unit does");
  }
  return {};
}

Result<void> keep_one_right() {
  os::Rights rights;
  rights.keep = os::capability(CAP_NET_RAW);
  if (::geteuid() == 0) rights.account = os::Account{"nobody", kNobody, kNobody};
  return os::keep_only(rights);
}

}  // namespace

Result<HelperOptions> read_helper_arguments(const std::vector<std::string_view>& words) {
  HelperOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--only")
      return fail(Code::Invalid, "arguments", -1, "unknown: " + std::string(words[i]));
    if (i + 1 == words.size()) return fail(Code::Invalid, "arguments", -1, "--only needs a name");
    Wanted named{.interface = std::string(words[++i]), .count = 1, .bytes = kFewestBlocks * kBlock};
    TRY(check(named, ~std::uint64_t{0}));
    options.only.push_back(std::move(named.interface));
  }
  return options;
}

Result<std::vector<os::Fd>> serve_request(base::ByteView request, const HelperOptions& options,
                                          std::uint64_t memory) {
  const Wanted wanted = TRY(decode_request(request));
  TRY(check(wanted, memory));
  if (!options.only.empty() &&
      std::ranges::find(options.only, wanted.interface) == options.only.end())
    return fail(Code::Denied, "interface", -1, "not one that the helper was started for");
  return open_packet_sockets(wanted);
}

int run_helper(int socket, const HelperOptions& options) {
  ::alarm(kLifetime);
  os::hide_memory();
  if (const auto tidy = tidy_descriptors(); !tidy) return failed(tidy.error());
  if (const auto fits = check_socket(socket); !fits) return failed(fits.error());
  if (const auto kept = keep_one_right(); !kept) return failed(kept.error());
  const auto request =
      os::receive_parcel(socket, {.bytes = kMostRequest, .descriptors = 0}, kPatience);
  if (!request) return failed(request.error());
  const auto sockets = serve_request(request->message, options, os::memory_bytes());
  if (const auto dropped = os::keep_only({}); !dropped) return failed(dropped.error());
  std::vector<int> descriptors;
  if (sockets) {
    for (const os::Fd& one : *sockets)
      descriptors.push_back(one.get());
  }
  const Result<void> outcome =
      sockets ? Result<void>() : Result<void>(std::unexpected(sockets.error()));
  if (const auto sent = os::send_parcel(socket, encode_answer(outcome), descriptors); !sent)
    return failed(sent.error());
  // Who asked says why.
  return outcome ? 0 : 1;
}

}  // namespace sensor::opener
