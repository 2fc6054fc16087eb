#include "hub/hub.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "detect/alerts.h"
#include "detect/stream.h"
#include "hub/api/accounts.h"
#include "hub/api/server.h"
#include "hub/certificates.h"
#include "hub/data_dir.h"
#include "hub/identity/registry.h"
#include "hub/ingest/ingest.h"
#include "hub/listen/listener.h"
#include "hub/metrics.h"
#include "hub/operations/operations.h"
#include "os/file.h"
#include "store/events.h"
#include "store/query.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr unsigned kHttpsThreads = 2;
// A server certificate of ours that ends sooner than that is made anew at the start.
constexpr std::chrono::days kRenewBefore{90};
constexpr std::chrono::seconds kDrain{10};

// From the listener's words to the ingest's.
class IngestSink final : public listen::Sink {
 public:
  void set(ingest::Ingest& ingest) { ingest_ = &ingest; }

  bool offer(const listen::Message& message, Done& done) override {
    ingest::Received received;
    received.device_id = message.peer.device_id;
    received.module_id = message.peer.module_id;
    received.generation_id = message.peer.generation_id;
    received.auth_method = message.peer.auth_method;
    received.received_at = message.received_at;
    received.properties = message.bag;
    received.payload = message.payload;
    received.security = message.security;
    return ingest_->submit(received, done);
  }
  void on_room(std::function<void()> callback) override { ingest_->on_room(std::move(callback)); }

 private:
  ingest::Ingest* ingest_ = nullptr;
};

Result<void> check_made(const Config& config) {
  if (os::file_exists(config.in_data_dir(kStateFile))) return {};
  return fail(Code::NotFound, "data folder", -1,
              config.data_dir + " holds no hub; make one with `vedette-hub init --data-dir " +
                  config.data_dir + " --host-name NAME`");
}

// Only what init() made is ours to renew.
Result<void> renew_certificate(const Config& config, base::WallTime now) {
  if (config.certificate_file != config.in_data_dir(kServerCertificate)) return {};
  const std::string current = TRY(os::read_file(config.certificate_file));
  const base::WallTime end = TRY(certificate_end(current));
  if (end - now > kRenewBefore || !os::file_exists(config.in_data_dir(kCaKey))) return {};
  const KeyPair authority{TRY(os::read_file(config.in_data_dir(kCaCertificate))),
                          TRY(os::read_file(config.in_data_dir(kCaKey)))};
  const KeyPair server = TRY(make_server_certificate(authority, config.host_name, now));
  // A crash between the two leaves a pair that does not match; the next start says so. So the key,
  // which is of no use without its certificate, goes first and the old pair is replaced as late as
  // possible.
  TRY(os::write_file_atomic(config.key_file, server.key, 0600));
  TRY(os::write_file_atomic(config.certificate_file, server.certificate, 0644));
  LOG_NOTICE("hub.certificate_renewed").field("ended", base::format_rfc3339(end, 0));
  return {};
}

void log_rules(const detect::Stream& stream) {
  for (const detect::RuleProblem& problem : stream.problems()) {
    if (problem.no_events) continue;
    LOG_WARNING("detect.rule").field("problem", problem.to_string());
  }
  LOG_INFO("detect.rules").field("count", static_cast<std::uint64_t>(stream.rules().size()));
}

std::string with_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_any_address(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

std::string https_url(const Config& config, std::uint16_t port) {
  // Where one listens everywhere, the name is what the certificate is for.
  return "https://" +
         with_port(is_any_address(config.listen_address) ? config.host_name : config.listen_address,
                   port);
}

}  // namespace

struct Hub::State {
  explicit State(Config given) : config(std::move(given)) {}

  const Config config;
  os::Fd lock;
  operations::Operations operations;
  std::unique_ptr<identity::Registry> registry;
  std::unique_ptr<store::EventStore> events;
  std::unique_ptr<store::Queries> queries;
  std::unique_ptr<detect::Alerts> alerts;
  std::unique_ptr<detect::Stream> stream;
  IngestSink sink;
  // The listener goes after the ingest, which calls back for what it took.
  std::unique_ptr<listen::Listener> listener;
  std::unique_ptr<ingest::Ingest> ingest;
  std::unique_ptr<api::Server> server;
  bool stopped = false;

  Result<void> open_stores();
  Result<void> open_listeners();
  Result<void> start_ingest();
  Result<void> write_run_file() const;
  std::string https() const { return https_url(config, server->port()); }
};

Result<void> Hub::State::open_stores() {
  const std::string state_file = config.in_data_dir(kStateFile);
  registry = TRY(identity::Registry::open({state_file, config.host_name}, operations));
  store::EventStoreOptions options;
  options.path = config.in_data_dir(kEventsFile);
  options.resource_id = config.host_name;
  options.memory_limit = config.store_memory;
  events = TRY(store::EventStore::open(std::move(options)));
  queries = TRY(store::Queries::open(*events));
  detect::AlertOptions alert_options;
  alert_options.path = state_file;
  // Links in alerts are relative where the port is any free one: the next start will have another.
  if (config.https_port != 0)
    alert_options.link_base = "https://" + with_port(config.host_name, config.https_port);
  alerts = TRY(detect::Alerts::open(std::move(alert_options)));
  stream = TRY(detect::Stream::load(config.detections));
  log_rules(*stream);
  return {};
}

Result<void> Hub::State::open_listeners() {
  listen::Options mqtt;
  mqtt.address = config.listen_address;
  mqtt.port = config.mqtt_port;
  mqtt.certificate_file = config.certificate_file;
  mqtt.key_file = config.key_file;
  mqtt.threads = config.mqtt_threads;
  mqtt.max_connections = config.max_connections;
  mqtt.max_pending_logins = config.max_pending_logins;
  mqtt.login_timeout = config.login_timeout;
  listener = TRY(listen::Listener::create(std::move(mqtt), *registry, operations, sink));

  api::Options https;
  https.listen_address = config.listen_address;
  https.port = config.https_port;
  https.certificate_file = config.certificate_file;
  https.key_file = config.key_file;
  https.host_name = config.host_name;
  https.mqtt_port = listener->port();
  https.state_file = config.in_data_dir(kStateFile);
  https.portal_dir = config.portal_dir;
  https.version = version();
  https.endpoints = {{"mqtts", listener->endpoint()}};
  api::Dependencies dependencies;
  dependencies.registry = registry.get();
  dependencies.operations = &operations;
  dependencies.alerts = alerts.get();
  dependencies.queries = queries.get();
  dependencies.metrics = [this](std::vector<api::Metric>& out) {
    append_metrics(*listener, out);
    append_metrics(*ingest, out);
    append_metrics(*events, out);
  };
  auto created = api::Server::create(std::move(https), std::move(dependencies));
  if (!created && created.error().code == Code::Io && created.error().at == EADDRINUSE) {
    return fail(
        Code::Conflict, "listen for HTTPS", -1,
        with_port(config.listen_address, config.https_port) +
            " is in use by another program: stop it, or choose another port with --https-port or "
            "listen.https_port (`ss -ltnp` shows who has it)");
  }
  server = TRY(std::move(created));
  return {};
}

Result<void> Hub::State::start_ingest() {
  ingest::Options options;
  options.journal_dir = config.in_data_dir(kJournalDir);
  options.journal_max_bytes = config.journal_max_bytes;
  options.queue_bytes = config.queue_bytes;
  ingest = TRY(ingest::Ingest::start(std::move(options), *events, *alerts, *stream, operations));
  sink.set(*ingest);
  operations.set_sink([this](const operations::Record& record) { ingest->record(record); });
  return {};
}

Result<void> Hub::State::write_run_file() const {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("pid", std::int64_t{::getpid()});
  writer.field("mqtts", listener->endpoint());
  writer.field("https", https());
  writer.end_object();
  return os::write_file_atomic(config.in_data_dir(kRunFile), json + "\n", 0600);
}

Hub::Hub(std::unique_ptr<State> state) : state_(std::move(state)) {}

Hub::~Hub() {
  stop();
}

Result<std::unique_ptr<Hub>> Hub::start(Config config) {
  ::umask(077);
  TRY(check_made(config));
  auto state = std::make_unique<State>(std::move(config));
  state->lock = TRY(lock_data_dir(state->config.data_dir));
  TRY(renew_certificate(state->config, base::wall_now()));
  TRY(state->open_stores());
  TRY(state->open_listeners());
  TRY(state->start_ingest());
  state->listener->start();
  state->server->start(kHttpsThreads);
  std::unique_ptr<Hub> hub(new Hub(std::move(state)));
  TRY(hub->state_->write_run_file());
  LOG_NOTICE("hub.ready")
      .field("version", version())
      .field("mqtts", hub->state_->listener->endpoint())
      .field("https", hub->state_->https())
      .field("data_dir", hub->state_->config.data_dir);
  return hub;
}

std::string Hub::ready_json() const {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("event", "ready");
  writer.field("mqtts", state_->listener->endpoint());
  writer.field("https", state_->https());
  writer.field("pid", std::int64_t{::getpid()});
  writer.end_object();
  return json;
}

void Hub::maintain() {
  const auto flushed = state_->registry->flush();
  if (!flushed) {
    LOG_WARNING("identity.flush").field("error", flushed.error().to_string());
  }
}

void Hub::stop() {
  if (std::exchange(state_->stopped, true)) return;
  LOG_NOTICE("hub.stopping");
  state_->server->stop();
  state_->listener->stop_reading();
  // So that what was taken is acknowledged before its connection goes.
  const auto drained = state_->ingest->drain(kDrain);
  if (!drained) {
    LOG_WARNING("ingest.drain").field("error", drained.error().to_string());
  }
  state_->listener->stop();
  state_->ingest->stop();
  state_->operations.set_sink({});
  maintain();
  (void)os::remove_file(state_->config.in_data_dir(kRunFile));
  LOG_NOTICE("hub.stopped");
}

Result<std::string> login_link(const Config& config, base::WallTime now) {
  TRY(check_made(config));
  const auto accounts = TRY(api::Accounts::open(config.in_data_dir(kStateFile)));
  std::string user;
  for (const api::User& candidate : TRY(accounts->users())) {
    if (candidate.role == api::Role::Admin && user.empty()) user = candidate.name;
  }
  if (user.empty()) return fail(Code::NotFound, "administrator", -1, config.data_dir);
  const api::Issued token = TRY(accounts->issue_login_token(user, now));

  // A running hub says where it answers; it may have been started with other ports than configured.
  std::string url = https_url(config, config.https_port);
  if (const auto run = os::read_file(config.in_data_dir(kRunFile))) {
    if (const auto json = base::json::parse(base::trim(*run))) url = json->text_or("https", url);
  }
  return api::login_link(url, token.secret);
}

}  // namespace hub
