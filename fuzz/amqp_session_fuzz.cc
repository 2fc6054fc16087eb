// A whole AMQP connection: the first byte says who it is (nobody yet, a device by its certificate,
// a service by its token), the rest comes from the socket, in pieces. No bytes may break the
// session, and what it holds stays within its limits.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "base/json.h"
#include "hub/amqp/session.h"
#include "wire/sas.h"

namespace {

using hub::amqp::Session;
using Next = hub::link::Session::Next;
namespace link_ = hub::link;  // link alone is a function of unistd.h

constexpr const char* kHost = "hub.example";
constexpr const char* kKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

class Host final : public link_::Host {
 public:
  void cut(std::uint32_t /*connection*/, hub::operations::Reason /*reason*/) override {}
  void report(const link_::Outcome& outcome) override { outcomes.push_back(outcome); }
  // What modules answer on their own threads comes too late for the same input to behave the same.
  void deliver(std::uint32_t /*connection*/, link_::Delivery /*delivery*/) override {}
  std::deque<link_::Outcome> outcomes;
};

class Sink final : public link_::Sink {
 public:
  bool offer(const link_::Message& message, Done& done) override {
    ASSERT(message.payload.size() + message.bag.size() <= 256 * 1024);
    ASSERT(!message.peer.device_id.empty());
    if (++offers_ % 7 == 0) return false;
    done(offers_ % 5 != 0);
    return true;
  }
  void on_room(std::function<void()> callback) override { callback(); }

 private:
  unsigned offers_ = 0;
};

struct Folder {
  Folder() { ASSERT(::mkdtemp(name.data()) != nullptr); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(name, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string name = "/tmp/amqp-fuzz.XXXXXX";
};

// Its threads end with it, before any data of the program that they use: what a library makes only
// when it is first needed is therefore made here.
struct Hub {
  Hub() {
    ASSERT(base::json::parse("{}").has_value());
    const std::string path = folder.name + "/state.db";
    registry = std::move(*hub::identity::Registry::open({path, kHost}, operations));
    hub::twins::Options twin_options;
    twin_options.path = path;
    twins = std::move(*hub::twins::Twins::open(std::move(twin_options), *registry, operations));
    hub::commands::Options message_options;
    message_options.path = path;
    messages = std::move(
        *hub::commands::Messages::open(std::move(message_options), *registry, operations));
    methods = std::make_unique<hub::commands::Methods>(hub::commands::MethodOptions(), *registry,
                                                       operations);
    hub::identity::NewIdentity device;
    device.name = {"d1", ""};
    device.thumbprints.primary = std::string(64, 'A');
    ASSERT(registry->create(device, "fuzz").has_value());
    hub::identity::NewIdentity keyed;
    keyed.name = {"d2", ""};
    keyed.keys = {kKey, kKey};
    ASSERT(registry->create(keyed, "fuzz").has_value());
    service = std::make_unique<link_::Service>(link_::Options(), *registry, *twins, *messages,
                                               *methods, operations, sink);
    auto shared = std::make_shared<hub::amqp::Shared>();
    shared->feedback = hub::amqp::FeedbackWatch::start(*messages);
    hub::uploads::Options upload_options;
    upload_options.path = path;
    upload_options.folder = folder.name + "/uploads";
    uploads = std::move(*hub::uploads::Uploads::open(std::move(upload_options), operations));
    shared->files = hub::amqp::FileCourier::start(*uploads);
    make_session = hub::amqp::session_factory(std::move(shared));
  }

  Folder folder;
  hub::operations::Operations operations;
  Sink sink;
  std::unique_ptr<hub::identity::Registry> registry;
  std::unique_ptr<hub::twins::Twins> twins;
  std::unique_ptr<hub::commands::Messages> messages;
  std::unique_ptr<hub::commands::Methods> methods;
  std::unique_ptr<hub::uploads::Uploads> uploads;
  std::unique_ptr<link_::Service> service;
  link_::SessionFactory make_session;
};

link_::Transport transport_of(unsigned who) {
  link_::Transport transport;
  transport.protocol = hub::operations::Protocol::Amqp;
  if (who != 1) return transport;
  transport.certificate.emplace();
  transport.certificate->sha256 = std::string(64, 'A');
  transport.certificate->sha1 = std::string(40, 'A');
  transport.certificate->not_after = base::WallTime::max();
  return transport;
}

void settle(Session& session, Host& host) {
  for (const link_::Outcome& outcome : std::exchange(host.outcomes, {}))
    session.settled(outcome);
}

// False: it is over.
bool take(Session& session, Host& host) {
  for (int tries = 0; tries < 100; ++tries) {
    const Next next = session.take();
    settle(session, host);
    ASSERT(session.out().size() < 4U << 20U);
    session.out().clear();
    if (next == Next::Close) return false;
    if (next != Next::Hold) return true;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Outlives its sessions and what answers them, as hosts do.
  static Host host;
  static Hub hub;
  if (size == 0) return 0;
  const unsigned who = data[0] % 3;
  base::ByteView rest = base::ByteView(data, size).subspan(1);
  host.outcomes.clear();
  const auto made = hub.make_session(*hub.service, host, 1, transport_of(who));
  auto& session = static_cast<Session&>(*made);
  if (who == 2) {
    const auto policy = hub.registry->policy("iothubowner");
    const auto token =
        wire::make_sas(kHost, policy->keys.primary, base::WallTime::max(), "iothubowner");
    ASSERT(session.put_token(kHost, *token).status == 200);
  }
  bool open = true;
  // Small enough that a frame is answered before the next one is there, as a client waits for that.
  while (!rest.empty() && open) {
    const auto room = session.room();
    const std::size_t piece = std::min({rest.size(), room.size(), std::size_t{61}});
    std::copy_n(rest.begin(), piece, room.begin());
    session.filled(piece);
    rest = rest.subspan(piece);
    open = take(session, host);
  }
  if (open) session.tick();
  settle(session, host);
  session.end(hub::operations::Reason::PeerClosed);
  return 0;
}
