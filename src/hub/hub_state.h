#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "detect/alerts.h"
#include "detect/changes/changes.h"
#include "detect/custom/detector.h"
#include "detect/posture/posture.h"
#include "detect/scheduled/analytics.h"
#include "detect/stream.h"
#include "hub/amqp/session.h"
#include "hub/api/accounts.h"
#include "hub/api/server.h"
#include "hub/certificates.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/configurations/configurations.h"
#include "hub/custom_alerts/custom_alerts.h"
#include "hub/data_dir.h"
#include "hub/egress/exporter.h"
#include "hub/egress/forwards.h"
#include "hub/hub.h"
#include "hub/identity/registry.h"
#include "hub/ingest/ingest.h"
#include "hub/ingest/watermark.h"
#include "hub/job_world.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/transfers.h"
#include "hub/limits/usage_table.h"
#include "hub/link/service.h"
#include "hub/listen/listener.h"
#include "hub/listen/mqtt_session.h"
#include "hub/metrics.h"
#include "hub/network/network.h"
#include "hub/operations/audit.h"
#include "hub/operations/operations.h"
#include "hub/posture/watch.h"
#include "hub/provisioning/provisioning.h"
#include "hub/quarantine/quarantine.h"
#include "hub/queries/maintenance.h"
#include "hub/queries/security_group.h"
#include "hub/queries/twin_queries.h"
#include "hub/retention/retention.h"
#include "hub/retention/shelf.h"
#include "hub/rules/rules.h"
#include "hub/saved_queries/saved_queries.h"
#include "hub/snapshot.h"
#include "hub/twin_fleet.h"
#include "hub/twins/twin_outbox.h"
#include "hub/twins/twins.h"
#include "hub/uploads/uploads.h"
#include "hub/vulnerabilities/vulnerabilities.h"
#include "os/file.h"
#include "os/open_files.h"
#include "store/damage.h"
#include "store/events.h"
#include "store/query.h"

// All of a hub, put together; for the sources of this folder. What it keeps is opened in
// hub_stores.cc, what serves it is started in hub_services.cc, and its course is in hub.cc.
namespace hub {

// HOST:PORT, as URLs have it.
std::string with_port(const std::string& host, std::uint16_t port);
// Where the portal is, when it is served at that port.
std::string https_url(const Config& config, std::uint16_t port);

// From the listener's words to the ingest's.
class IngestSink final : public link::Sink {
 public:
  void set(ingest::Ingest& ingest) { ingest_ = &ingest; }

  bool offer(const link::Message& message, Done& done) override {
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

struct Hub::State {
  explicit State(Config given) : config(std::move(given)) {}

  const Config config;
  os::Fd lock;
  operations::Operations operations;
  std::unique_ptr<operations::AuditLog> audit;
  std::unique_ptr<identity::Registry> registry;
  std::optional<limits::UsageTable> usage;
  limits::Usage used;  // as of the last start
  // The twins tell of changes until they are gone.
  std::unique_ptr<retention::Shelf> shelf;
  std::unique_ptr<retention::Retention> retention;
  std::unique_ptr<TwinFleet> fleet;
  std::unique_ptr<twins::Twins> twins;
  std::unique_ptr<queries::TwinQueries> twin_queries;
  std::unique_ptr<configurations::Configurations> configurations;
  std::unique_ptr<saved_queries::SavedQueries> saved_queries;
  std::unique_ptr<commands::Messages> messages;
  std::unique_ptr<commands::Methods> methods;
  std::unique_ptr<uploads::Uploads> uploads;
  std::unique_ptr<jobs::Jobs> jobs;
  std::unique_ptr<jobs::Containers> containers;
  std::unique_ptr<jobs::Transfers> transfers;
  std::unique_ptr<provisioning::Provisioning> provisioning;
  std::unique_ptr<quarantine::Quarantine> quarantine;
  std::unique_ptr<store::EventStore> events;
  std::unique_ptr<store::Queries> queries;
  std::unique_ptr<detect::Alerts> alerts;
  std::unique_ptr<detect::posture::Posture> posture;
  std::optional<posture::Watch> posture_watch;
  std::unique_ptr<vulnerabilities::Vulnerabilities> vulnerabilities;
  std::unique_ptr<network::Network> network;
  std::unique_ptr<rules::Rules> rules;
  std::unique_ptr<detect::Stream> stream;
  ingest::Watermark watermark{std::chrono::seconds(2)};  // of the analytics' thread
  std::unique_ptr<detect::scheduled::Analytics> analytics;
  std::vector<std::unique_ptr<detect::Detector>> detectors;
  std::unique_ptr<detect::custom::CustomDetector> custom_detector;
  std::unique_ptr<custom_alerts::CustomAlerts> custom_alerts;
  IngestSink sink;
  std::unique_ptr<link::Service> service;
  std::shared_ptr<amqp::Shared> amqp_shared;
  link::SessionFactory amqp_sessions;
  // The listener goes after the ingest, which calls back for what it took.
  std::unique_ptr<listen::Listener> listener;
  // So does the server, for its web sockets.
  std::unique_ptr<api::Server> server;
  std::unique_ptr<egress::Exporter> exporter;
  std::unique_ptr<retention::Care> care;
  std::unique_ptr<ingest::Ingest> ingest;
  std::unique_ptr<egress::Forwards> forwards;
  api::Live live;
  bool stopped = false;

  base::Result<void> open_stores();
  base::Result<void> open_events();
  base::Result<void> open_alerts();
  base::Result<void> open_rules();
  base::Result<void> open_configurations();
  base::Result<void> open_commands();
  base::Result<void> open_provisioning();
  void open_service();
  base::Result<void> open_listeners();
  base::Result<void> open_jobs();
  base::Result<void> open_server();
  void make_detectors();
  detect::changes::Standing standing_of(std::string_view device);
  base::Result<void> start_ingest();
  std::string trouble() const;
  base::Result<void> open_quarantine();
  base::Result<void> open_posture();
  base::Result<void> open_vulnerabilities();
  base::Result<void> open_network();
  void add_posture(ingest::Options& options);
  base::Result<void> open_retention();
  base::Result<void> open_analytics();
  base::Result<void> open_custom_alerts();
  base::Result<void> set_aside(std::span<const ingest::SetAside> refused);
  base::Result<void> write_run_file() const;
  // Where it is served at all.
  std::string amqps() const { return listener->endpoint(1); }
  std::string https() const { return https_url(config, server->port()); }
};

// Rules that cannot be used, with the reason, and how many can.
void log_rules(const detect::Stream& stream);

}  // namespace hub
