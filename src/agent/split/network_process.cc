#include "agent/split/network_process.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/split/channel_stream.h"
#include "agent/split/confinement.h"
#include "base/hash.h"
#include "base/log.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/process.h"
#include "uplink/channel.h"
#include "uplink/session.h"

namespace agent::split {

namespace channel = uplink::channel;
using base::ByteVec;
using base::ByteView;
using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
using uplink::Message;
using uplink::Priority;
using namespace std::chrono_literals;

namespace {

// Counts that changed are told so much later, together.
constexpr auto kStateDelay = 100ms;
// After a connection was made, or an attempt: what that took is not needed for long.
constexpr auto kSettled = 5s;

// The number of a message, where the collecting process keeps the places of its events.
constexpr auto kIdAt = static_cast<std::size_t>(Priority::High);

// A file in memory with a name that can be opened, while it lives.
class MemoryFile {
 public:
  static Result<MemoryFile> create(std::string_view content) {
    MemoryFile file;
    file.fd_.reset(::memfd_create("vedette", MFD_CLOEXEC));
    if (!file.fd_) return fail_errno("memfd_create");
    TRY(os::write_all(file.fd_.get(), base::as_bytes(content)));
    return file;
  }
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_.get()); }

 private:
  os::Fd fd_;
};

class NetworkProcess {
 public:
  NetworkProcess(os::Loop& loop, os::Fd socket, os::StartupMemory memory)
      : loop_(loop),
        memory_(std::move(memory)),
        stream_(loop, std::move(socket),
                {.frame = [this](ByteView bytes) { return take(bytes); },
                 .closed = [this](const base::Error& error) { closed(error); }}) {}

 private:
  Result<void> take(ByteView bytes) {
    auto frame = TRY(channel::decode_to_network(bytes));
    return std::visit([this](auto& body) { return handle(body); }, frame);
  }

  // --- What the collecting process asks for ---

  Result<void> handle(channel::Configure& frame) {
    if (session_) return fail(Code::Malformed, "channel", -1, "configured twice");
    auto made = make_session(frame);
    uplink::wipe(frame.options.identity);
    channel::Configured answer;
    if (made) {
      session_ = std::move(*made);
    } else {
      answer = {false, made.error().to_string()};
    }
    send(answer);
    return {};
  }

  Result<std::unique_ptr<uplink::Session>> make_session(const channel::Configure& frame) {
    uplink::Session::Options options = frame.options;
    std::optional<MemoryFile> ca;
    if (!frame.ca_pem.empty()) {
      ca = TRY(MemoryFile::create(frame.ca_pem));
      options.identity.ca_file = ca->path();
    }
    uplink::Link::Callbacks callbacks;
    callbacks.next = [this] { return next(); };
    callbacks.acknowledged = [this](const Message& message) { acknowledged(message); };
    callbacks.changed = [this] { changed(); };
    if (frame.twin)
      callbacks.desired = [this](const uplink::Desired& desired) {
        send(channel::DesiredTwin{desired});
        plan_state();
      };
    return uplink::Session::create(loop_, std::move(options), std::move(callbacks));
  }

  Result<void> handle(const channel::Start& /*frame*/) {
    if (!session_) return not_configured();
    session_->start();
    return {};
  }

  Result<void> handle(const channel::Stop& /*frame*/) {
    if (session_) session_->stop();
    send_state();
    send(channel::Stopped{});
    return {};
  }

  Result<void> handle(channel::Publish& frame) {
    if (!session_) return not_configured();
    Message message;
    message.payload = std::move(frame.payload);
    message.events = frame.events;
    message.covers.at(kIdAt) = journal::Range{frame.id, frame.id};
    waiting_.push_back(std::move(message));
    session_->pump();
    plan_state();
    return {};
  }

  Result<void> handle(const channel::Report& frame) {
    if (!session_) return not_configured();
    TRY(session_->report(frame.json));
    plan_state();
    return {};
  }

  Result<void> handle(const channel::Ping& /*frame*/) {
    send_state();
    return {};
  }

  static std::unexpected<base::Error> not_configured() {
    return fail(Code::Malformed, "channel", -1, "not configured yet");
  }

  // --- What the session asks for and tells ---

  std::optional<Message> next() {
    if (waiting_.empty()) return std::nullopt;
    Message message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }

  void acknowledged(const Message& message) {
    send(channel::Acknowledged{message.covers.at(kIdAt)->first});
    plan_state();
  }

  void changed() {
    send_state();
    loop_.cancel(memory_timer_);
    memory_timer_ = loop_.after(kSettled, [this] { memory_.release(); });
  }

  void plan_state() {
    if (state_timer_ != 0) return;
    state_timer_ = loop_.after(kStateDelay, [this] { send_state(); });
  }

  void send_state() {
    loop_.cancel(std::exchange(state_timer_, 0));
    if (session_) send(channel::State{session_->stats()});
  }

  void send(const channel::ToCollector& frame) {
    ByteVec bytes;
    channel::encode(frame, bytes);
    stream_.send(std::move(bytes));
  }

  void closed(const base::Error& error) {
    if (error.code != Code::Closed) {
      LOG_ERROR("network.channel_failed").field("error", error.to_string());
    }
    loop_.stop();
  }

  os::Loop& loop_;
  os::StartupMemory memory_;
  std::deque<Message> waiting_;
  std::unique_ptr<uplink::Session> session_;
  os::TimerId state_timer_ = 0;
  os::TimerId memory_timer_ = 0;
  ChannelStream stream_;
};

}  // namespace

int run_network_process(os::Fd socket) {
  ::prctl(PR_SET_NAME, "vedette-network", 0, 0, 0);
  os::StartupMemory memory;
  const auto confined = confine_network_process();
  if (!confined) {
    // Keys and foreign bytes are for a confined process only, where the kernel can do it at all.
    LOG_ERROR("network.not_confined").field("error", confined.error().to_string());
    if (confined.error().code != Code::Unsupported) return 1;
  } else {
    LOG_INFO("network.confined")
        .field("uid", static_cast<unsigned>(::getuid()))
        .field("landlock", confined->version);
  }
  const auto loop = os::Loop::create();
  if (!loop) {
    LOG_ERROR("network.not_started").field("error", loop.error().to_string());
    return 1;
  }
  NetworkProcess process(**loop, std::move(socket), std::move(memory));
  if (const auto ran = (*loop)->run(); !ran) {
    LOG_ERROR("network.failed").field("error", ran.error().to_string());
    return 1;
  }
  return 0;
}

}  // namespace agent::split
