// The hub itself: stream, status, operations, metrics.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alerts.h"
#include "hub/api/api.h"
#include "hub/identity/registry.h"
#include "hub/operations/audit.h"
#include "hub/operations/operations.h"
#include "store/query.h"

namespace hub::api {

using base::json::Writer;

Response open_stream(Call& call) {
  if (call.services.changes->subscribers() >= call.services.options.max_streams) {
    return problem(call.request, Problem::Unavailable, "Too many streams are open.");
  }
  Response response;
  response.stream = true;
  const std::string_view last = call.request.header("last-event-id");
  if (!last.empty()) {
    const auto id = base::parse_int(last);
    // What is no id of ours leads to a reset, as an old one does.
    response.stream_after = id && *id > 0 ? static_cast<std::uint64_t>(*id) : 0;
  }
  return response;
}

namespace {

std::string labels_text(const Metric& metric) {
  if (metric.labels.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : metric.labels) {
    if (text.size() > 1) text += ",";
    text += name + "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') text += '\\';
      text += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    text += "\"";
  }
  return text + "}";
}

void add_own(const Services& services, std::vector<Metric>& out) {
  const Counters& counters = services.counters;
  const auto counter = [&out](std::string_view name, std::string_view help,
                              const base::Counter& value) {
    out.push_back({fmt::format("vedette_api_{}_total", name),
                   std::string(help),
                   Metric::Kind::Counter,
                   static_cast<double>(value.value()),
                   {}});
  };
  counter("connections", "HTTPS connections accepted.", counters.connections);
  counter("connections_refused", "HTTPS connections refused: too many.",
          counters.refused_connections);
  counter("tls_failures", "TLS handshakes that failed.", counters.tls_failed);
  counter("malformed_requests", "Requests that were not HTTP, too large or too slow.",
          counters.malformed);
  counter("requests", "Requests answered.", counters.requests);
  counter("client_errors", "Requests answered with 4xx.", counters.client_errors);
  counter("server_errors", "Requests answered with 5xx.", counters.server_errors);
  counter("overloaded", "Requests refused because a queue was full.", counters.overloaded);
  counter("logins", "Sign-ins.", counters.logins);
  counter("login_failures", "Sign-ins with wrong credentials.", counters.logins_failed);
  counter("logins_limited", "Sign-ins refused after too many failures.", counters.logins_limited);
  counter("unauthorized", "Requests without or with wrong credentials.", counters.unauthorized);
  counter("cross_origin", "Changes refused for lack of the portal's header or origin.",
          counters.cross_origin);
  counter("audit_failures", "Audit records that could not be written.", counters.audit_failed);
  counter("streams", "Streams opened.", counters.streams);
  counter("streams_dropped", "Streams closed because their reader was too slow.",
          counters.streams_dropped);
}

void add_operations(const operations::Operations& operations, std::vector<Metric>& out) {
  for (std::size_t c = 0; c < operations::kCategories; ++c) {
    for (std::size_t l = 0; l < operations::kLevels; ++l) {
      const auto category = static_cast<operations::Category>(c);
      const auto level = static_cast<operations::Level>(l);
      out.push_back({"vedette_operations_total",
                     "Operations recorded.",
                     Metric::Kind::Counter,
                     static_cast<double>(operations.count(category, level)),
                     {{"category", std::string(operations::to_string(category))},
                      {"level", std::string(operations::to_string(level))}}});
    }
  }
  for (std::size_t r = 1; r < operations::kReasons; ++r) {
    const auto reason = static_cast<operations::Reason>(r);
    out.push_back({"vedette_refusals_total",
                   "What was refused or ended, by reason.",
                   Metric::Kind::Counter,
                   static_cast<double>(operations.count(reason)),
                   {{"reason", std::string(operations::to_string(reason))}}});
  }
}

void add_gauge(std::vector<Metric>& out, std::string_view name, std::string_view help,
               double value) {
  out.push_back({std::string(name), std::string(help), Metric::Kind::Gauge, value, {}});
}

void add_stores(const Dependencies& dependencies, std::vector<Metric>& out) {
  if (const auto devices = dependencies.registry->count_devices()) {
    add_gauge(out, "vedette_devices", "Devices in the registry.", static_cast<double>(*devices));
  }
  add_gauge(out, "vedette_connected_identities", "Devices and modules connected now.",
            static_cast<double>(dependencies.registry->connected_count()));
  if (const auto counts = dependencies.alerts->counts()) {
    for (const auto severity : {detect::Severity::Informational, detect::Severity::Low,
                                detect::Severity::Medium, detect::Severity::High}) {
      const auto value = counts->open_by_severity[static_cast<std::size_t>(severity)];
      out.push_back({"vedette_open_alerts",
                     "Alerts that are new or active.",
                     Metric::Kind::Gauge,
                     static_cast<double>(value),
                     {{"severity", std::string(detect::to_string(severity))}}});
    }
  }
  const store::Queries::Stats queries = dependencies.queries->stats();
  const auto counter = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.push_back({std::string(name),
                   std::string(help),
                   Metric::Kind::Counter,
                   static_cast<double>(value),
                   {}});
  };
  counter("vedette_audit_lost_total", "Audit records that could not be written.",
          dependencies.audit->lost());
  counter("vedette_queries_total", "KQL queries run.", queries.queries);
  counter("vedette_query_failures_total", "KQL queries that failed.", queries.failed);
  counter("vedette_query_timeouts_total", "KQL queries that did not end in time.",
          queries.timed_out);
  counter("vedette_query_cancellations_total", "KQL queries that their callers ended.",
          queries.cancelled);
  counter("vedette_query_refusals_total", "KQL queries refused: too many at once.",
          queries.refused);
}

std::chrono::seconds uptime(const Call& call) {
  return std::chrono::duration_cast<std::chrono::seconds>(call.mono_now -
                                                          call.services.started_mono);
}

}  // namespace

std::vector<Metric> all_metrics(const Services& services) {
  std::vector<Metric> metrics;
  add_own(services, metrics);
  add_gauge(metrics, "vedette_api_streams_open", "Streams open now.",
            static_cast<double>(services.changes->subscribers()));
  add_operations(*services.dependencies.operations, metrics);
  add_stores(services.dependencies, metrics);
  if (services.dependencies.metrics) services.dependencies.metrics(metrics);
  return metrics;
}

Response get_metrics(Call& call) {
  // The format wants all lines of one name together.
  std::vector<Metric> metrics = all_metrics(call.services);
  add_gauge(metrics, "vedette_uptime_seconds", "Seconds since the hub started.",
            static_cast<double>(uptime(call).count()));
  std::stable_sort(metrics.begin(), metrics.end(),
                   [](const Metric& a, const Metric& b) { return a.name < b.name; });
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  std::string_view previous;
  for (const Metric& metric : metrics) {
    if (metric.name != previous) {
      response.body +=
          fmt::format("# HELP {} {}\n# TYPE {} {}\n", metric.name, metric.help, metric.name,
                      metric.kind == Metric::Kind::Counter ? "counter" : "gauge");
    }
    previous = metric.name;
    response.body += fmt::format("{}{} {}\n", metric.name, labels_text(metric), metric.value);
  }
  return response;
}

Response get_status(Call& call) {
  const Services& services = call.services;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("version", services.options.version);
  writer.field("hostName", services.options.host_name);
  time_field(writer, "startedAt", services.started);
  writer.field("uptimeSeconds", static_cast<std::int64_t>(uptime(call).count()));
  writer.key("endpoints");
  writer.begin_object();
  for (const auto& [protocol, address] : services.options.endpoints) {
    writer.field(protocol, address);
  }
  writer.end_object();
  writer.key("counters");
  writer.begin_object();
  for (const Metric& metric : all_metrics(services)) {
    writer.field(metric.name + labels_text(metric), metric.value);
  }
  writer.end_object();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response list_operations(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const auto& record : call.services.dependencies.operations->recent(*limit)) {
    writer.raw(operations::to_json(record));
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
