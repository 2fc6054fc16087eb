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
#include "hub/identity/certificate.h"
#include "hub/link/session.h"

namespace store {
class Queries;
}
namespace detect {
class Alerts;
}
namespace detect::posture {
class Posture;
}
namespace hub::jobs {
class Containers;
class Jobs;
class Transfers;
}  // namespace hub::jobs
namespace hub::identity {
class Registry;
}
namespace hub::twins {
class Twins;
}
namespace hub::operations {
class AuditLog;
}
namespace hub::provisioning {
class Provisioning;
}
namespace hub::queries {
class TwinQueries;
}
namespace hub::configurations {
class Configurations;
}
namespace detect {
class Stream;
}
namespace hub::rules {
class Rules;
}
namespace hub::custom_alerts {
class CustomAlerts;
}
namespace hub::saved_queries {
class SavedQueries;
}
namespace detect::scheduled {
class Analytics;
}

namespace hub::commands {
class Messages;
class Methods;
}  // namespace hub::commands

namespace hub::uploads {
class Uploads;
}

namespace hub::vulnerabilities {
class Vulnerabilities;
}

namespace hub::ingest {
class Ingest;
}

namespace hub::quarantine {
class Quarantine;
}

namespace hub::retention {
class Care;
class Retention;
}  // namespace hub::retention

namespace hub::egress {
class Exporter;
class Forwards;
}  // namespace hub::egress

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

// What queries may use; query.* of the configuration. A request may ask for less, or for more up to
// the most.
struct QueryLimits {
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds max_timeout{600'000};
  std::size_t rows = 10'000;
  std::size_t max_rows = 500'000;
  std::size_t max_bytes = std::size_t{64} << 20U;  // of a result: store::QueryStats::bytes
  // What the store has for all queries together; only told here.
  std::size_t memory_bytes = std::size_t{512} << 20U;
  std::size_t spill_bytes = std::size_t{4} << 30U;
};

struct Options {
  std::string listen_address = "127.0.0.1";
  std::uint16_t port = 8443;     // 0: any free one, see Server::port()
  std::string certificate_file;  // PEM, with the chain
  identity::TlsRules tls;
  std::string key_file;  // PEM
  // What shared access signatures name as their resource, and connection strings as HostName.
  std::string host_name;
  std::uint16_t mqtt_port = 8883;  // for the connection strings of devices
  std::string state_file;          // state.db: users, sessions, tokens
  std::string portal_dir;          // development: serve the portal from here, not the embedded one
  std::string version;
  std::vector<std::pair<std::string, std::string>> endpoints;  // protocol and address, for
                                                               // /status; its own is added

  QueryLimits query;
  unsigned request_threads = 4;
  unsigned query_threads = 2;
  std::size_t max_queued_requests = 256;  // more are answered 503
  std::size_t max_queued_queries = 16;    // more are answered 429
  std::size_t max_connections = 1024;     // more are closed at once; of one address half as many
  std::size_t max_streams = 128;
  std::size_t max_event_streams = 16;  // of GET /stream/events, each with a look at the disk
  std::size_t max_body_bytes = 1U << 20U;
  // Contents of all requests together, where they are larger than a few KiB; more are answered 503.
  std::size_t max_held_body_bytes = std::size_t{64} << 20U;
  std::chrono::seconds header_timeout{15};  // for the TLS handshake and for a request's bytes
  std::chrono::seconds idle_timeout{75};    // between requests
  std::chrono::seconds heartbeat{15};       // of /stream
};

// What can be spoken in a web socket at /$iothub/websocket.
struct SocketProtocol {
  std::string subprotocol;  // as registered for Sec-WebSocket-Protocol
  operations::Protocol name = operations::Protocol::None;
  link::SessionFactory make_session;
};

// What begins after the server is made and before it serves.
struct Live {
  ingest::Ingest* ingest = nullptr;
  egress::Forwards* forwards = nullptr;
};

// All must outlive the server; each is used from several threads at once. The server listens to the
// changes of `registry` and `alerts`, so create it before they begin to change.
struct Dependencies {
  identity::Registry* registry = nullptr;
  operations::Operations* operations = nullptr;
  operations::AuditLog* audit = nullptr;
  detect::Alerts* alerts = nullptr;
  detect::posture::Posture* posture = nullptr;                  // nullptr: nothing is assessed
  vulnerabilities::Vulnerabilities* vulnerabilities = nullptr;  // nullptr: none are looked for
  store::Queries* queries = nullptr;
  twins::Twins* twins = nullptr;
  provisioning::Provisioning* provisioning = nullptr;
  queries::TwinQueries* twin_queries = nullptr;
  configurations::Configurations* configurations = nullptr;
  saved_queries::SavedQueries* saved_queries = nullptr;
  detect::scheduled::Analytics* analytics = nullptr;
  detect::Stream* detections = nullptr;
  rules::Rules* rules = nullptr;
  custom_alerts::CustomAlerts* custom_alerts = nullptr;
  // The security group of a device.
  std::function<std::string(std::string_view device)> group_of = {};
  std::string workspace_id;  // of Log Analytics' clients: the store's tenant id
  commands::Messages* messages = nullptr;
  commands::Methods* methods = nullptr;
  link::Service* service = nullptr;  // nullptr: no devices here
  std::vector<SocketProtocol> sockets;
  uploads::Uploads* uploads = nullptr;  // nullptr: no files
  jobs::Jobs* jobs = nullptr;
  jobs::Containers* containers = nullptr;
  jobs::Transfers* transfers = nullptr;
  quarantine::Quarantine* quarantine = nullptr;
  egress::Exporter* exporter = nullptr;       // nullptr: nothing is exported
  retention::Retention* retention = nullptr;  // nullptr: nothing is stored
  retention::Care* care = nullptr;
  const Live* live = nullptr;  // nullptr: nothing can be replayed or followed
  // Appends the numbers of the other parts of the hub. Threads: any.
  std::function<void(std::vector<Metric>&)> metrics;
  // What the hub cannot do at present, in words for anybody: the answer of /healthz. Empty: all is
  // well. Threads: any; must not wait.
  std::function<std::string()> trouble;
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
  void publish(std::string_view event, std::string_view json);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::api
