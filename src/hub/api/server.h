#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace store {
class Queries;
}
namespace detect {
class Alerts;
}
namespace hub::identity {
class Registry;
}
namespace hub::operations {
class Operations;
}

namespace hub::api {

// One number of the hub for /metrics and /status, in Prometheus' naming:
// vedette_ingest_messages_total.
struct Metric {
  enum class Kind : std::uint8_t { Counter, Gauge };
  std::string name;
  std::string help;
  Kind kind = Kind::Counter;
  double value = 0;
  // Few and bounded: never a device id or anything else that a sender chooses.
  std::vector<std::pair<std::string, std::string>> labels;
};

struct Options {
  std::string listen_address = "127.0.0.1";
  std::uint16_t port = 8443;     // 0: any free one, see Server::port()
  std::string certificate_file;  // PEM, with the chain
  std::string key_file;          // PEM
  // What shared access signatures name as their resource, and connection strings as HostName.
  std::string host_name;
  std::uint16_t mqtt_port = 8883;  // for the connection strings of devices
  std::string state_file;          // state.db: users, sessions, tokens, audit
  std::string portal_dir;          // development: serve the portal from here, not the embedded one
  std::string version;
  std::vector<std::pair<std::string, std::string>> endpoints;  // protocol and address, for
                                                               // /status; its own is added

  unsigned request_threads = 4;
  unsigned query_threads = 2;
  std::size_t max_queued_requests = 256;  // more are answered 503
  std::size_t max_queued_queries = 16;    // more are answered 429
  std::size_t max_connections = 1024;     // more are closed at once
  std::size_t max_streams = 128;
  std::size_t max_body_bytes = 1U << 20U;
  std::chrono::seconds header_timeout{15};  // for the TLS handshake and for a request's bytes
  std::chrono::seconds idle_timeout{75};    // between requests
  std::chrono::seconds heartbeat{15};       // of /stream
};

// All must outlive the server; each is used from several threads at once. The server listens to the
// changes of `registry` and `alerts`, so create it before they begin to change.
struct Dependencies {
  identity::Registry* registry = nullptr;
  operations::Operations* operations = nullptr;
  detect::Alerts* alerts = nullptr;
  store::Queries* queries = nullptr;
  // Appends the numbers of the other parts of the hub. Threads: any.
  std::function<void(std::vector<Metric>&)> metrics;
};

// The HTTPS server: portal, REST API and the stream of changes.
//
//   auto server = TRY(api::Server::create(options, dependencies));
//   server->start(2);  ...  server->publish("alert", json);  ...  server->stop();
class Server {
 public:
  // Reads the certificate, opens state.db (making its tables) and listens; answers nobody yet.
  // Errors: NotFound or Malformed (certificate, key), Io (port in use: errno EADDRINUSE), those of
  // store::Sqlite.
  static base::Result<std::unique_ptr<Server>> create(Options options, Dependencies dependencies);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;

  // Serves on that many threads of its own, until stop(). Once.
  void start(unsigned io_threads);
  // Lets running requests end (streams are closed), at most `grace`; then joins all threads.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(3));

  // Sends a change to all open streams: `event` is one of the events of GET /stream in
  // docs/reference/openapi.yaml, `json` its data on one line. Threads: any; does not wait.
  void publish(std::string_view event, std::string json);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::api
