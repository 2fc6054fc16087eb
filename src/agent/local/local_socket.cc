#include "agent/local/local_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/time.h"

namespace agent::local {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxClients = 8;
constexpr std::size_t kMaxQuestion = 64;
constexpr std::size_t kMaxUnsent = 1U << 20U;
constexpr std::size_t kMaxAnswer = 1U << 20U;
// To ask in, and to take an answer in.
constexpr auto kPatience = 5s;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Code::TooLarge, "local socket", -1, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Root, or whoever we are.
bool may_ask(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace

std::string socket_path(const std::string& state_dir) {
  return state_dir + "/agent.sock";
}

struct LocalSocket::State {
  struct Client {
    os::Fd socket;
    std::string question;
    std::string unsent;
    bool listens = false;
    bool answered = false;  // goes once it has all of it
    os::TimerId patience = 0;
  };

  os::Loop& loop;
  std::string path;
  std::function<std::string()> status;
  os::Fd socket;
  std::list<Client> clients;

  State(os::Loop& the_loop, std::string the_path, std::function<std::string()> the_status)
      : loop(the_loop), path(std::move(the_path)), status(std::move(the_status)) {}

  void accept() {
    os::Fd peer(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer || clients.size() >= kMaxClients || !may_ask(peer.get())) return;
    clients.emplace_back();
    const auto client = std::prev(clients.end());
    client->socket = std::move(peer);
    client->patience = loop.after(kPatience, [this, client] { drop(client); });
    const auto watched = loop.watch(client->socket.get(), os::Loop::kReadable,
                                    [this, client](std::uint32_t ready) { turn(client, ready); });
    if (!watched) drop(client);
  }

  void drop(std::list<Client>::iterator client) {
    loop.cancel(client->patience);
    loop.unwatch(client->socket.get());
    clients.erase(client);
  }

  void turn(std::list<Client>::iterator client, std::uint32_t ready) {
    if ((ready & os::Loop::kReadable) && !read(client)) return;
    if ((ready & os::Loop::kWritable) || !client->unsent.empty()) flush(client);
  }

  // False: the client is gone.
  bool read(std::list<Client>::iterator client) {
    std::array<char, kMaxQuestion> bytes;
    const ssize_t size = ::recv(client->socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size <= 0) {
      drop(client);
      return false;
    }
    if (client->listens || client->answered) return true;
    client->question.append(bytes.data(), static_cast<std::size_t>(size));
    const std::size_t end = client->question.find('\n');
    if (end == std::string::npos && client->question.size() < kMaxQuestion) return true;
    answer(client, std::string_view(client->question).substr(0, end));
    return true;
  }

  void answer(std::list<Client>::iterator client, std::string_view question) {
    if (question == "events") {
      client->listens = true;
      loop.cancel(std::exchange(client->patience, 0));
      // So that it knows that from here on it misses nothing.
      client->unsent = "{}\n";
      return;
    }
    client->answered = true;
    client->unsent = question == "status" ? status() : R"({"error":"status or events?"})";
    client->unsent += '\n';
  }

  void flush(std::list<Client>::iterator client) {
    while (!client->unsent.empty()) {
      const ssize_t size = ::send(client->socket.get(), client->unsent.data(),
                                  client->unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) {
        [[maybe_unused]] const auto changed =
            loop.change(client->socket.get(), os::Loop::kReadable | os::Loop::kWritable);
        return;
      }
      if (size < 0) return drop(client);
      client->unsent.erase(0, static_cast<std::size_t>(size));
    }
    if (client->answered) return drop(client);
    [[maybe_unused]] const auto changed = loop.change(client->socket.get(), os::Loop::kReadable);
  }
};

LocalSocket::LocalSocket(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<LocalSocket>> LocalSocket::open(os::Loop& loop, const std::string& state_dir,
                                                       std::function<std::string()> status) {
  auto state = std::make_unique<State>(loop, socket_path(state_dir), std::move(status));
  const sockaddr_un address = TRY(address_of(state->path));
  state->socket.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!state->socket) return fail_errno("local socket");
  // Of a former run; the folder's lock says that it is over.
  ::unlink(state->path.c_str());
  if (::bind(state->socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("bind", state->path);
  if (::chmod(state->path.c_str(), 0600) != 0) return fail_errno("chmod", state->path);
  if (::listen(state->socket.get(), 4) != 0) return fail_errno("listen", state->path);
  TRY(loop.watch(state->socket.get(), os::Loop::kReadable,
                 [raw = state.get()](std::uint32_t /*ready*/) { raw->accept(); }));
  return std::unique_ptr<LocalSocket>(new LocalSocket(std::move(state)));
}

LocalSocket::~LocalSocket() {
  while (!state_->clients.empty())
    state_->drop(state_->clients.begin());
  state_->loop.unwatch(state_->socket.get());
  ::unlink(state_->path.c_str());
}

bool LocalSocket::has_listeners() const {
  return std::ranges::any_of(state_->clients,
                             [](const State::Client& client) { return client.listens; });
}

void LocalSocket::tell(std::string_view event) {
  for (auto client = state_->clients.begin(); client != state_->clients.end();) {
    const auto now = client++;
    if (!now->listens) continue;
    if (now->unsent.size() + event.size() >= kMaxUnsent) {
      state_->drop(now);
      continue;
    }
    now->unsent += event;
    now->unsent += '\n';
    state_->flush(now);
  }
}

namespace {

Result<os::Fd> ask(const std::string& state_dir, std::string_view question) {
  const std::string path = socket_path(state_dir);
  const sockaddr_un address = TRY(address_of(path));
  os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("local socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES || errno == EPERM)
      return fail(Code::Denied, "agent", -1, "only root may ask it");
    if (errno == ENOENT || errno == ECONNREFUSED)
      return fail(Code::NotFound, "agent", -1, "none runs with " + state_dir);
    return fail_errno("connect", path);
  }
  const std::string line = std::string(question) + "\n";
  // One that is closed already does not listen to us; reading says so.
  if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
    return fail_errno("ask", path);
  return socket;
}

}  // namespace

Result<std::string> ask_status(const std::string& state_dir, std::chrono::milliseconds patience) {
  const os::Fd socket = TRY(ask(state_dir, "status"));
  const base::MonoTime deadline = base::mono_now() + patience;
  std::string answer;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::mono_now());
    pollfd wait{socket.get(), POLLIN, 0};
    if (left <= 0ms || ::poll(&wait, 1, static_cast<int>(left.count())) == 0)
      return fail(Code::Unavailable, "agent", -1, "does not answer");
    std::array<char, 8192> bytes;
    const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    // Closed with our question unread: it does not listen to us.
    if (size == 0 || (size < 0 && errno == ECONNRESET)) break;
    if (size < 0) return fail_errno("agent");
    answer.append(bytes.data(), static_cast<std::size_t>(size));
    if (answer.size() > kMaxAnswer) return fail(Code::TooLarge, "agent's answer");
  }
  if (answer.empty()) return fail(Code::Denied, "agent", -1, "only root may ask it");
  return std::string(base::trim(answer));
}

Result<os::Fd> open_events(const std::string& state_dir) {
  return ask(state_dir, "events");
}

}  // namespace agent::local
