#include "os/connect.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/text.h"

namespace os {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
using Addresses = std::vector<Address>;
constexpr std::size_t kMaxAddresses = 16;

// Blocks for as long as the resolver likes, unless `flags` asks for numbers only.
Result<Addresses> resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  // localhost is the loopback interface whatever a resolver says (RFC 6761 section 6.3); a bare
  // system has no /etc/hosts to say so. No node at all means the loopback addresses.
  const char* node = base::equal_ignore_case(host, "localhost") ? nullptr : host.c_str();
  const int status = ::getaddrinfo(node, std::to_string(port).c_str(), &hints, &list);
  if (status == EAI_AGAIN)
    return fail(Code::Unavailable, "resolve", -1, host + ": " + ::gai_strerror(status));
  if (status != 0) return fail(Code::NotFound, "resolve", -1, host + ": " + ::gai_strerror(status));
  Addresses addresses;
  for (const addrinfo* entry = list; entry != nullptr && addresses.size() < kMaxAddresses;
       entry = entry->ai_next) {
    Address address;
    address.size = std::min<socklen_t>(entry->ai_addrlen, sizeof address.storage);
    std::memcpy(&address.storage, entry->ai_addr, address.size);
    addresses.push_back(address);
  }
  ::freeaddrinfo(list);
  return addresses;
}

std::string to_text(const Address& address) {
  char host[64];
  char port[8];
  const int status =
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&address.storage), address.size, host,
                    sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  if (status != 0) return "?";
  return address.storage.ss_family == AF_INET6 ? std::string("[") + host + "]:" + port
                                               : std::string(host) + ":" + port;
}

// The way back from a resolver's thread: closed when nobody waits any more, for the thread may
// outlive the loop.
struct Mailbox {
  std::mutex mutex;
  Loop* loop = nullptr;  // guarded by mutex
};

// A thread that takes no signals: they belong to the loop.
bool start_thread(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace

struct Connect::State : std::enable_shared_from_this<Connect::State> {
  State(Loop& the_loop, std::string the_host, Done the_done)
      : loop(the_loop), host(std::move(the_host)), done(std::move(the_done)) {}

  Loop& loop;
  std::string host;
  Done done;
  base::MonoTime deadline;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  TimerId timer = 0;
  Addresses addresses;
  std::size_t next = 0;
  Fd socket;
  Error last_error{Code::NotFound, "connect", -1, "no address"};

  void resolve_on_thread(std::uint16_t port);
  void resolved(Result<Addresses> result);
  void try_next();
  Result<bool> begin(const Address& address);
  void attempt_failed(int error, const Address& address);
  void writable();
  void set_timer(std::chrono::nanoseconds delay, void (State::*action)());
  void timed_out();
  void attempt_timed_out();
  void finish(Result<Fd> result);
  void abandon();
};

void Connect::State::set_timer(std::chrono::nanoseconds delay, void (State::*action)()) {
  loop.cancel(timer);
  timer = loop.after(delay, [this, action] { (this->*action)(); });
}

void Connect::State::abandon() {
  loop.cancel(timer);
  if (socket) loop.unwatch(socket.get());
  socket.reset();
  const std::lock_guard lock(mailbox->mutex);
  mailbox->loop = nullptr;
}

void Connect::State::finish(Result<Fd> result) {
  abandon();
  const auto keep = shared_from_this();  // `done` may destroy the Connect
  std::exchange(done, nullptr)(std::move(result));
}

void Connect::State::timed_out() {
  finish(fail(Code::Unavailable, "resolve", -1, host + ": no answer in time"));
}

void Connect::State::resolve_on_thread(std::uint16_t port) {
  mailbox->loop = &loop;
  const bool started = start_thread([box = mailbox, weak = weak_from_this(), name = host, port] {
    auto result = resolve(name, port, 0);
    const std::lock_guard lock(box->mutex);
    if (box->loop == nullptr) return;
    box->loop->post([weak, answer = std::move(result)]() mutable {
      if (const auto state = weak.lock(); state && state->done) state->resolved(std::move(answer));
    });
  });
  if (!started) resolved(fail(Code::Unavailable, "resolve", -1, host + ": no thread"));
}

void Connect::State::resolved(Result<Addresses> result) {
  if (!result) {
    finish(std::unexpected(std::move(result).error()));
    return;
  }
  addresses = std::move(*result);
  try_next();
}

// Each address gets its share of the time that is left.
void Connect::State::try_next() {
  while (next < addresses.size()) {
    const std::size_t left = addresses.size() - next;
    const Address& address = addresses[next++];
    auto pending = begin(address);
    if (!pending) {
      last_error = std::move(pending).error();
      continue;
    }
    const auto share = (deadline - base::mono_now()) / static_cast<int>(left);
    set_timer(std::max(share, std::chrono::nanoseconds(0)), &State::attempt_timed_out);
    return;
  }
  finish(std::unexpected(last_error));
}

Result<bool> Connect::State::begin(const Address& address) {
  socket.reset(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return base::fail_errno("socket");
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int status =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  // A connection that is there at once is reported as writable too.
  if (status != 0 && errno != EINPROGRESS) return base::fail_errno("connect", to_text(address));
  TRY(loop.watch(socket.get(), Loop::kWritable, [this](std::uint32_t) { writable(); }));
  return true;
}

void Connect::State::writable() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  loop.unwatch(socket.get());
  if (error != 0) {
    attempt_failed(error, addresses[next - 1]);
    return;
  }
  finish(std::move(socket));
}

void Connect::State::attempt_failed(int error, const Address& address) {
  last_error = Error{Code::Io, "connect", error, to_text(address)};
  try_next();
}

void Connect::State::attempt_timed_out() {
  loop.unwatch(socket.get());
  last_error =
      Error{Code::Unavailable, "connect", -1, to_text(addresses[next - 1]) + ": no answer in time"};
  try_next();
}

Connect::Connect(Loop& loop, const std::string& host, std::uint16_t port,
                 std::chrono::nanoseconds timeout, Done done)
    : state_(std::make_shared<State>(loop, host, std::move(done))) {
  State& state = *state_;
  state.deadline = base::mono_now() + timeout;
  if (auto numeric = resolve(host, port, AI_NUMERICHOST)) {
    state.addresses = std::move(*numeric);
    state.set_timer(std::chrono::nanoseconds(0), &State::try_next);
  } else {
    state.set_timer(timeout, &State::timed_out);
    state.resolve_on_thread(port);
  }
}

Connect::~Connect() {
  state_->done = nullptr;
  state_->abandon();
}

}  // namespace os
