// What serves a hub: connections of devices, the API, jobs, ingest.
#include <cerrno>

#include "hub/hub_state.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;

void Hub::State::open_service() {
  link::Options options;
  options.max_connections = config.max_connections;
  options.max_pending_logins = config.max_pending_logins;
  options.login_timeout = config.login_timeout;
  options.limits = config.limits;
  service = std::make_unique<link::Service>(std::move(options), *registry, *twins, *messages,
                                            *methods, operations, sink);
  service->provisioning = provisioning.get();
  amqp_shared = std::make_shared<amqp::Shared>();
  amqp_shared->options = config.amqp_options;
  amqp_shared->feedback = amqp::FeedbackWatch::start(*messages);
  amqp_shared->files = amqp::FileCourier::start(*uploads);
  amqp_sessions = amqp::session_factory(amqp_shared);
  service->limits.restore(used);
}

Result<void> Hub::State::open_listeners() {
  open_service();
  listen::Options devices;
  devices.address = config.listen_address;
  devices.ports.push_back(
      {config.mqtt_port, {operations::Protocol::Mqtt, listen::make_mqtt_session}});
  if (config.amqp) {
    devices.ports.push_back({config.amqp_port,
                             {operations::Protocol::Amqp, amqp_sessions},
                             "--amqp-port or listen.amqp_port"});
  }
  devices.certificate_file = config.certificate_file;
  devices.key_file = config.key_file;
  devices.tls = {config.tls_min_version, config.tls_ciphers, config.tls_cipher_suites};
  devices.threads = config.mqtt_threads;
  listener = TRY(listen::Listener::create(std::move(devices), *service));
  TRY(open_jobs());
  TRY(open_server());
  return {};
}

// After all who listen to the twins, which jobs change at once where one was interrupted.
Result<void> Hub::State::open_jobs() {
  jobs::Options job_options = config.jobs;
  job_options.path = config.in_data_dir(kStateFile);
  jobs = TRY(jobs::Jobs::open(std::move(job_options),
                              make_job_world(*twin_queries, *twins, *methods), operations));
  twin_queries->set_jobs(make_job_scan(*jobs));
  jobs::ContainerOptions container_options = config.containers;
  container_options.path = config.in_data_dir(kStateFile);
  container_options.folder = config.in_data_dir(kContainersDir);
  containers = TRY(jobs::Containers::open(std::move(container_options)));
  jobs::TransferOptions transfer_options = config.transfers;
  transfer_options.path = config.in_data_dir(kStateFile);
  transfers = TRY(jobs::Transfers::open(std::move(transfer_options), *registry, *twins, *containers,
                                        operations));
  return {};
}

Result<void> Hub::State::open_server() {
  api::Options https;
  https.listen_address = config.listen_address;
  https.port = config.https_port;
  https.certificate_file = config.certificate_file;
  https.key_file = config.key_file;
  https.tls = {config.tls_min_version, config.tls_ciphers, config.tls_cipher_suites};
  https.host_name = config.host_name;
  https.mqtt_port = listener->port();
  https.state_file = config.in_data_dir(kStateFile);
  https.portal_dir = config.portal_dir;
  https.version = version();
  https.max_event_streams = config.max_event_streams;
  https.query = config.query;
  https.query.memory_bytes = config.store_memory;
  https.query_threads = config.query_threads;
  https.max_queued_queries = config.max_queued_queries;
  https.endpoints = {{"mqtts", listener->endpoint()}};
  if (config.amqp) https.endpoints.emplace_back("amqps", amqps());
  api::Dependencies dependencies;
  dependencies.registry = registry.get();
  dependencies.operations = &operations;
  dependencies.audit = audit.get();
  dependencies.alerts = alerts.get();
  dependencies.posture = posture.get();
  dependencies.vulnerabilities = vulnerabilities.get();
  dependencies.queries = queries.get();
  dependencies.twins = twins.get();
  dependencies.provisioning = provisioning.get();
  dependencies.twin_queries = twin_queries.get();
  dependencies.configurations = configurations.get();
  dependencies.saved_queries = saved_queries.get();
  dependencies.analytics = analytics.get();
  dependencies.detections = stream.get();
  dependencies.rules = rules.get();
  dependencies.custom_alerts = custom_alerts.get();
  dependencies.group_of = [this](std::string_view device) { return fleet->group_of(device); };
  dependencies.workspace_id = events->tenant_id();
  dependencies.messages = messages.get();
  dependencies.methods = methods.get();
  dependencies.service = service.get();
  dependencies.uploads = uploads.get();
  dependencies.quarantine = quarantine.get();
  dependencies.exporter = exporter.get();
  dependencies.retention = retention.get();
  dependencies.care = care.get();
  dependencies.live = &live;
  dependencies.sockets = {{"mqtt", operations::Protocol::MqttWs, listen::make_mqtt_session}};
  if (config.amqp)
    dependencies.sockets.push_back({"AMQPWSB10", operations::Protocol::AmqpWs, amqp_sessions});
  dependencies.jobs = jobs.get();
  dependencies.containers = containers.get();
  dependencies.transfers = transfers.get();
  dependencies.metrics = [this](std::vector<api::Metric>& out) {
    append_metrics(*service, out);
    append_metrics(service->limits, out);
    append_metrics(amqp_shared->counters, out);
    append_metrics(*registry, out);
    append_metrics(*provisioning, out);
    append_metrics(*messages, out);
    append_metrics(*methods, out);
    append_metrics(*uploads, out);
    append_metrics(*jobs, out);
    append_metrics(*transfers, out);
    append_metrics(*containers, out);
    append_metrics(*configurations, out);
    append_metrics(*ingest, out);
    append_metrics(*alerts, out);
    append_metrics(*stream, out);
    append_metrics(*analytics, out);
    append_metrics(*posture, *posture_watch, out);
    append_metrics(*vulnerabilities, out);
    append_metrics(*network, out);
    append_metrics(detectors, out);
    append_metrics(*custom_detector, out);
    append_metrics(*events, out);
    append_metrics(*quarantine, out);
    append_metrics(*exporter, out);
    append_metrics(*retention, out);
    append_metrics(*care, out);
    append_metrics(*forwards, out);
  };
  dependencies.trouble = [this] { return trouble(); };
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

void Hub::State::add_posture(ingest::Options& options) {
  options.detectors.push_back(posture.get());
  options.detectors.push_back(vulnerabilities.get());
  options.detectors.push_back(network.get());
  options.recommendations = [this](std::uint64_t after, std::size_t limit, store::Batch& batch) {
    return posture->outbox(after, limit, batch);
  };
  options.recommendations_stored = [this](std::uint64_t stored) {
    return posture->trim_outbox(stored);
  };
  options.on_recommendations = [this](std::function<void()> grown) {
    posture->on_outbox(std::move(grown));
  };
}

Result<void> Hub::State::set_aside(std::span<const ingest::SetAside> refused) {
  std::vector<quarantine::Message> held;
  for (const ingest::SetAside& each : refused) {
    quarantine::Message message;
    message.sequence = each.sequence;
    message.device_id = each.message.device_id;
    message.module_id = each.message.module_id;
    message.generation_id = each.message.generation_id;
    message.auth_method = each.message.auth_method;
    message.received = each.message.received_at;
    message.properties = each.message.properties;
    message.reason = operations::to_string(each.reason);
    message.why = each.why;
    message.payload = each.message.payload;
    held.push_back(std::move(message));
  }
  return quarantine->add(held);
}

Result<void> Hub::State::start_ingest() {
  ingest::Options options;
  options.journal_dir = config.in_data_dir(kJournalDir);
  options.journal_max_bytes = config.journal_max_bytes;
  options.queue_bytes = config.queue_bytes;
  options.audit = audit.get();
  for (const auto& detector : detectors)
    options.detectors.push_back(detector.get());
  options.on_clock = [this](std::string_view device, std::string_view module, base::WallTime newest,
                            base::WallTime received) {
    registry->observe_clock({std::string(device), std::string(module)}, newest, received);
  };
  options.journal_keep_bytes = config.stream_keep_bytes;
  options.stores_event = [this](std::string_view device, std::string_view type) {
    return retention->stores_event(device, type);
  };
  options.has_room = [this] { return retention->has_room(); };
  options.store_telemetry = config.store_telemetry;
  options.set_aside = [this](std::span<const ingest::SetAside> refused) {
    return set_aside(refused);
  };
  options.detectors.push_back(custom_detector.get());
  TRY(twins->outbox().continue_after(events->twin_position(), base::wall_now()));
  options.twins = [this](std::uint64_t after, std::size_t limit) {
    return twins->outbox().rows(after, limit);
  };
  options.twins_stored = [this](std::uint64_t stored) { return twins->outbox().trim(stored); };
  options.on_twins = [this](std::function<void()> grown) {
    twins->outbox().on_grown(std::move(grown));
  };
  add_posture(options);
  ingest = TRY(ingest::Ingest::start(std::move(options), *events, *alerts, *stream, operations));
  sink.set(*ingest);
  care->set_writer(
      [this](const retention::Imports::Step& step) { return ingest->run_on_writer(step); });
  operations.set_sink([this](const operations::Record& record) { ingest->record(record); });
  forwards = TRY(egress::Forwards::start(config.forwards, config.in_data_dir(kStateFile), *ingest,
                                         operations));
  live = {ingest.get(), forwards.get()};
  analytics->start();
  return {};
}

// In words that tell a stranger nothing about this machine; the log has the rest.
std::string Hub::State::trouble() const {
  const ingest::Ingest::JournalState state = ingest->journal();
  if (state.failing) return "messages are refused: they cannot be stored";
  if (state.store_failing) return "events are kept, and cannot be entered into their tables yet";
  if (!retention->storing())
    return "events are examined, and not stored: the disk's limit is reached";
  return {};
}

}  // namespace hub
