#include "hub/metrics.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "schema/decode.h"

namespace hub {

namespace {

using api::Metric;

template <class Part>
struct Count {
  std::string_view name;
  std::string_view help;
  base::Counter Part::* counter;
};

constexpr Count<listen::Counters> kMqtt[] = {
    {"accepted", "TCP connections accepted.", &listen::Counters::accepted},
    {"refused_limit", "Connections closed at once: too many.", &listen::Counters::refused_limit},
    {"tls_failures", "TLS handshakes that failed.", &listen::Counters::tls_failed},
    {"login_timeouts", "Connections without a login in time.", &listen::Counters::login_timeouts},
    {"logins", "Logins accepted.", &listen::Counters::logins},
    {"logins_refused", "Logins refused.", &listen::Counters::logins_refused},
    {"taken_over", "Connections cut for a newer one of the same identity.",
     &listen::Counters::taken_over},
    {"token_expired", "Connections cut because their token expired.",
     &listen::Counters::token_expired},
    {"keep_alive_expired", "Connections cut for silence.", &listen::Counters::keep_alive_expired},
    {"malformed", "Connections cut for a violation of MQTT.", &listen::Counters::malformed},
    {"oversize", "Connections cut for a message above the limit.", &listen::Counters::oversize},
    {"qos2", "Connections cut for a publish with QoS 2.", &listen::Counters::qos2},
    {"unknown_topic", "Connections cut for a topic that is not served.",
     &listen::Counters::unknown_topic},
    {"too_many_subscriptions", "Connections cut for too many subscriptions.",
     &listen::Counters::too_many_subscriptions},
    {"messages", "Device-to-cloud messages taken.", &listen::Counters::messages},
    {"security_messages", "Security messages taken.", &listen::Counters::security_messages},
    {"message_bytes", "Bytes of these messages.", &listen::Counters::message_bytes},
    {"pubacks", "Messages acknowledged.", &listen::Counters::pubacks},
    {"not_durable", "Messages that could not be stored and were not acknowledged.",
     &listen::Counters::not_durable},
    {"paused", "Times that reading stopped for want of room.", &listen::Counters::paused},
    {"wills", "Wills sent.", &listen::Counters::wills},
    {"wills_dropped", "Wills lost for want of room.", &listen::Counters::wills_dropped},
    {"twin_requests", "Twin requests answered with 501.", &listen::Counters::twin_requests},
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
    {"events", "Events accepted.", &ingest::Counters::events},
    {"duplicate_events", "Events that were sent again.", &ingest::Counters::duplicate_events},
    {"items", "Rows of SecurityIoTRawEvent.", &ingest::Counters::items},
    {"findings", "Findings of streaming rules.", &ingest::Counters::findings},
    {"operations", "Operations records stored.", &ingest::Counters::operations},
    {"operations_dropped", "Operations records lost.", &ingest::Counters::operations_dropped},
    {"store_failures", "Batches that had to be tried again.", &ingest::Counters::store_failures},
    {"journal_corrupt_records", "Records lost to a damaged journal.",
     &ingest::Counters::journal_corrupt_records},
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

void append_metrics(const listen::Listener& listener, std::vector<Metric>& out) {
  append_counters(out, "vedette_mqtt_", kMqtt, listener.counters());
  append_gauge(out, "vedette_mqtt_connections", "TCP connections now.", listener.connections());
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
}

void append_metrics(const store::EventStore& events, std::vector<Metric>& out) {
  const store::EventStore::Stats stats = events.stats();
  append(out, "vedette_store_rows_total", "Rows appended to the workspace.", Metric::Kind::Counter,
         static_cast<double>(stats.rows_appended));
  append(out, "vedette_store_batches_total", "Batches appended to the workspace.",
         Metric::Kind::Counter, static_cast<double>(stats.batches));
}

}  // namespace hub
