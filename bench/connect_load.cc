// Connects as devices over TLS with shared access signatures, and reports what that costs the
// server's process. One thread; the server is measured, not this.
//
//   connect_load --port P --ca FILE --pid PID --connection-strings FILE [--amqp] [--parallel N]
//                (--cycles N | --hold SECONDS)
//
// --cycles: logs in and leaves again so many times; CPU time of each and their rate.
// --hold: keeps one connection for each identity, subscribed as an SDK would be, and leaves them
// alone; memory of each, and CPU time while nothing happens.
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <sys/socket.h>

#include "base/time.h"
#include "devices.h"
#include "os/loop.h"
#include "os/tls.h"
#include "wire/mqtt.h"

namespace {

namespace mqtt = wire::mqtt;
using bench::give_up;
using bench::Identity;

struct Plan {
  std::string ca_file;
  std::string connection_strings;
  std::uint16_t port = 0;
  int pid = 0;
  bool amqp = false;
  std::size_t parallel = 64;
  std::size_t cycles = 0;
  double hold = 0;  // seconds
};

// What is spoken once TLS is there. `said` holds what is to be sent.
class Client {
 public:
  virtual ~Client() = default;
  virtual void open(base::ByteVec& said) = 0;
  // True: it is logged in, and subscribed.
  virtual bool received(base::ByteView bytes, base::ByteVec& said) = 0;
  virtual void goodbye(base::ByteVec& said) = 0;
};

class MqttClient final : public Client {
 public:
  MqttClient(const Identity& identity, bool subscribes)
      : identity_(identity), subscribes_(subscribes) {}

  void open(base::ByteVec& said) override {
    const std::string client_id = wire::mqtt_client_id(identity_.owner());
    const std::string user = wire::mqtt_username(identity_.host, identity_.owner(), "connect_load");
    mqtt::Connect packet;
    packet.client_id = client_id;
    packet.keep_alive_seconds = 240;
    packet.username = user;
    packet.password = base::as_bytes(identity_.token);
    ASSERT(mqtt::encode(packet, said).has_value());
  }
  bool received(base::ByteView bytes, base::ByteVec& said) override {
    stream_.feed(bytes);
    for (;;) {
      const auto packet = stream_.next();
      if (!packet) give_up(packet.error().to_string());
      if (!packet->has_value()) return false;
      if (const auto* answer = std::get_if<mqtt::Connack>(&**packet)) {
        if (answer->code != mqtt::ConnectCode::Accepted) give_up("the server refused a login");
        if (!subscribes_) return true;
        subscribe(said);
      } else if (std::holds_alternative<mqtt::Suback>(**packet)) {
        return true;
      }
    }
  }
  void goodbye(base::ByteVec& said) override {
    ASSERT(mqtt::encode(mqtt::Disconnect{}, said).has_value());
  }

 private:
  void subscribe(base::ByteVec& said) {
    const wire::TopicOwner owner = identity_.owner();
    const std::array<std::string, 2> filters = {
        wire::filter_text(wire::FilterKind::DeviceBound, owner),
        wire::filter_text(wire::FilterKind::Methods, owner)};
    mqtt::Subscribe packet;
    packet.packet_id = 1;
    for (const std::string& filter : filters)
      packet.subscriptions.push_back({filter, 1});
    ASSERT(mqtt::encode(packet, said).has_value());
  }

  const Identity& identity_;
  bool subscribes_;
  mqtt::Stream stream_{4096};
};

class AmqpClient final : public Client {
 public:
  AmqpClient(const Identity& identity, bool subscribes)
      : identity_(identity),
        subscribes_(subscribes),
        collector_(pn_collector()),
        connection_(pn_connection()),
        transport_(pn_transport()) {}
  ~AmqpClient() override {
    pn_transport_unbind(transport_);
    pn_transport_free(transport_);
    pn_collector_release(collector_);
    pn_connection_free(connection_);
    pn_collector_free(collector_);
  }
  AmqpClient(const AmqpClient&) = delete;
  AmqpClient& operator=(const AmqpClient&) = delete;

  void open(base::ByteVec& said) override {
    pn_sasl_t* sasl = pn_sasl(transport_);
    pn_sasl_set_allow_insecure_mechs(sasl, true);
    pn_sasl_allowed_mechs(sasl, "PLAIN");
    pn_connection_set_user(connection_, (identity_.device_id + "@sas." + identity_.host).c_str());
    pn_connection_set_password(connection_, identity_.token.c_str());
    pn_connection_set_container(connection_, identity_.device_id.c_str());
    pn_connection_set_hostname(connection_, identity_.host.c_str());
    pn_connection_collect(connection_, collector_);
    pn_transport_bind(transport_, connection_);
    pn_connection_open(connection_);
    pn_session_t* session = pn_session(connection_);
    pn_session_open(session);
    if (subscribes_) {
      const std::string folder = "/devices/" + identity_.device_id + "/messages/";
      pn_link_t* sender = pn_sender(session, "telemetry");
      pn_terminus_set_address(pn_link_target(sender), (folder + "events").c_str());
      pn_link_open(sender);
      pn_link_t* receiver = pn_receiver(session, "commands");
      pn_terminus_set_address(pn_link_source(receiver), (folder + "devicebound").c_str());
      pn_link_open(receiver);
      pn_link_flow(receiver, 10);
    }
    take_output(said);
  }
  bool received(base::ByteView bytes, base::ByteVec& said) override {
    pn_transport_push(transport_, reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (pn_event_t* event = nullptr; (event = pn_collector_next(collector_)) != nullptr;) {
      const pn_event_type_t type = pn_event_type(event);
      if (type == PN_TRANSPORT_ERROR) give_up("the server refused a login");
      if (type == PN_CONNECTION_REMOTE_OPEN && !subscribes_) ready_ = true;
      if (type == PN_LINK_REMOTE_OPEN) ready_ = ++links_ == 2;
    }
    take_output(said);
    return std::exchange(ready_, false);
  }
  void goodbye(base::ByteVec& said) override {
    pn_connection_close(connection_);
    take_output(said);
  }

 private:
  void take_output(base::ByteVec& said) {
    for (ssize_t pending = 0; (pending = pn_transport_pending(transport_)) > 0;) {
      const auto bytes =
          base::as_bytes({pn_transport_head(transport_), static_cast<std::size_t>(pending)});
      said.insert(said.end(), bytes.begin(), bytes.end());
      pn_transport_pop(transport_, static_cast<std::size_t>(pending));
    }
  }

  const Identity& identity_;
  bool subscribes_;
  pn_collector_t* collector_;
  pn_connection_t* connection_;
  pn_transport_t* transport_;
  int links_ = 0;
  bool ready_ = false;
};

os::Fd connect_to(std::uint16_t port) {
  os::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) give_up("socket: is the limit of open files high enough?");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // The kernel connects on loopback at once.
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    give_up(fmt::format("connect: errno {}", errno));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Without it the ports of those who left first are soon used up.
  const linger at_once{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  return socket;
}

class Load {
 public:
  Load(Plan plan, os::Loop& loop, os::TlsClient& tls)
      : plan_(std::move(plan)),
        loop_(loop),
        tls_(tls),
        identities_(bench::read_identities(plan_.connection_strings)) {}

  void start() {
    total_ = plan_.cycles > 0 ? plan_.cycles : identities_.size();
    resident_ = bench::resident_bytes(plan_.pid);
    cpu_ = bench::cpu_seconds(plan_.pid);
    started_ = base::mono_now();
    for (std::size_t i = 0; i < std::min(plan_.parallel, total_); ++i)
      connect_next();
  }

 private:
  struct Connection {
    std::unique_ptr<Client> client;
    std::unique_ptr<os::TlsStream> stream;
    base::ByteVec said;
    bool ready = false;
    bool gone = false;
  };

  void connect_next() {
    if (begun_ == total_) return;
    const Identity& identity = identities_[begun_++ % identities_.size()];
    const bool stays = plan_.cycles == 0;
    auto connection = std::make_shared<Connection>();
    if (plan_.amqp) {
      connection->client = std::make_unique<AmqpClient>(identity, stays);
    } else {
      connection->client = std::make_unique<MqttClient>(identity, stays);
    }
    Connection* const self = connection.get();
    os::TlsStream::Callbacks callbacks;
    callbacks.on_open = [self] {
      self->client->open(self->said);
      flush(*self);
    };
    callbacks.on_data = [this, self](base::ByteView bytes) { received(*self, bytes); };
    callbacks.on_closed = [self](const base::Error& error) {
      if (!self->gone) give_up("closed: " + error.to_string());
    };
    self->stream = std::make_unique<os::TlsStream>(loop_, tls_, connect_to(plan_.port),
                                                   identity.host, std::move(callbacks));
    connections_.push_back(std::move(connection));
  }

  static void flush(Connection& connection) {
    if (!connection.said.empty()) connection.stream->write(connection.said);
    connection.said.clear();
  }

  void received(Connection& connection, base::ByteView bytes) {
    const bool ready = connection.client->received(bytes, connection.said);
    flush(connection);
    if (!ready || connection.ready) return;
    connection.ready = true;
    if (plan_.cycles > 0) {
      connection.client->goodbye(connection.said);
      flush(connection);
      leave(connection);
    }
    if (++done_ == total_) return finished();
    connect_next();
  }

  // Not from within its own call.
  void leave(Connection& gone) {
    gone.gone = true;
    const auto found = std::ranges::find_if(
        connections_, [&](const auto& connection) { return connection.get() == &gone; });
    loop_.post([kept = *found] {});
    connections_.erase(found);
  }

  void finished() {
    const double seconds = std::chrono::duration<double>(base::mono_now() - started_).count();
    const double cpu = bench::cpu_seconds(plan_.pid) - cpu_;
    const auto count = static_cast<double>(total_);
    per_second_ = count / seconds;
    cpu_us_ = cpu / count * 1e6;
    if (plan_.cycles > 0) return report(0, 0);
    // What the server frees a moment after the logins is not held.
    loop_.after(std::chrono::seconds(2), [this] {
      const double before = bench::cpu_seconds(plan_.pid);
      loop_.after(std::chrono::nanoseconds(static_cast<std::int64_t>(plan_.hold * 1e9)),
                  [this, before] {
                    const double idle = (bench::cpu_seconds(plan_.pid) - before) / plan_.hold;
                    const auto grown = static_cast<double>(bench::resident_bytes(plan_.pid)) -
                                       static_cast<double>(resident_);
                    report(grown / static_cast<double>(total_), idle);
                  });
    });
  }

  void report(double bytes_each, double idle_cores) {
    fmt::print(R"({{"connections":{},"per_second":{:.0f},"cpu_us_per_connect":{:.1f},)"
               R"("bytes_per_connection":{:.0f},"idle_cores":{:.4f}}})"
               "\n",
               total_, per_second_, cpu_us_, bytes_each, idle_cores);
    loop_.stop();
  }

  Plan plan_;
  os::Loop& loop_;
  os::TlsClient& tls_;
  std::vector<Identity> identities_;
  std::deque<std::shared_ptr<Connection>> connections_;
  std::size_t total_ = 0;
  std::size_t begun_ = 0;
  std::size_t done_ = 0;
  std::size_t resident_ = 0;
  double cpu_ = 0;
  double per_second_ = 0;
  double cpu_us_ = 0;
  base::MonoTime started_;
};

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  CLI::App app("Connects as devices and reports the server's cost.");
  app.add_option("--port", plan.port)->required();
  app.add_option("--ca", plan.ca_file)->required();
  app.add_option("--pid", plan.pid)->required();
  app.add_option("--connection-strings", plan.connection_strings)->required();
  app.add_flag("--amqp", plan.amqp);
  app.add_option("--parallel", plan.parallel);
  app.add_option("--cycles", plan.cycles);
  app.add_option("--hold", plan.hold);
  CLI11_PARSE(app, argc, argv);
  if ((plan.cycles > 0) == (plan.hold > 0)) give_up("either --cycles or --hold");
  auto loop = os::Loop::create();
  if (!loop) give_up(loop.error().to_string());
  auto tls = os::TlsClient::create(plan.ca_file);
  if (!tls) give_up(tls.error().to_string());
  Load load(plan, **loop, *tls);
  load.start();
  const auto ended = (*loop)->run();
  return ended ? EXIT_SUCCESS : EXIT_FAILURE;
}
