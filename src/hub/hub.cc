#include "hub/hub.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/hub_state.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr unsigned kHttpsThreads = 2;
// A server certificate of ours that ends sooner than that is made anew at the start.
constexpr std::chrono::days kRenewBefore{90};
constexpr std::chrono::seconds kDrain{10};

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

bool is_any_address(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

// Descriptors beyond those of devices: stores, journal, API, uploads.
constexpr std::size_t kOtherFiles = 1'000;

void allow_connections(const Config& config) {
  const std::size_t wanted = config.max_connections + kOtherFiles;
  const std::size_t allowed = os::allow_open_files(wanted);
  if (allowed >= wanted) return;
  LOG_WARNING("hub.open_files")
      .field("allowed", static_cast<std::uint64_t>(allowed))
      .field("wanted", static_cast<std::uint64_t>(wanted))
      .field("help", "raise the limit of open files, or lower mqtt.max_connections");
}

}  // namespace

std::string with_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string https_url(const Config& config, std::uint16_t port) {
  // Where one listens everywhere, the name is what the certificate is for.
  return "https://" +
         with_port(is_any_address(config.listen_address) ? config.host_name : config.listen_address,
                   port);
}

Result<void> Hub::State::write_run_file() const {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("pid", std::int64_t{::getpid()});
  writer.field("mqtts", listener->endpoint());
  if (config.amqp) writer.field("amqps", amqps());
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
  allow_connections(config);
  auto state = std::make_unique<State>(std::move(config));
  state->lock = TRY(lock_data_dir(state->config.data_dir));
  TRY(renew_certificate(state->config, base::wall_now()));
  TRY(state->open_stores());
  TRY(state->open_listeners());
  TRY(record_start(*state->audit, state->config, *state->registry, base::wall_now()));
  TRY(state->start_ingest());
  state->listener->start();
  state->configurations->start();
  state->retention->start();
  state->posture_watch->start();
  state->vulnerabilities->start();
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
  if (state_->config.amqp) writer.field("amqps", state_->amqps());
  writer.field("https", state_->https());
  writer.field("pid", std::int64_t{::getpid()});
  writer.end_object();
  return json;
}

void Hub::maintain() {
  state_->operations.settle(base::wall_now());
  const auto flushed = state_->registry->flush();
  if (!flushed) {
    LOG_WARNING("identity.flush").field("error", flushed.error().to_string());
  }
  const auto stored = state_->usage->store(state_->service->limits.usage(base::wall_now()));
  if (!stored) {
    LOG_WARNING("limits.usage").field("error", stored.error().to_string());
  }
  const auto purged = state_->audit->purge(base::wall_now());
  if (!purged) {
    LOG_WARNING("audit.purge").field("error", purged.error().to_string());
  }
  const auto tidied = state_->alerts->tidy(base::wall_now());
  if (!tidied) {
    LOG_WARNING("alerts.tidy").field("error", tidied.error().to_string());
  }
  const auto aged = state_->quarantine->maintain();
  if (!aged) {
    LOG_WARNING("quarantine.maintain").field("error", aged.error().to_string());
  }
  const auto swept = state_->uploads->maintain();
  if (!swept) {
    LOG_WARNING("uploads.maintain").field("error", swept.error().to_string());
  }
  const auto ended = state_->containers->maintain();
  if (!ended) {
    LOG_WARNING("containers.maintain").field("error", ended.error().to_string());
  }
  const auto followed = state_->stream->follow();
  if (!followed) {
    LOG_WARNING("detect.follow").field("error", followed.error().to_string());
  } else if (*followed) {
    log_rules(*state_->stream);
  }
  const auto read = state_->custom_alerts->follow(base::wall_now());
  if (!read) {
    LOG_WARNING("custom_alerts.follow").field("error", read.error().to_string());
  }
}

void Hub::stop() {
  if (std::exchange(state_->stopped, true)) return;
  LOG_NOTICE("hub.stopping");
  state_->operations.settle(base::WallTime::max());
  state_->jobs->stop();
  state_->transfers->stop();
  // Which answers the API's callers, too.
  state_->methods->stop();
  state_->posture_watch->stop();
  state_->vulnerabilities->stop();
  state_->exporter->stop();
  state_->care->stop();
  state_->server->stop();
  state_->analytics->stop();
  state_->retention->stop();
  state_->listener->stop_reading();
  // So that what was taken is acknowledged before its connection goes.
  const auto drained = state_->ingest->drain(kDrain);
  if (!drained) {
    LOG_WARNING("ingest.drain").field("error", drained.error().to_string());
  }
  // Which ends the registration that is worked on.
  state_->provisioning->stop();
  // Which changes twins.
  state_->configurations->stop();
  // Which answers those who are still connected.
  state_->twins->stop();
  state_->messages->stop();
  state_->listener->stop();
  state_->amqp_shared->files->stop();
  // They go on after the next start with what they did not bring yet.
  state_->forwards->stop();
  state_->ingest->stop();
  state_->operations.set_sink({});
  maintain();
  if (const auto removed = os::remove_file(state_->config.in_data_dir(kRunFile)); !removed) {
    LOG_WARNING("hub.run_file").field("error", removed.error().to_string());
  }
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
  const auto audit = TRY(operations::AuditLog::open(config.in_data_dir(kStateFile)));
  TRY(record_local(*audit, "loginLink.create", user, now));

  // A running hub says where it answers; it may have been started with other ports than configured.
  std::string url = https_url(config, config.https_port);
  if (const auto run = os::read_file(config.in_data_dir(kRunFile))) {
    if (const auto json = base::json::parse(base::trim(*run))) url = json->text_or("https", url);
  }
  return api::login_link(url, token.secret);
}

}  // namespace hub
