// Publishes QoS 1 messages over TLS on many connections, each with a window of unacknowledged ones,
// and reports what the server's process spent on them. One thread; the server is measured, not
// this.
//
//   mqtt_load --port P --ca FILE --pid PID --messages N --window W --bytes B [--warm-up N]
//             (--connection-strings FILE | --plain CONNECTIONS)
//
// With connection strings it is a device of an IoT hub on each connection, one a line of the file;
// with
// --plain it is an anonymous client of a broker that publishes to topics of the same shape.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "os/connect.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/tls.h"
#include "wire/connection_string.h"
#include "wire/mqtt.h"
#include "wire/sas.h"
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
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "mqtt_load: %s\n", why.c_str());
  std::exit(1);
}

// User and system time of a process so far, all threads.
double cpu_seconds(int pid) {
  const auto stat = os::read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) give_up("the server is gone");
  // The name may hold anything, so the fields are counted from its closing bracket: 14 and 15 of
  // all.
  const auto fields = base::split(std::string_view(*stat).substr(stat->rfind(')') + 2), ' ');
  const auto ticks = *base::parse_int(fields[11]) + *base::parse_int(fields[12]);
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

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
  void publish_more();

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
  std::size_t on_way_ = 0;
  std::uint16_t next_id_ = 1;
};

class Load {
 public:
  Load(Plan plan, os::Loop& event_loop, os::TlsClient& client)
      : plan_(std::move(plan)), loop(event_loop), tls(client), payload_(plan_.bytes, 'x') {}

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
  bool may_publish() const { return sent_ < allowed_; }
  void sent() { ++sent_; }
  void acknowledged() {
    ++acknowledged_;
    if (acknowledged_ == plan_.warm_up) begin();
    if (acknowledged_ == plan_.warm_up + plan_.messages) end();
  }
  const Plan& plan() const { return plan_; }
  const std::string& payload() const { return payload_; }
  std::size_t connections() const { return devices_.size(); }

 private:
  void begin() {
    cpu_ = cpu_seconds(plan_.pid);
    started_ = base::mono_now();
    allowed_ = plan_.warm_up + plan_.messages;
    for (const auto& device : devices_)
      device->publish_more();
  }
  void end() {
    const double cpu = cpu_seconds(plan_.pid) - cpu_;
    const double seconds = std::chrono::duration<double>(base::mono_now() - started_).count();
    const auto count = static_cast<double>(plan_.messages);
    fmt::print(
        R"({{"connections":{},"messages":{},"seconds":{:.3f},"per_second":{:.0f},"cpu_us_per_message":{:.2f}}})"
        "\n",
        devices_.size(), plan_.messages, seconds, count / seconds, cpu / count * 1e6);
    loop.stop();
  }

  Plan plan_;

 public:
  os::Loop& loop;
  os::TlsClient& tls;

 private:
  std::string payload_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::size_t ready_ = 0;
  std::size_t sent_ = 0;
  std::size_t acknowledged_ = 0;
  std::size_t allowed_ = 0;
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
  const auto text = os::read_file(plan_.connection_strings);
  if (!text) give_up(text.error().to_string());
  for (const std::string_view line : base::split(base::trim(*text), '\n')) {
    const auto connection = wire::parse_connection_string(line);
    if (!connection) give_up(connection.error().to_string());
    const wire::TopicOwner owner{connection->device_id, connection->module_id};
    const std::string resource = connection->host_name + "/devices/" + connection->device_id;
    auto token =
        wire::make_sas(resource, connection->key_base64, base::wall_now() + std::chrono::hours(1));
    if (!token) give_up(token.error().to_string());
    devices_.push_back(
        std::make_unique<Device>(*this, connection->host_name, wire::mqtt_client_id(owner),
                                 wire::mqtt_username(connection->host_name, owner, "mqtt_load"),
                                 *token, wire::events_topic(owner, "")));
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
      --on_way_;
      load_.acknowledged();
    }
  }
  publish_more();
}

void Device::publish_more() {
  while (on_way_ < load_.plan().window && load_.may_publish()) {
    mqtt::Publish packet;
    packet.topic = topic_;
    packet.payload = base::as_bytes(load_.payload());
    packet.qos = 1;
    packet.packet_id = next_id_;
    next_id_ = next_id_ == 65'535 ? std::uint16_t{1} : static_cast<std::uint16_t>(next_id_ + 1);
    out_.clear();
    ASSERT(mqtt::encode_publish(packet, out_).has_value());
    // A record for each message, as devices send them.
    tls_->write(out_);
    ++on_way_;
    load_.sent();
  }
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
