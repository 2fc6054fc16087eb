#include "hub/metrics.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "schema/decode.h"
#include "store/pieces.h"

namespace hub {

namespace {

using api::Metric;

template <class Part>
struct Count {
  std::string_view name;
  std::string_view help;
  base::Counter Part::* counter;
};

constexpr Count<detect::posture::Counters> kPosture[] = {
    {"judged", "Verdicts about devices and the hub.", &detect::posture::Counters::judged},
    {"stale", "Pictures that were older than what was known.", &detect::posture::Counters::stale},
    {"changes", "Recommendations that became active, resolved or dismissed.",
     &detect::posture::Counters::changes},
    {"failures", "Transactions of recommendations that failed.",
     &detect::posture::Counters::failures},
};

constexpr Count<link::Counters> kMqtt[] = {
    {"accepted", "TCP connections accepted.", &link::Counters::accepted},
    {"refused_limit", "Connections closed at once: too many.", &link::Counters::refused_limit},
    {"tls_failures", "TLS handshakes that failed.", &link::Counters::tls_failed},
    {"login_timeouts", "Connections without a login in time.", &link::Counters::login_timeouts},
    {"logins", "Logins accepted.", &link::Counters::logins},
    {"logins_refused", "Logins refused.", &link::Counters::logins_refused},
    {"taken_over", "Connections cut for a newer one of the same identity.",
     &link::Counters::taken_over},
    {"token_renewals", "Logins that only brought a newer token.", &link::Counters::token_renewals},
    {"refused_address", "Connections closed at once by the rules about addresses.",
     &link::Counters::refused_address},
    {"token_expired", "Connections cut because their token expired.",
     &link::Counters::token_expired},
    {"keep_alive_expired", "Connections cut for silence.", &link::Counters::keep_alive_expired},
    {"malformed", "Connections cut for a violation of their protocol.", &link::Counters::malformed},
    {"oversize", "Connections cut for a message above the limit.", &link::Counters::oversize},
    {"qos2", "Connections cut for a publish with QoS 2.", &link::Counters::qos2},
    {"unknown_topic", "Connections cut for a topic that is not served.",
     &link::Counters::unknown_topic},
    {"too_many_subscriptions", "Connections cut for too many subscriptions.",
     &link::Counters::too_many_subscriptions},
    {"messages", "Device-to-cloud messages taken.", &link::Counters::messages},
    {"security_messages", "Security messages taken.", &link::Counters::security_messages},
    {"message_bytes", "Bytes of these messages.", &link::Counters::message_bytes},
    {"pubacks", "Messages acknowledged.", &link::Counters::pubacks},
    {"not_durable", "Messages that could not be stored and were not acknowledged.",
     &link::Counters::not_durable},
    {"paused", "Times that reading stopped for want of room.", &link::Counters::paused},
    {"wills", "Wills sent.", &link::Counters::wills},
    {"wills_dropped", "Wills lost for want of room.", &link::Counters::wills_dropped},
    {"twin_requests", "Reads of twins and patches of reported properties.",
     &link::Counters::twin_requests},
    {"twin_requests_refused", "Twin requests answered with 429.",
     &link::Counters::twin_requests_refused},
    {"twin_changes_told", "Changes of desired properties sent to connected devices.",
     &link::Counters::twin_changes_told},
};

constexpr Count<amqp::Counters> kAmqp[] = {
    {"accepted", "AMQP connections begun.", &amqp::Counters::connections},
    {"service_logins", "Services that proved themselves by a policy.",
     &amqp::Counters::service_logins},
    {"tokens", "Tokens shown on $cbs.", &amqp::Counters::tokens},
    {"tokens_refused", "Of these refused.", &amqp::Counters::tokens_refused},
    {"links", "Links attached.", &amqp::Counters::links},
    {"links_refused", "Links refused.", &amqp::Counters::links_refused},
    {"links_failed", "Links ended by the hub with an error.", &amqp::Counters::links_failed},
    {"rejected", "Messages that were not accepted.", &amqp::Counters::rejected},
    {"answers_dropped", "Answers and news for who does not take them.",
     &amqp::Counters::answers_dropped},
    {"file_notifications", "Notifications of files sent to services.", &amqp::Counters::files_told},
};

constexpr Count<provisioning::Counters> kProvisioning[] = {
    {"attestations_refused", "Proofs of devices that were not accepted.",
     &provisioning::Counters::attestations_refused},
    {"registrations", "Registrations begun.", &provisioning::Counters::registrations},
    {"assigned", "Registrations that gave a device its identity.",
     &provisioning::Counters::assigned},
    {"failed", "Registrations that ended otherwise.", &provisioning::Counters::failed},
    {"throttled", "Requests answered with 429.", &provisioning::Counters::throttled},
};

constexpr Count<detect::scheduled::Analytics::Counters> kAnalytics[] = {
    {"runs", "Times that the query of an analytic rule was asked.",
     &detect::scheduled::Analytics::Counters::runs},
    {"failures", "Of these, those that failed.", &detect::scheduled::Analytics::Counters::failures},
    {"findings", "What these found.", &detect::scheduled::Analytics::Counters::findings},
    {"skipped", "Runs that were missed too long ago to be made up for.",
     &detect::scheduled::Analytics::Counters::skipped},
    {"truncated", "Runs whose result was larger than the limit.",
     &detect::scheduled::Analytics::Counters::truncated},
};
constexpr Count<commands::Counters> kCommands[] = {
    {"sent", "Cloud-to-device messages taken.", &commands::Counters::sent},
    {"refused", "Cloud-to-device messages refused.", &commands::Counters::refused},
    {"delivered", "Deliveries to devices.", &commands::Counters::delivered},
    {"completed", "Messages that devices completed.", &commands::Counters::completed},
    {"rejected", "Messages that devices rejected.", &commands::Counters::rejected},
    {"abandoned", "Deliveries that were given back, or not settled in time.",
     &commands::Counters::abandoned},
    {"expired", "Messages that nobody received in time.", &commands::Counters::expired},
    {"delivery_count_exceeded", "Messages delivered too often.",
     &commands::Counters::delivery_count_exceeded},
    {"purged", "Messages purged.", &commands::Counters::purged},
    {"lock_lost", "Settlements that came too late.", &commands::Counters::lock_lost},
    {"overloaded", "Requests refused because too many were waiting.",
     &commands::Counters::overloaded},
    {"failed", "Requests that the store could not serve.", &commands::Counters::failed},
    {"feedback_dropped", "Feedback that nobody fetched.", &commands::Counters::feedback_dropped},
};

constexpr Count<commands::MethodCounters> kMethods[] = {
    {"calls", "Direct methods called.", &commands::MethodCounters::calls},
    {"answered", "Calls that devices answered.", &commands::MethodCounters::answered},
    {"refused", "Calls that were not acceptable, or too many.", &commands::MethodCounters::refused},
    {"not_online", "Calls to devices that did not serve methods.",
     &commands::MethodCounters::not_online},
    {"timed_out", "Calls that were not answered in time.", &commands::MethodCounters::timed_out},
    {"unasked", "Answers to calls that were over.", &commands::MethodCounters::unasked},
};

constexpr Count<uploads::Counters> kUploads[] = {
    {"begun", "Links given to devices.", &uploads::Counters::begun},
    {"completed", "Files that devices finished.", &uploads::Counters::completed},
    {"failed", "Files that devices gave up.", &uploads::Counters::failed},
    {"expired", "Files that were not finished in time.", &uploads::Counters::expired},
    {"received_bytes", "Bytes of contents written.", &uploads::Counters::bytes},
    {"refused", "Links that were not valid, or not given for a limit.",
     &uploads::Counters::refused},
    {"notifications_dropped", "Notifications that nobody fetched in time.",
     &uploads::Counters::notifications_dropped},
};

constexpr Count<jobs::Counters> kJobs[] = {
    {"created", "Jobs taken.", &jobs::Counters::created},
    {"refused", "Jobs that were not acceptable, or too many.", &jobs::Counters::refused},
    {"completed", "Jobs that went through their devices.", &jobs::Counters::completed},
    {"failed", "Jobs that ran out of time, or whose condition failed.", &jobs::Counters::failed},
    {"cancelled", "Jobs cancelled.", &jobs::Counters::cancelled},
    {"devices_succeeded", "Devices that did what a job asked.", &jobs::Counters::devices_succeeded},
    {"devices_failed", "Devices that did not.", &jobs::Counters::devices_failed},
};

constexpr Count<jobs::TransferCounters> kTransfers[] = {
    {"created", "Imports and exports taken.", &jobs::TransferCounters::created},
    {"completed", "Imports and exports that are done.", &jobs::TransferCounters::completed},
    {"failed", "Imports and exports that failed.", &jobs::TransferCounters::failed},
    {"cancelled", "Imports and exports cancelled.", &jobs::TransferCounters::cancelled},
    {"exported", "Identities exported.", &jobs::TransferCounters::exported},
    {"imported", "Lines of imports that were done.", &jobs::TransferCounters::imported},
    {"refused", "Lines of imports that were not.", &jobs::TransferCounters::import_refused},
};

constexpr Count<configurations::Counters> kConfigurations[] = {
    {"looked_at", "Devices that were compared with the configurations.",
     &configurations::Counters::looked_at},
    {"updated", "Twins that configurations changed.", &configurations::Counters::updated},
    {"failed", "Twins that would not take their settings.", &configurations::Counters::failed},
    {"conflicts", "Twins that changed meanwhile and were looked at again.",
     &configurations::Counters::conflicts},
    {"passes", "Passes over all devices.", &configurations::Counters::passes},
};

constexpr Count<ingest::Counters> kIngest[] = {
    {"messages", "Messages taken.", &ingest::Counters::messages},
    {"message_bytes", "Bytes of their payloads.", &ingest::Counters::message_bytes},
    {"security_messages", "Security messages taken.", &ingest::Counters::security_messages},
    {"telemetry_messages", "Other messages taken.", &ingest::Counters::telemetry_messages},
    {"no_room", "Times that the queue was full.", &ingest::Counters::no_room},
    {"not_durable", "Messages that could not be stored.", &ingest::Counters::not_durable},
    {"commits", "Commits of the journal.", &ingest::Counters::commits},
    {"commit_failures", "Commits of the journal that failed.", &ingest::Counters::commit_failures},
    {"refused_messages", "Security messages that were none.", &ingest::Counters::refused_messages},
    {"refused_events", "Events refused within messages.", &ingest::Counters::refused_events},
    {"set_aside", "Messages kept because they did not validate.", &ingest::Counters::set_aside},
    {"set_aside_lost", "Messages that did not validate and could not be kept.",
     &ingest::Counters::set_aside_lost},
    {"alerts_not_followed", "Alerts stored that streams and forwards missed.",
     &ingest::Counters::alerts_not_followed},
    {"events", "Events accepted.", &ingest::Counters::events},
    {"duplicate_events", "Events that were sent again.", &ingest::Counters::duplicate_events},
    {"items", "Rows of SecurityIoTRawEvent.", &ingest::Counters::items},
    {"items_not_stored", "Items of events that were not to be stored, or had no room.",
     &ingest::Counters::not_stored},
    {"rows_no_room", "Rows that were not stored: the disk's limit is reached.",
     &ingest::Counters::rows_no_room},
    {"findings", "Findings of rules and detectors.", &ingest::Counters::findings},
    {"memory_kept", "Pieces of what rules and detectors remember, written.",
     &ingest::Counters::memory_kept},
    {"memory_useless", "Of these, pieces that could not be used after a restart.",
     &ingest::Counters::memory_useless},
    {"telemetry_rows", "Rows of DeviceTelemetry.", &ingest::Counters::telemetry_rows},
    {"operations", "Operations records stored.", &ingest::Counters::operations},
    {"audits", "Audit records stored for queries.", &ingest::Counters::audits},
    {"operations_dropped", "Operations records lost.", &ingest::Counters::operations_dropped},
    {"store_failures", "Batches that had to be tried again.", &ingest::Counters::store_failures},
    {"journal_corrupt_records", "Records lost to a damaged journal.",
     &ingest::Counters::journal_corrupt_records},
};

constexpr Count<network::Counters> kNetwork[] = {
    {"assets_told", "Descriptions of devices that sensors sent.", &network::Counters::assets},
    {"assets_evicted", "Devices that were forgotten for want of room.",
     &network::Counters::assets_evicted},
    {"addresses_evicted",
     "Addresses that were forgotten for want of room, of these and of devices with an agent.",
     &network::Counters::addresses_evicted},
    {"failures", "Times that they had to be written again.", &network::Counters::failures},
};

constexpr Count<detect::AlertMetrics> kAlerts[] = {
    {"raised", "Alerts made, hidden ones too.", &detect::AlertMetrics::raised},
    {"repeated", "Findings that were added to an alert.", &detect::AlertMetrics::repeated},
    {"suppressed", "Findings that a suppression hid.", &detect::AlertMetrics::suppressed},
    {"stormed", "Findings that were added to the alert for what was too much.",
     &detect::AlertMetrics::stormed},
    {"resolved", "Alerts that ended by themselves.", &detect::AlertMetrics::resolved},
    {"quiet", "Alerts closed for silence.", &detect::AlertMetrics::quiet},
    {"forgotten", "Closed alerts deleted for their age.", &detect::AlertMetrics::forgotten},
};

constexpr Count<quarantine::Counters> kQuarantine[] = {
    {"added", "Messages set aside.", &quarantine::Counters::added},
    {"evicted", "Messages pushed out by newer ones.", &quarantine::Counters::evicted},
    {"expired", "Messages dropped for their age.", &quarantine::Counters::expired},
    {"replayed", "Messages taken after all.", &quarantine::Counters::replayed},
    {"replay_refused", "Replays that did not succeed.", &quarantine::Counters::replay_refused},
    {"discarded", "Messages thrown away by somebody.", &quarantine::Counters::discarded},
};

constexpr Count<retention::Counters> kRetention[] = {
    {"runs", "Times that limits were applied.", &retention::Counters::runs},
    {"failures", "Of these, those that failed.", &retention::Counters::failures},
    {"dropped_bytes", "Bytes of pieces dropped.", &retention::Counters::bytes},
    {"trimmed_pieces", "Pieces of which holds kept some rows.", &retention::Counters::trimmed},
    {"not_chosen", "Items of events that hub.toml says not to store.",
     &retention::Counters::not_chosen},
};

constexpr Count<retention::Care::Counters> kCare[] = {
    {"backups", "Backups made.", &retention::Care::Counters::backups},
    {"backup_bytes", "Bytes of these.", &retention::Care::Counters::backup_bytes},
    {"verifications", "Times that the stores were looked through.",
     &retention::Care::Counters::verifications},
    {"damaged", "Pieces and files found damaged.", &retention::Care::Counters::damaged},
    {"failures", "Backups, checks and compactions that failed.",
     &retention::Care::Counters::failures},
    {"imported_rows", "Rows added from files.", &retention::Care::Counters::imported_rows},
};

constexpr Count<egress::Exporter::Counters> kExports[] = {
    {"written", "Exports written.", &egress::Exporter::Counters::exports},
    {"bytes", "Bytes of these.", &egress::Exporter::Counters::bytes},
    {"failed", "Exports that failed.", &egress::Exporter::Counters::failed},
    {"refused", "Exports refused: too many at once.", &egress::Exporter::Counters::refused},
};

struct ForwardCount {
  std::string_view name;
  std::string_view help;
  std::uint64_t egress::ForwardState::* count;
};
constexpr ForwardCount kForwards[] = {
    {"vedette_forward_lines_total", "Lines that were taken.", &egress::ForwardState::lines},
    {"vedette_forward_bytes_total", "Bytes of these.", &egress::ForwardState::bytes},
    {"vedette_forward_failures_total", "Deliveries to be tried again.",
     &egress::ForwardState::failures},
    {"vedette_forward_refused_total", "Lines that the target does not take.",
     &egress::ForwardState::refused},
    {"vedette_forward_lost_total", "Journal records gone before they were forwarded.",
     &egress::ForwardState::lost},
};

void append(std::vector<Metric>& out, std::string name, std::string_view help, Metric::Kind kind,
            double value) {
  out.push_back({std::move(name), std::string(help), kind, value, {}});
}

template <class Part, std::size_t N>
void append_counters(std::vector<Metric>& out, std::string_view prefix,
                     const Count<Part> (&counts)[N], const Part& part) {
  for (const Count<Part>& count : counts) {
    std::string name(prefix);
    name.append(count.name).append("_total");
    append(out, std::move(name), count.help, Metric::Kind::Counter,
           static_cast<double>((part.*count.counter).value()));
  }
}

void append_gauge(std::vector<Metric>& out, std::string name, std::string_view help,
                  std::uint64_t value) {
  append(out, std::move(name), help, Metric::Kind::Gauge, static_cast<double>(value));
}

}  // namespace

void append_metrics(const link::Service& service, std::vector<Metric>& out) {
  append_counters(out, "vedette_mqtt_", kMqtt, service.counters);
  append_gauge(out, "vedette_mqtt_connections", "Devices' connections now.",
               service.connections.load());
}

void append_metrics(const limits::Limits& limits, std::vector<Metric>& out) {
  const limits::Counters& counters = limits.counters();
  const auto by_kind = [&out](const std::string& name, std::string_view help,
                              const std::array<base::Counter, limits::kKinds>& counts) {
    for (std::size_t i = 0; i < limits::kKinds; ++i) {
      const std::string_view kind = limits::to_string(static_cast<limits::Kind>(i));
      out.push_back({name,
                     std::string(help),
                     Metric::Kind::Counter,
                     static_cast<double>(counts[i].value()),
                     {{"kind", std::string(kind)}}});
    }
  };
  by_kind("vedette_limits_passed_total", "Operations within the limits.", counters.passed);
  by_kind("vedette_limits_delayed_total", "Operations whose senders were slowed down.",
          counters.delayed);
  by_kind("vedette_limits_throttled_total", "Operations refused: too fast.", counters.throttled);
  append(out, "vedette_limits_quota_refused_total",
         "Operations refused: the day's messages were used up.", Metric::Kind::Counter,
         static_cast<double>(counters.quota_refused.value()));
  append(out, "vedette_limits_untracked_total",
         "Operations passed without a limit of their identity: too many identities at once.",
         Metric::Kind::Counter, static_cast<double>(counters.untracked.value()));
  append_gauge(out, "vedette_limits_units_today", "Messages metered since midnight UTC.",
               limits.usage(base::wall_now()).units);
}

void append_metrics(const amqp::Counters& counters, std::vector<Metric>& out) {
  append_counters(out, "vedette_amqp_", kAmqp, counters);
  // In this order: what ends meanwhile has begun.
  const std::uint64_t ended = counters.ended.value();
  append_gauge(out, "vedette_amqp_connections", "AMQP connections now.",
               counters.connections.value() - ended);
}

void append_metrics(const identity::Registry& registry, std::vector<Metric>& out) {
  const auto counts = registry.counts();
  if (!counts) return;
  append_gauge(out, "vedette_devices", "Devices.", counts->total);
  append_gauge(out, "vedette_devices_disabled", "Devices that are disabled.", counts->disabled);
  append_gauge(out, "vedette_devices_connected", "Devices that are connected.", counts->connected);
}

void append_metrics(const provisioning::Provisioning& provisioning, std::vector<Metric>& out) {
  append_counters(out, "vedette_provisioning_", kProvisioning, provisioning.counters());
  const auto totals = provisioning.totals();
  if (!totals) return;
  append_gauge(out, "vedette_provisioning_enrollments", "Enrollments of single devices.",
               totals->enrollments);
  append_gauge(out, "vedette_provisioning_groups", "Enrollment groups.", totals->groups);
  append_gauge(out, "vedette_provisioning_registered", "Devices that have registered.",
               totals->registrations);
}

void append_metrics(const detect::Alerts& alerts, std::vector<Metric>& out) {
  append_counters(out, "vedette_alerts_", kAlerts, alerts.metrics());
}

void append_metrics(vulnerabilities::Vulnerabilities& vulnerabilities, std::vector<Metric>& out) {
  const auto total = [&out](std::string_view name, std::string_view help,
                            const base::Counter& value) {
    append(out, "vedette_vulnerabilities_" + std::string(name) + "_total", help,
           Metric::Kind::Counter, static_cast<double>(value.value()));
  };
  const vulnerabilities::Counters& counters = vulnerabilities.counters();
  const vulnerabilities::Bundles& bundles = vulnerabilities.bundles();
  total("pictures", "Pictures of devices' software.", counters.pictures);
  total("packages_left_out", "Packages in these that could not be compared with advisories.",
        counters.left_out);
  total("judged", "Devices that were compared with the advisories.", counters.judged);
  total("failures", "Times that this had to be tried again.", counters.failures);
  total("bundles_imported", "Bundles of advisories that were imported.", bundles.imported());
  total("bundles_failed", "Files that could not be imported.", bundles.failed());
  total("bundles_unusable", "Bundles that could not be read at the start.", bundles.unusable());
  total("records_lost", "Records of bundles that could not be read.", bundles.lost_records());
  if (const auto waiting = vulnerabilities.findings().count_due(bundles.generation())) {
    append_gauge(out, "vedette_vulnerabilities_devices_waiting",
                 "Devices that wait to be compared with the advisories.",
                 static_cast<std::uint64_t>(*waiting));
  }
}

void append_metrics(const network::Network& network, std::vector<Metric>& out) {
  append_counters(out, "vedette_network_", kNetwork, network.counters());
  if (const auto count = network.count()) {
    append_gauge(out, "vedette_network_assets", "Devices that sensors see.",
                 static_cast<std::uint64_t>(*count));
  }
}

void append_metrics(const std::vector<std::unique_ptr<detect::Detector>>& detectors,
                    std::vector<Metric>& out) {
  std::uint64_t evicted = 0;
  for (const auto& detector : detectors)
    evicted += detector->evicted();
  append(out, "vedette_detect_detector_evicted_total",
         "What detectors beside the rules forgot for want of memory.", Metric::Kind::Counter,
         static_cast<double>(evicted));
}

void append_metrics(const detect::Stream& stream, std::vector<Metric>& out) {
  const detect::CorrelationCounters counters = stream.correlations();
  const auto total = [&out](std::string name, std::string_view help, std::uint64_t value) {
    append(out, std::move(name), help, Metric::Kind::Counter, static_cast<double>(value));
  };
  append_gauge(out, "vedette_detect_correlation_groups", "Groups that correlations remember.",
               counters.groups);
  append_gauge(out, "vedette_detect_correlation_bytes", "Memory of these, about.", counters.bytes);
  total("vedette_detect_correlation_late_total", "Occurrences that were too old to be correlated.",
        counters.late);
  total("vedette_detect_correlation_evicted_groups_total",
        "Groups that correlations forgot for want of memory.", counters.evicted_groups);
  total("vedette_detect_correlation_evicted_events_total",
        "Occurrences that correlations forgot for want of memory.", counters.evicted_entries);
  total("vedette_detect_correlation_no_number_total",
        "Values that correlations were to sum and that are no numbers.", counters.no_number);
  const detect::CommandCounters commands = stream.commands();
  total("vedette_detect_commands_cut_total",
        "Processes that run more commands than rules are shown.", commands.cut);
  total("vedette_detect_evicted_processes_total",
        "Processes that were forgotten as ancestors for want of memory.",
        commands.evicted_processes);
  total("vedette_detect_evicted_downloads_total",
        "Downloads that were forgotten before they could be run for want of memory.",
        commands.evicted_downloads);
}

void append_metrics(const detect::scheduled::Analytics& analytics, std::vector<Metric>& out) {
  append_counters(out, "vedette_analytics_", kAnalytics, analytics.counters());
}

void append_metrics(const detect::posture::Posture& posture, const posture::Watch& watch,
                    std::vector<Metric>& out) {
  append_counters(out, "vedette_posture_", kPosture, posture.counters());
  append(out, "vedette_posture_dropped_total",
         "Records of devices beyond those whose messages are counted.", Metric::Kind::Counter,
         static_cast<double>(posture.dropped()));
  append(out, "vedette_posture_look_failures_total", "Looks at the hub's own settings that failed.",
         Metric::Kind::Counter, static_cast<double>(watch.failures().value()));
}

void append_metrics(const detect::custom::CustomDetector& detector, std::vector<Metric>& out) {
  const detect::custom::Counters counters = detector.counters();
  const auto total = [&out](std::string name, std::string_view help, std::uint64_t value) {
    append(out, std::move(name), help, Metric::Kind::Counter, static_cast<double>(value));
  };
  append_gauge(out, "vedette_custom_alerts", "Custom alerts in force.", counters.rules);
  append_gauge(out, "vedette_custom_alerts_devices", "Devices that something is counted for.",
               counters.devices);
  append_gauge(out, "vedette_custom_alerts_bytes", "Memory of these, about.", counters.bytes);
  total("vedette_custom_alerts_late_total", "Events that were too old to be counted.",
        counters.late);
  total("vedette_custom_alerts_evicted_devices_total",
        "Devices whose counts were forgotten for want of memory.", counters.evicted_devices);
  total("vedette_custom_alerts_evicted_values_total",
        "Values of lists that were told before their hour was over.", counters.evicted_values);
  total("vedette_custom_alerts_unjudged_total",
        "Windows of which nobody knows whether too little happened.", counters.unjudged);
}

void append_metrics(const commands::Messages& messages, std::vector<Metric>& out) {
  append_counters(out, "vedette_commands_", kCommands, messages.counters());
}

void append_metrics(const commands::Methods& methods, std::vector<Metric>& out) {
  append_counters(out, "vedette_methods_", kMethods, methods.counters());
}

void append_metrics(const uploads::Uploads& uploads, std::vector<Metric>& out) {
  append_counters(out, "vedette_uploads_", kUploads, uploads.counters());
  append_gauge(out, "vedette_uploads_stored_bytes", "Size of the contents on disk.",
               uploads.total_bytes());
}

void append_metrics(const jobs::Jobs& jobs, std::vector<Metric>& out) {
  append_counters(out, "vedette_jobs_", kJobs, jobs.counters());
}

void append_metrics(const jobs::Transfers& transfers, std::vector<Metric>& out) {
  append_counters(out, "vedette_transfers_", kTransfers, transfers.counters());
}

void append_metrics(const jobs::Containers& containers, std::vector<Metric>& out) {
  append_gauge(out, "vedette_containers_stored_bytes", "Size of the lists in containers of jobs.",
               containers.total_bytes());
}

void append_metrics(const configurations::Configurations& configurations,
                    std::vector<Metric>& out) {
  append_counters(out, "vedette_configurations_", kConfigurations, configurations.counters());
}

void append_metrics(const ingest::Ingest& ingest, std::vector<Metric>& out) {
  append_counters(out, "vedette_ingest_", kIngest, ingest.counters());
  for (std::size_t i = 0; i < schema::kLeniencies; ++i) {
    const std::string_view name = schema::to_string(static_cast<schema::Leniency>(i));
    out.push_back({"vedette_ingest_leniencies_total",
                   "Departures from the schema that were accepted.",
                   Metric::Kind::Counter,
                   static_cast<double>(ingest.counters().leniencies[i].value()),
                   {{"leniency", std::string(name)}}});
  }
  const ingest::Ingest::JournalState journal = ingest.journal();
  append_gauge(out, "vedette_journal_bytes", "Size of the journal.", journal.bytes);
  append_gauge(
      out, "vedette_journal_backlog_records", "Records not in the stores yet.",
      journal.next_sequence - std::min(journal.next_sequence, journal.stored_sequence + 1));
  append_gauge(out, "vedette_journal_failing",
               "1 while messages are refused because they cannot be stored.",
               journal.failing ? 1 : 0);
  append_gauge(out, "vedette_store_failing",
               "1 while what the journal holds cannot be entered into the tables.",
               journal.store_failing ? 1 : 0);
}

void append_metrics(store::EventStore& events, std::vector<Metric>& out) {
  const store::EventStore::Stats stats = events.stats();
  append(out, "vedette_store_rows_total", "Rows appended to the workspace.", Metric::Kind::Counter,
         static_cast<double>(stats.rows_appended));
  append(out, "vedette_store_batches_total", "Batches appended to the workspace.",
         Metric::Kind::Counter, static_cast<double>(stats.batches));
  const store::Pieces::Stats pieces = store::Pieces(events).stats();
  append_gauge(out, "vedette_store_pieces", "Sealed parts of the workspace.", pieces.pieces);
  append_gauge(out, "vedette_store_pieces_damaged", "Of these, those left out of queries.",
               pieces.damaged);
  append_gauge(out, "vedette_store_pieces_bytes", "Their size on disk.", pieces.bytes);
  append(out, "vedette_store_sealed_rows_total", "Rows moved from the database into pieces.",
         Metric::Kind::Counter, static_cast<double>(pieces.sealed_rows));
  append(out, "vedette_store_merges_total", "Merges of pieces.", Metric::Kind::Counter,
         static_cast<double>(pieces.merges));
  append(out, "vedette_store_seal_failures_total", "Sealing and merging that was tried again.",
         Metric::Kind::Counter, static_cast<double>(pieces.failures));
  append(out, "vedette_store_usage_failures_total", "Merges of Usage that have to be tried again.",
         Metric::Kind::Counter, static_cast<double>(stats.usage_failures));
}

void append_metrics(const quarantine::Quarantine& quarantine, std::vector<Metric>& out) {
  append_counters(out, "vedette_quarantine_", kQuarantine, quarantine.counters());
  const auto held = quarantine.held();
  append_gauge(out, "vedette_quarantine_messages", "Messages that are set aside.", held.messages);
  append_gauge(out, "vedette_quarantine_size_bytes", "Their size.", held.bytes);
}

void append_metrics(const retention::Retention& retention, std::vector<Metric>& out) {
  append_counters(out, "vedette_retention_", kRetention, retention.counters());
  const auto by_why = [&out](std::string_view name, std::string_view help,
                             const std::array<base::Counter, retention::kWhys>& counts) {
    for (std::size_t i = 0; i < retention::kWhys; ++i) {
      const std::string_view why = retention::to_string(static_cast<retention::Why>(i));
      out.push_back({std::string(name),
                     std::string(help),
                     Metric::Kind::Counter,
                     static_cast<double>(counts[i].value()),
                     {{"why", std::string(why)}}});
    }
  };
  by_why("vedette_retention_pieces_total", "Pieces of tables dropped as a whole.",
         retention.counters().pieces);
  by_why("vedette_retention_rows_total", "Rows dropped.", retention.counters().rows);
  const retention::Retention::Status status = retention.status();
  append_gauge(out, "vedette_retention_disk_bytes", "What the event store takes on the disk.",
               status.disk_used);
  append_gauge(out, "vedette_retention_disk_limit_bytes", "What it may take; 0: no limit.",
               retention.settings().disk_max);
  append_gauge(out, "vedette_retention_storing", "0 while the disk's limit keeps rows out.",
               status.storing ? 1 : 0);
}

void append_metrics(const retention::Care& care, std::vector<Metric>& out) {
  append_counters(out, "vedette_care_", kCare, care.counters());
}

void append_metrics(const egress::Exporter& exporter, std::vector<Metric>& out) {
  append_counters(out, "vedette_export_", kExports, exporter.counters());
}

// The names are the administrator's, and few.
void append_metrics(const egress::Forwards& forwards, std::vector<Metric>& out) {
  const auto states = forwards.states();
  for (const ForwardCount& count : kForwards) {
    for (const egress::ForwardState& state : states) {
      out.push_back({std::string(count.name),
                     std::string(count.help),
                     Metric::Kind::Counter,
                     static_cast<double>(state.*count.count),
                     {{"forward", state.name}}});
    }
  }
  for (const egress::ForwardState& state : states) {
    out.push_back({"vedette_forward_behind_records",
                   "Journal records that are still to be looked at.",
                   Metric::Kind::Gauge,
                   static_cast<double>(state.behind),
                   {{"forward", state.name}}});
    out.push_back({"vedette_forward_failing",
                   "1 while deliveries fail.",
                   Metric::Kind::Gauge,
                   state.failing ? 1.0 : 0.0,
                   {{"forward", state.name}}});
  }
}

}  // namespace hub
