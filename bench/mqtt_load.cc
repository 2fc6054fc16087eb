// Publishes QoS 1 messages over TLS on many connections, each with a window of unacknowledged ones,
// and reports what the server's process spent on them. One thread; the server is measured, not
// this.
//
//   mqtt_load --port P --ca FILE --pid PID --messages N --window W (--bytes B | --events E)
//             [--warm-up N] [--rate R] (--connection-strings FILE | --plain CONNECTIONS)
//
// With connection strings it is a device of an IoT hub on each connection, one a line of the file;
// with --plain it is an anonymous client of a broker that publishes to topics of the same shape.
// With --events the messages are security messages of that many events, each event a new one.
// With --rate so many messages a second fall due, one after another on all connections, and the
// time until each is acknowledged counts from then, also when it had to wait for its window.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "devices.h"
#include "os/connect.h"
#include "os/loop.h"
#include "os/tls.h"
#include "wire/mqtt.h"
#include "wire/topics.h"

namespace {

namespace mqtt = wire::mqtt;
struct Plan {
  std::string ca_file;
  std::string connection_strings;
  std::uint16_t port = 0;
  int pid = 0;
  std::size_t plain = 0;
  std::size_t messages = 200'000;  // in all
  std::size_t warm_up = 20'000;    // before these
  std::size_t window = 32;         // on each connection
  std::size_t bytes = 256;
  std::size_t events = 0;
  double rate = 0;  // messages a second; 0: as many as the windows let through
};

using bench::give_up;

class Load;

class Device {
 public:
  Device(Load& load, std::string host, std::string client_id, std::string username,
         std::string password, std::string topic)
      : load_(load),
        host_(std::move(host)),
        client_id_(std::move(client_id)),
        username_(std::move(username)),
        password_(std::move(password)),
        topic_(std::move(topic)) {}

  void connect();
  void publish_more() {
    while (publish_one()) {
    }
  }
  // False: there is nothing to publish, or no room for it.
  bool publish_one();

 private:
  void connected(os::Fd socket);
  void opened();
  void received(base::ByteView bytes);

  Load& load_;
  std::string host_, client_id_, username_, password_, topic_;
  std::unique_ptr<os::Connect> connect_;
  std::unique_ptr<os::TlsStream> tls_;
  mqtt::Stream stream_{4096};
  base::ByteVec out_;
  std::deque<base::MonoTime> on_way_;  // when they fell due; acknowledged in this order
  std::uint16_t next_id_ = 1;
};

class Load {
 public:
  Load(Plan plan, os::Loop& event_loop, os::TlsClient& client)
      : plan_(std::move(plan)),
        loop(event_loop),
        tls(client),
        plain_(plan_.bytes, 'x'),
        security_(plan_.events) {}

  void add_devices();
  void start() {
    for (const auto& device : devices_)
      device->connect();
  }
  void device_ready() {
    if (++ready_ < devices_.size()) return;
    allowed_ = plan_.warm_up;
    for (const auto& device : devices_)
      device->publish_more();
  }
  bool may_publish() const { return paced_ ? !due_.empty() : sent_ < allowed_; }
  // When it fell due.
  base::MonoTime sent() {
    ++sent_;
    if (!paced_) return base::mono_now();
    const base::MonoTime due = due_.front();
    due_.pop_front();
    return due;
  }
  void acknowledged(base::MonoTime due) {
    ++acknowledged_;
    if (acknowledged_ > plan_.warm_up)
      waited_.push_back(std::chrono::duration<double, std::milli>(base::mono_now() - due).count());
    if (acknowledged_ == plan_.warm_up) begin();
    if (acknowledged_ == plan_.warm_up + plan_.messages) end();
  }
  const Plan& plan() const { return plan_; }
  base::ByteView payload() { return plan_.events > 0 ? security_.next() : base::as_bytes(plain_); }
  std::size_t connections() const { return devices_.size(); }

 private:
  void begin() {
    cpu_ = bench::cpu_seconds(plan_.pid);
    started_ = base::mono_now();
    allowed_ = plan_.warm_up + plan_.messages;
    if (plan_.rate > 0) {
      paced_ = true;
      loop.every(std::chrono::milliseconds(2), [this] { fall_due(); });
      return;
    }
    for (const auto& device : devices_)
      device->publish_more();
  }
  void fall_due() {
    const std::chrono::duration<double> passed = base::mono_now() - started_;
    const auto until =
        std::min(plan_.messages, static_cast<std::size_t>(passed.count() * plan_.rate));
    for (; fallen_due_ < until; ++fallen_due_) {
      const std::chrono::duration<double> at(static_cast<double>(fallen_due_) / plan_.rate);
      due_.push_back(started_ + std::chrono::duration_cast<base::MonoTime::duration>(at));
    }
    // One of each connection in turn, until none can take any more.
    for (std::size_t idle = 0; !due_.empty() && idle < devices_.size();)
      idle = devices_[next_device_++ % devices_.size()]->publish_one() ? 0 : idle + 1;
  }
  void end() {
    const double cpu = bench::cpu_seconds(plan_.pid) - cpu_;
    const double seconds = std::chrono::duration<double>(base::mono_now() - started_).count();
    const auto count = static_cast<double>(plan_.messages);
    fmt::print(
        R"({{"connections":{},"messages":{},"seconds":{:.3f},"per_second":{:.0f},"cpu_us_per_message":{:.2f},"ack_p50_ms":{:.2f},"ack_p99_ms":{:.2f},"ack_max_ms":{:.2f}}})"
        "\n",
        devices_.size(), plan_.messages, seconds, count / seconds, cpu / count * 1e6, waited(0.5),
        waited(0.99), waited(1));
    loop.stop();
  }
  // The time in milliseconds that so large a share of the messages did not exceed.
  double waited(double share) {
    std::ranges::sort(waited_);
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(waited_.size()));
    return waited_[std::min(rank, waited_.size() - 1)];
  }

  Plan plan_;

 public:
  os::Loop& loop;
  os::TlsClient& tls;

 private:
  std::string plain_;
  bench::SecurityPayload security_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::size_t ready_ = 0;
  std::size_t sent_ = 0;
  std::size_t acknowledged_ = 0;
  std::size_t allowed_ = 0;
  bool paced_ = false;
  std::deque<base::MonoTime> due_;  // not yet sent
  std::size_t fallen_due_ = 0;
  std::size_t next_device_ = 0;
  std::vector<double> waited_;  // milliseconds
  double cpu_ = 0;
  base::MonoTime started_;
};

void Load::add_devices() {
  for (std::size_t i = 0; i < plan_.plain; ++i) {
    const std::string id = fmt::format("device-{}", i);
    devices_.push_back(
        std::make_unique<Device>(*this, "localhost", id, "", "", wire::events_topic({id, ""}, "")));
  }
  if (plan_.connection_strings.empty()) return;
  const std::string bag = plan_.events > 0 ? std::string(bench::kSecurityBag) : "";
  for (const bench::Identity& identity : bench::read_identities(plan_.connection_strings)) {
    const wire::TopicOwner owner = identity.owner();
    devices_.push_back(
        std::make_unique<Device>(*this, identity.host, wire::mqtt_client_id(owner),
                                 wire::mqtt_username(identity.host, owner, "mqtt_load"),
                                 identity.token, wire::events_topic(owner, bag)));
  }
}

void Device::connect() {
  connect_ =
      std::make_unique<os::Connect>(load_.loop, "127.0.0.1", load_.plan().port,
                                    std::chrono::seconds(10), [this](base::Result<os::Fd> socket) {
                                      if (!socket) give_up(socket.error().to_string());
                                      connected(std::move(*socket));
                                    });
}

void Device::connected(os::Fd socket) {
  os::TlsStream::Callbacks callbacks;
  callbacks.on_open = [this] { opened(); };
  callbacks.on_data = [this](base::ByteView bytes) { received(bytes); };
  callbacks.on_closed = [](const base::Error& error) { give_up("closed: " + error.to_string()); };
  tls_ = std::make_unique<os::TlsStream>(load_.loop, load_.tls, std::move(socket), host_,
                                         std::move(callbacks));
}

void Device::opened() {
  mqtt::Connect packet;
  packet.client_id = client_id_;
  if (!username_.empty()) {
    packet.username = username_;
    packet.password = base::as_bytes(password_);
  }
  out_.clear();
  ASSERT(mqtt::encode(packet, out_).has_value());
  tls_->write(out_);
}

void Device::received(base::ByteView bytes) {
  stream_.feed(bytes);
  for (;;) {
    const auto packet = stream_.next();
    if (!packet) give_up(packet.error().to_string());
    if (!packet->has_value()) break;
    if (const auto* answer = std::get_if<mqtt::Connack>(&**packet)) {
      if (answer->code != mqtt::ConnectCode::Accepted) give_up("the server refused a login");
      load_.device_ready();
    } else {
      if (on_way_.empty()) give_up("an answer to nothing");
      const base::MonoTime due = on_way_.front();
      on_way_.pop_front();
      load_.acknowledged(due);
    }
  }
  publish_more();
}

bool Device::publish_one() {
  if (on_way_.size() >= load_.plan().window || !load_.may_publish()) return false;
  mqtt::Publish packet;
  packet.topic = topic_;
  packet.payload = load_.payload();
  packet.qos = 1;
  packet.packet_id = next_id_;
  next_id_ = next_id_ == 65'535 ? std::uint16_t{1} : static_cast<std::uint16_t>(next_id_ + 1);
  out_.clear();
  ASSERT(mqtt::encode_publish(packet, out_).has_value());
  on_way_.push_back(load_.sent());
  // A record for each message, as devices send them.
  tls_->write(out_);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  CLI::App app("Publishes over MQTT and reports the server's CPU time.");
  app.add_option("--port", plan.port)->required();
  app.add_option("--ca", plan.ca_file)->required();
  app.add_option("--pid", plan.pid)->required();
  app.add_option("--connection-strings", plan.connection_strings);
  app.add_option("--plain", plan.plain);
  app.add_option("--messages", plan.messages);
  app.add_option("--warm-up", plan.warm_up);
  app.add_option("--window", plan.window);
  app.add_option("--bytes", plan.bytes);
  app.add_option("--events", plan.events);
  app.add_option("--rate", plan.rate);
  CLI11_PARSE(app, argc, argv);
  auto loop = os::Loop::create();
  if (!loop) give_up(loop.error().to_string());
  auto tls = os::TlsClient::create(plan.ca_file);
  if (!tls) give_up(tls.error().to_string());
  Load load(plan, **loop, *tls);
  load.add_devices();
  if (load.connections() == 0) give_up("no connections: --connection-strings or --plain");
  load.start();
  const auto ended = (*loop)->run();
  return ended ? EXIT_SUCCESS : EXIT_FAILURE;
}
