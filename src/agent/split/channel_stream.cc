#include "agent/split/channel_stream.h"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "base/time.h"
#include "uplink/channel.h"

namespace agent::split {

using base::ByteVec;
using base::ByteView;
using base::Code;
using base::Error;

namespace {

constexpr std::size_t kReadBytes = 16U << 10U;
// In one turn of the loop, so that a talkative other end does not keep us from all else.
constexpr int kReadsPerTurn = 16;

Error io_error(const char* step) {
  return {Code::Io, step, errno, {}};
}

}  // namespace

struct ChannelStream::State : std::enable_shared_from_this<State> {
  os::Loop& loop;
  os::Fd socket;
  Callbacks callbacks;
  uplink::channel::Framer framer;
  ByteVec unsent;
  std::size_t sent = 0;  // of `unsent`
  bool open = true;

  State(os::Loop& the_loop, os::Fd the_socket, Callbacks the_callbacks)
      : loop(the_loop), socket(std::move(the_socket)), callbacks(std::move(the_callbacks)) {}

  void close() {
    if (!open) return;
    open = false;
    loop.unwatch(socket.get());
    base::wipe(unsent);
    unsent.clear();
    sent = 0;
  }

  void end(const Error& error) {
    if (!open) return;
    close();
    callbacks.closed(error);
  }

  void ready(std::uint32_t events) {
    const auto alive = shared_from_this();
    if (events & os::Loop::kReadable) read();
    if (open && (events & os::Loop::kWritable)) flush();
  }

  void read() {
    for (int i = 0; i < kReadsPerTurn && open; ++i) {
      std::array<std::uint8_t, kReadBytes> bytes;
      const ssize_t size = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) return end(io_error("channel"));
      if (size == 0) return end({Code::Closed, "channel", -1, {}});
      framer.feed(ByteView(bytes).first(static_cast<std::size_t>(size)));
      hand_out();
    }
  }

  void hand_out() {
    while (open) {
      const auto frame = framer.next();
      if (!frame) return end(frame.error());
      if (!*frame) return;
      if (const auto taken = callbacks.frame(**frame); !taken) return end(taken.error());
    }
  }

  void flush() {
    while (sent < unsent.size()) {
      const ssize_t size = ::send(socket.get(), unsent.data() + sent, unsent.size() - sent,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) {
        [[maybe_unused]] const auto changed =
            loop.change(socket.get(), os::Loop::kReadable | os::Loop::kWritable);
        return;
      }
      // The other end is gone: what it said before that is read first, then the end of it.
      if (size < 0) break;
      sent += static_cast<std::size_t>(size);
    }
    base::wipe(unsent);
    // A message now and then is large; what follows need not keep its room.
    ByteVec().swap(unsent);
    sent = 0;
    [[maybe_unused]] const auto changed = loop.change(socket.get(), os::Loop::kReadable);
  }
};

ChannelStream::ChannelStream(os::Loop& loop, os::Fd socket, Callbacks callbacks)
    : state_(std::make_shared<State>(loop, std::move(socket), std::move(callbacks))) {
  const auto watched =
      loop.watch(state_->socket.get(), os::Loop::kReadable,
                 [state = state_.get()](std::uint32_t events) { state->ready(events); });
  ASSERT(watched);  // a fresh socket, and memory for one more entry
}

ChannelStream::~ChannelStream() {
  state_->close();
}

void ChannelStream::send(ByteVec frames) {
  State& s = *state_;
  if (!s.open) return;
  if (s.unsent.empty()) {
    s.unsent = std::move(frames);
  } else {
    s.unsent.insert(s.unsent.end(), frames.begin(), frames.end());
    base::wipe(frames);
  }
  s.flush();
}

std::size_t ChannelStream::unsent_bytes() const {
  return state_->unsent.size() - state_->sent;
}

void ChannelStream::run_until(const std::function<bool()>& done, std::chrono::milliseconds time) {
  const auto state = state_;
  const base::MonoTime deadline = base::mono_now() + time;
  while (state->open && !done()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - base::mono_now()).count();
    if (left <= 0) return;
    const bool writing = !state->unsent.empty();
    pollfd wait{state->socket.get(), static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&wait, 1, static_cast<int>(left)) < 0 && errno != EINTR) return;
    if (wait.revents & (POLLIN | POLLHUP | POLLERR)) state->read();
    if (state->open && (wait.revents & POLLOUT)) state->flush();
  }
}

}  // namespace agent::split
