#pragma once

#include <memory>
#include <vector>

#include "detect/alerts.h"
#include "detect/custom/detector.h"
#include "detect/detector.h"
#include "detect/posture/posture.h"
#include "detect/scheduled/analytics.h"
#include "detect/stream.h"
#include "hub/amqp/options.h"
#include "hub/api/server.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/configurations/configurations.h"
#include "hub/egress/exporter.h"
#include "hub/egress/forwards.h"
#include "hub/identity/registry.h"
#include "hub/ingest/ingest.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/transfers.h"
#include "hub/limits/limits.h"
#include "hub/link/service.h"
#include "hub/network/network.h"
#include "hub/posture/watch.h"
#include "hub/provisioning/provisioning.h"
#include "hub/quarantine/quarantine.h"
#include "hub/retention/care.h"
#include "hub/retention/retention.h"
#include "hub/uploads/uploads.h"
#include "hub/vulnerabilities/vulnerabilities.h"
#include "store/events.h"

namespace hub {

// The numbers of the hub's parts, for /metrics and /status. Threads: any.
void append_metrics(const link::Service& service, std::vector<api::Metric>& out);
void append_metrics(const limits::Limits& limits, std::vector<api::Metric>& out);
void append_metrics(const amqp::Counters& counters, std::vector<api::Metric>& out);
void append_metrics(const identity::Registry& registry, std::vector<api::Metric>& out);
void append_metrics(const provisioning::Provisioning& provisioning, std::vector<api::Metric>& out);
void append_metrics(const commands::Messages& messages, std::vector<api::Metric>& out);
void append_metrics(const commands::Methods& methods, std::vector<api::Metric>& out);
void append_metrics(const uploads::Uploads& uploads, std::vector<api::Metric>& out);
void append_metrics(const jobs::Jobs& jobs, std::vector<api::Metric>& out);
void append_metrics(const jobs::Transfers& transfers, std::vector<api::Metric>& out);
void append_metrics(const jobs::Containers& containers, std::vector<api::Metric>& out);
void append_metrics(const configurations::Configurations& configurations,
                    std::vector<api::Metric>& out);
void append_metrics(const ingest::Ingest& ingest, std::vector<api::Metric>& out);
void append_metrics(const detect::Alerts& alerts, std::vector<api::Metric>& out);
void append_metrics(const detect::Stream& stream, std::vector<api::Metric>& out);
void append_metrics(const detect::scheduled::Analytics& analytics, std::vector<api::Metric>& out);
void append_metrics(const detect::posture::Posture& posture, const posture::Watch& watch,
                    std::vector<api::Metric>& out);
void append_metrics(vulnerabilities::Vulnerabilities& vulnerabilities,
                    std::vector<api::Metric>& out);
void append_metrics(const network::Network& network, std::vector<api::Metric>& out);
void append_metrics(const std::vector<std::unique_ptr<detect::Detector>>& detectors,
                    std::vector<api::Metric>& out);
void append_metrics(const detect::custom::CustomDetector& detector, std::vector<api::Metric>& out);
void append_metrics(store::EventStore& events, std::vector<api::Metric>& out);
void append_metrics(const quarantine::Quarantine& quarantine, std::vector<api::Metric>& out);
void append_metrics(const retention::Retention& retention, std::vector<api::Metric>& out);
void append_metrics(const retention::Care& care, std::vector<api::Metric>& out);
void append_metrics(const egress::Exporter& exporter, std::vector<api::Metric>& out);
void append_metrics(const egress::Forwards& forwards, std::vector<api::Metric>& out);

}  // namespace hub
