// What a hub keeps, and what decides over it: opened in the order in which one needs another.
#include "base/log.h"
#include "hub/hub_state.h"

namespace hub {

using base::Code;
using base::Result;

namespace {

// A hub that does nothing for longer was not running, or its machine slept.
constexpr std::chrono::minutes kLongestPause{5};

}  // namespace

void log_rules(const detect::Stream& stream) {
  for (const detect::RuleProblem& problem : stream.problems()) {
    if (problem.no_events) continue;
    LOG_WARNING("rule.refused").field("where", problem.to_string());
  }
  LOG_INFO("detect.rules").field("count", static_cast<std::uint64_t>(stream.rules().size()));
}

Result<void> Hub::State::open_events() {
  store::EventStoreOptions options;
  options.path = config.in_data_dir(kEventsFile);
  options.resource_id = config.host_name;
  options.memory_limit = config.store_memory;
  options.spill_limit = config.query.spill_bytes;
  options.export_dir = config.in_data_dir(kExportDir);
  events = TRY(store::EventStore::open(std::move(options)));
  // Those of the API's threads, and exports.
  constexpr std::size_t kOtherQueries = 6;
  queries = TRY(store::Queries::open(*events, config.query_threads + kOtherQueries));
  exporter = std::make_unique<egress::Exporter>(*queries, config.exports);
  return {};
}

Result<void> Hub::State::open_alerts() {
  detect::AlertOptions options;
  options.path = config.in_data_dir(kStateFile);
  options.quiet = config.alerts_quiet;
  options.keep_closed = config.alerts_keep_closed;
  // Links in alerts are relative where the port is any free one: the next start will have another.
  if (config.https_port != 0)
    options.link_base = "https://" + with_port(config.host_name, config.https_port);
  alerts = TRY(detect::Alerts::open(std::move(options)));
  return {};
}

Result<void> Hub::State::open_stores() {
  const std::string state_file = config.in_data_dir(kStateFile);
  TRY(store::check_sqlite(state_file));
  audit = TRY(operations::AuditLog::open(state_file));
  registry = TRY(identity::Registry::open({state_file, config.host_name}, operations));
  twins::Options twin_options;
  twin_options.path = state_file;
  twins = TRY(twins::Twins::open(std::move(twin_options), *registry, operations));
  usage.emplace(TRY(limits::UsageTable::open(state_file)));
  used = TRY(usage->latest());
  TRY(open_configurations());
  TRY(open_commands());
  TRY(open_provisioning());
  TRY(open_events());
  saved_queries = TRY(saved_queries::SavedQueries::open({.path = state_file}, base::wall_now()));
  TRY(open_quarantine());
  TRY(open_retention());
  TRY(open_alerts());
  TRY(open_rules());
  TRY(open_posture());
  TRY(open_vulnerabilities());
  TRY(open_network());
  TRY(open_custom_alerts());
  return open_analytics();
}

Result<void> Hub::State::open_rules() {
  rules = TRY(rules::Rules::open({.path = config.in_data_dir(kStateFile)}));
  detect::StreamOptions options;
  options.folder = config.detections;
  options.settings = rules->settings(config.profile);
  make_detectors();
  for (const auto& detector : detectors) {
    for (detect::RuleInfo& info : detector->rules())
      options.detectors.push_back(std::move(info));
  }
  stream = TRY(detect::Stream::load(options));
  rules->attach(*stream, options);
  log_rules(*stream);
  return {};
}

Result<void> Hub::State::open_custom_alerts() {
  fleet = std::make_unique<TwinFleet>(*twins);
  twins->add_change_listener([this](const twins::Change& change) {
    if (change.tags || change.desired) fleet->forget(change.name.device_id);
  });
  registry->add_listener([this](const identity::Name& name, identity::Registry::Event event) {
    if (event == identity::Registry::Event::Deleted) fleet->forget(name.device_id);
  });
  custom_detector = std::make_unique<detect::custom::CustomDetector>(*fleet);
  custom_alerts::Options options;
  options.path = config.in_data_dir(kStateFile);
  options.folder = config.custom_alerts;
  custom_alerts = TRY(custom_alerts::CustomAlerts::open(std::move(options), base::wall_now()));
  custom_alerts->on_change([this](auto all) { custom_detector->set(std::move(all)); });
  return {};
}

Result<void> Hub::State::open_posture() {
  posture = TRY(detect::posture::Posture::open({.path = config.in_data_dir(kStateFile)}));
  TRY(posture->continue_outbox(events->recommendation_position()));
  posture::Options options;
  using std::chrono::days;
  const retention::Limit kept = config.retention.of("IoTHubOperations");
  options.sinks.push_back(
      {"allLogs", static_cast<int>(std::chrono::floor<days>(kept.max_age).count())});
  // Who takes them elsewhere keeps them there.
  for (const egress::ForwardSettings& forward : config.forwards) {
    if (forward.filter.takes(egress::Kind::Operation) && forward.filter.devices.empty())
      options.sinks.push_back({"allLogs", 0});
  }
  posture_watch.emplace(std::move(options), *registry, *posture);
  return {};
}

Result<void> Hub::State::open_vulnerabilities() {
  vulnerabilities::Options options;
  options.path = config.in_data_dir(kVulnerabilitiesFile);
  options.bundles.folder = config.in_data_dir(kAdvisoriesDir);
  vulnerabilities = TRY(vulnerabilities::Vulnerabilities::open(std::move(options), *posture));
  return {};
}

Result<void> Hub::State::open_network() {
  network::Options options;
  options.path = network::file_beside(config.in_data_dir(kStateFile));
  network = TRY(network::Network::open(std::move(options)));
  return {};
}

Result<void> Hub::State::open_retention() {
  retention::Options options;
  options.settings = config.retention;
  options.path = config.in_data_dir(kStateFile);
  options.audit = audit.get();
  options.group_of = [this](std::string_view device) {
    return queries::security_group(*twins, {std::string(device), {}});
  };
  shelf = retention::make_shelf(*events);
  retention = TRY(retention::Retention::open(std::move(options), *shelf));
  care = std::make_unique<retention::Care>(*events, care_options(config));
  twins->add_change_listener([this](const twins::Change& change) {
    if (change.tags) retention->forget_group(change.name.device_id);
  });
  return {};
}

Result<void> Hub::State::open_analytics() {
  detect::scheduled::Options options;
  options.path = config.in_data_dir(kStateFile);
  options.stored_until = [this] {
    return watermark.advance(base::wall_now(), ingest->committed(),
                             ingest->journal().stored_sequence);
  };
  analytics = TRY(detect::scheduled::Analytics::open(std::move(options), *queries, *alerts));
  return {};
}

Result<void> Hub::State::open_quarantine() {
  quarantine::Options options = config.quarantine;
  options.path = config.in_data_dir(kQuarantineFile);
  const std::string path = options.path;
  auto opened = quarantine::Quarantine::open(std::move(options));
  if (!opened && opened.error().code == Code::Corrupt) {
    opened.error().detail += "; " + path +
                             " holds only messages that did not validate: move it away to begin "
                             "without them";
  }
  quarantine = TRY(std::move(opened));
  return {};
}

Result<void> Hub::State::open_configurations() {
  queries::Options query_options = config.twin_queries;
  query_options.path = config.in_data_dir(kStateFile);
  twin_queries = TRY(queries::TwinQueries::open(std::move(query_options), *registry));
  configurations::Options options = config.configurations;
  options.path = config.in_data_dir(kStateFile);
  configurations = TRY(configurations::Configurations::open(std::move(options), *registry, *twins,
                                                            *twin_queries, operations));
  return {};
}

Result<void> Hub::State::open_commands() {
  commands::Options options = config.commands;
  options.path = config.in_data_dir(kStateFile);
  messages = TRY(commands::Messages::open(std::move(options), *registry, operations));
  methods = std::make_unique<commands::Methods>(config.methods, *registry, operations);
  uploads::Options files = config.uploads;
  files.path = config.in_data_dir(kStateFile);
  files.folder = config.in_data_dir(kUploadsDir);
  uploads = TRY(uploads::Uploads::open(std::move(files), operations));
  return {};
}

Result<void> Hub::State::open_provisioning() {
  provisioning::Options options = config.provisioning;
  options.path = config.in_data_dir(kStateFile);
  options.host_name = config.host_name;
  provisioning =
      TRY(provisioning::Provisioning::open(std::move(options), *registry, *twins, operations));
  return {};
}

// Whether a device's silence says anything. What cannot be found out just now says nothing.
detect::changes::Standing Hub::State::standing_of(std::string_view device) {
  const identity::Name name{std::string(device), {}};
  const auto identity = registry->get(name);
  if (!identity) {
    const bool gone = identity.error().code == Code::NotFound;
    return {.exists = !gone, .excused = true, .since = {}};
  }
  const auto twin = twins->get(name);
  if (!twin) return {.exists = true, .excused = true, .since = {}};
  const auto maintenance = queries::maintenance(twin->tags.properties, base::wall_now());
  const bool disabled = identity->status == identity::Status::Disabled;
  return {.exists = true,
          .excused = disabled || maintenance.now,
          .since = std::max(identity->status_updated, maintenance.ended)};
}

void Hub::State::make_detectors() {
  detect::changes::SilenceOptions silence;
  silence.after = config.silent_after;
  silence.standing = [this](std::string_view device) { return standing_of(device); };
  silence.largest_step = kLongestPause;
  detectors = detect::changes::make_detectors(std::move(silence));
}

}  // namespace hub
