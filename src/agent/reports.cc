#include "agent/reports.h"

#include <algorithm>

#include <sys/utsname.h>
#include <unistd.h>

namespace agent {

namespace {

std::int64_t whole(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

void add(schema::ExtraDetails& details, const char* name, std::uint64_t count) {
  details.emplace_back(name, std::to_string(count));
}

void add_if_any(schema::ExtraDetails& details, const char* name, std::uint64_t count) {
  if (count != 0) add(details, name, count);
}

schema::Event periodic(base::WallTime now, schema::Payload payload) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {now, std::chrono::minutes(0)};
  event.payload = std::move(payload);
  return event;
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

void add_previous(schema::ExtraDetails& details, const RunState::Previous& previous,
                  const std::string& boot_id, base::WallTime now) {
  details.emplace_back("Start", "true");
  details.emplace_back("FirstRun", previous.any ? "false" : "true");
  if (!previous.any) return;
  details.emplace_back("UncleanExit", previous.clean ? "false" : "true");
  details.emplace_back("Rebooted", previous.boot_id == boot_id ? "false" : "true");
  if (previous.last_alive == base::WallTime()) return;
  // The clock may have been set back since.
  const auto down = std::max(std::chrono::floor<std::chrono::seconds>(now - previous.last_alive),
                             std::chrono::seconds(0));
  add(details, "DowntimeSeconds", static_cast<std::uint64_t>(down.count()));
}

// The difference to what was told before; a counter that began anew starts from nothing.
std::uint64_t advance(std::uint64_t now, std::uint64_t& reported) {
  const std::uint64_t since = now >= reported ? now - reported : now;
  reported = now;
  return since;
}

}  // namespace

schema::Event heartbeat(const Health& health, Beat beat, const RunState::Previous& previous,
                        base::WallTime now) {
  const uplink::LaneStats& high = health.uplink.spool.high;
  const uplink::LaneStats& low = health.uplink.spool.low;
  schema::Heartbeat item;
  item.tier = health.tier;
  item.uptime_seconds = health.uptime.count();
  item.boot_id = health.boot_id;
  item.collected_events = whole(high.collected + low.collected);
  item.acknowledged_events = whole(high.acknowledged + low.acknowledged);
  item.dropped_events = whole(high.dropped() + low.dropped());
  item.pending_events = whole(high.pending + low.pending);
  item.kernel_lost_events = whole(health.kernel_lost);
  item.spool_bytes = whole(health.uplink.spool.bytes);
  item.resident_bytes = whole(health.resident_bytes);
  schema::ExtraDetails& details = item.extra_details;
  if (beat == Beat::First) add_previous(details, previous, health.boot_id, now);
  details.emplace_back("KernelRelease", kernel_release());
  if (!health.tier_reason.empty())
    details.emplace_back("TierReason", health.tier_reason.substr(0, 1024));
  std::string tiers;
  std::string lossy;
  for (const auto& [event, source] : by_event(health.sources)) {
    tiers += (tiers.empty() ? "" : ",") + event + "=" + source.tier;
    if (source.lossy) lossy += (lossy.empty() ? "" : ",") + event;
  }
  if (!tiers.empty()) details.emplace_back("Sources", tiers);
  if (!lossy.empty()) details.emplace_back("LossySources", lossy);
  add(details, "SourceRecords", health.source.received);
  add(details, "ProcessCreates", health.events.created);
  add(details, "ProcessTerminates", health.events.terminated);
  add_if_any(details, "ProcessesIncomplete", health.events.incomplete);
  add_if_any(details, "ProcessesExcluded", health.events.excluded);
  add_if_any(details, "SourceOverruns", health.source.overruns);
  add_if_any(details, "SourceMalformed", health.source.malformed);
  add_if_any(details, "TableEvicted", health.table_evicted);
  add_if_any(details, "Merged", health.uplink.outbox.merged);
  add_if_any(details, "HeldBack", health.uplink.outbox.held);
  add(details, "Connects", health.uplink.session.connects);
  add_if_any(details, "ConnectFailures", health.uplink.session.connect_failures);
  add_if_any(details, "Divided", health.uplink.events_split);
  add_if_any(details, "Truncated", health.uplink.events_truncated);
  add(details, "SpoolBytesWritten", health.uplink.spool.bytes_written);
  add_if_any(details, "DiskBytesWritten", health.disk_bytes);
  add_if_any(details, "SpoolWriteErrors", health.uplink.spool.write_errors);
  return periodic(now, schema::payload_of(std::move(item)));
}

schema::Event dropped_events(const Health& health, RunState::Totals& totals, base::WallTime now) {
  const uplink::LaneStats& high = health.uplink.spool.high;
  const uplink::LaneStats& low = health.uplink.spool.low;
  const std::uint64_t kernel_lost = advance(totals.kernel_lost, totals.reported_kernel_lost);

  const auto item = [](schema::Queue queue, const uplink::LaneStats& lane, std::uint64_t collected,
                       std::uint64_t dropped) {
    schema::DroppedEventsStatistics statistics;
    statistics.queue = queue;
    statistics.collected_events = whole(collected);
    statistics.dropped_events = whole(dropped);
    // Totals by stage, since the spool was made.
    add_if_any(statistics.extra_details, "Evicted", lane.evicted);
    add_if_any(statistics.extra_details, "Lost", lane.lost);
    add_if_any(statistics.extra_details, "TooLarge", lane.too_large);
    add_if_any(statistics.extra_details, "Refused", lane.refused);
    return statistics;
  };
  // What the kernel lost was never collected, but would have been of this queue.
  schema::DroppedEventsStatistics first =
      item(schema::Queue::High, high, advance(high.collected, totals.reported_collected_high),
           advance(high.dropped(), totals.reported_dropped_high));
  add(first.extra_details, "KernelLost", kernel_lost);
  add_if_any(first.extra_details, "SourceOverruns", health.source.overruns);
  add_if_any(first.extra_details, "SourceMalformed", health.source.malformed);
  // Of each type, since the agent started.
  for (const auto& [event, source] : by_event(health.sources))
    add_if_any(first.extra_details, ("SourceLost." + event).c_str(), source.lost);
  add_if_any(first.extra_details, "WindowsEndedEarly", health.uplink.outbox.evicted_early);
  std::vector<schema::DroppedEventsStatistics> items;
  items.push_back(std::move(first));
  items.push_back(item(schema::Queue::Low, low,
                       advance(low.collected, totals.reported_collected_low),
                       advance(low.dropped(), totals.reported_dropped_low)));
  return periodic(now, std::move(items));
}

schema::Event message_statistics(const uplink::SessionStats& session,
                                 uplink::SessionStats& reported, base::WallTime now) {
  schema::MessageStatistics item;
  item.messages_sent = whole(session.messages_acknowledged - reported.messages_acknowledged);
  item.messages_under_4kb = whole(session.messages_under_4kb - reported.messages_under_4kb);
  const auto failed = [](const uplink::SessionStats& stats) {
    return stats.messages_resent + stats.connect_failures + stats.refused;
  };
  item.total_failed = whole(failed(session) - failed(reported));
  reported = session;
  return periodic(now, schema::payload_of(std::move(item)));
}

std::map<std::string, SourceReport> by_event(const std::vector<SourceReport>& sources) {
  std::map<std::string, SourceReport> joined;
  for (const SourceReport& source : sources) {
    const auto [at, added] =
        joined.try_emplace(std::string(schema::to_string(source.event)), source);
    if (added) continue;
    SourceReport& known = at->second;
    if (known.tier != source.tier) known.tier += "+" + source.tier;
    if (!source.reason.empty()) known.reason += (known.reason.empty() ? "" : "; ") + source.reason;
    known.lossy |= source.lossy;
    known.lost += source.lost;
  }
  return joined;
}

bool same_sources(const std::vector<SourceReport>& a, const std::vector<SourceReport>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const SourceReport& x, const SourceReport& y) {
        return x.event == y.event && x.tier == y.tier && x.reason == y.reason && x.lossy == y.lossy;
      });
}

schema::Event sources_event(const std::vector<SourceReport>& sources, base::WallTime now) {
  schema::Diagnostic item;
  item.severity = schema::DiagnosticSeverity::Information;
  item.message = "agent.sources";
  item.process_id = ::getpid();
  item.thread_id = ::gettid();
  for (const auto& [event, source] : by_event(sources)) {
    item.message += " " + event + "=" + source.tier;
    item.extra_details.emplace_back(event, source.tier + (source.lossy ? " (lossy)" : ""));
    if (!source.reason.empty())
      item.extra_details.emplace_back(event + ".Reason", source.reason.substr(0, 1024));
  }
  return periodic(now, schema::payload_of(std::move(item)));
}

}  // namespace agent
