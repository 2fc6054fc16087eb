#include "agent/status.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "agent/local/local_socket.h"
#include "os/file.h"
#include "os/privilege.h"
#include "schema/fields.h"

namespace agent {

using base::WallTime;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr std::size_t kMaxStatusFile = 1U << 20U;

void write_lane(Writer& out, const char* name, const uplink::LaneStats& lane) {
  out.key(name);
  out.begin_object();
  out.field("collected", lane.collected);
  out.field("acknowledged", lane.acknowledged);
  out.field("pending", lane.pending);
  out.field("dropped", lane.dropped());
  out.end_object();
}

// By stage, on an event's way; only what is known to have happened and will not be sent.
void write_losses(Writer& out, const Status& status) {
  const uplink::SpoolStats& spool = status.health.uplink.spool;
  std::uint64_t sources = 0;
  for (const SourceReport& source : status.sources)
    sources += source.lost;
  out.key("losses");
  out.begin_object();
  out.field("kernel", status.health.kernel_lost);
  out.field("sources", sources);
  out.field("spoolEvicted", spool.high.evicted + spool.low.evicted);
  out.field("spoolDamaged", spool.high.lost + spool.low.lost);
  out.field("spoolRefused", spool.high.refused + spool.low.refused);
  out.field("tooLarge", spool.high.too_large + spool.low.too_large);
  out.end_object();
}

void write_time(Writer& out, const char* name, const std::optional<WallTime>& time) {
  out.key(name);
  if (time) {
    out.value(base::format_rfc3339(*time));
  } else {
    out.null();
  }
}

void write_connection(Writer& out, const Status& status) {
  const uplink::SessionStats& session = status.health.uplink.session;
  out.key("connection");
  out.begin_object();
  out.field("hub", status.hub);
  out.field("online", session.online);
  out.field("lastError", session.last_error);
  write_time(out, "lastAcknowledgement", status.last_acknowledged);
  out.field("connects", session.connects);
  out.field("failures", session.connect_failures);
  out.field("refused", session.refused);
  out.field("disconnects", session.disconnects);
  out.field("messagesSent", session.messages_sent);
  out.field("messagesAcknowledged", session.messages_acknowledged);
  out.field("messagesInFlight", session.in_flight);
  out.field("bytesSent", session.bytes_sent);
  if (status.network) {
    out.key("process");
    out.begin_object();
    out.field("pid", static_cast<std::int64_t>(status.network->pid));
    out.field("started", status.network->started);
    out.field("misbehaved", status.network->misbehaved);
    out.end_object();
  }
  out.end_object();
}

void write_twin(Writer& out, const uplink::TwinStats& twin) {
  out.key("twin");
  out.begin_object();
  out.field("known", twin.known);
  out.field("version", twin.version);
  out.field("reportPending", twin.report_pending);
  out.field("reportsAccepted", twin.accepted);
  out.field("reportsRefused", twin.refused);
  out.field("lastError", twin.last_error);
  out.end_object();
}

void write_sources(Writer& out, const Status& status) {
  out.key("sources");
  out.begin_array();
  for (const SourceReport& source : status.sources) {
    out.begin_object();
    out.field("event", schema::to_string(source.event));
    out.field("tier", source.tier);
    out.field("reason", source.reason);
    out.field("lossy", source.lossy);
    out.field("lost", source.lost);
    out.end_object();
  }
  out.end_array();
  out.key("filePaths");
  out.begin_array();
  for (const std::string& path : status.file_paths)
    out.value(path);
  out.end_array();
}

void write_rights(Writer& out, const split::RightsKept& rights) {
  out.key("rights");
  out.begin_object();
  out.field("uid", static_cast<std::int64_t>(::getuid()));
  out.field("capabilities", os::capability_names(rights.capabilities));
  out.field("callsFiltered", rights.filtered);
  out.end_object();
}

// --- For people ---

std::int64_t number(const Value* object, std::string_view name) {
  const Value* const value = object == nullptr ? nullptr : object->find(name);
  const std::int64_t* const number = value == nullptr ? nullptr : value->if_int();
  return number == nullptr ? 0 : *number;
}
bool flag(const Value* object, std::string_view name) {
  const Value* const value = object == nullptr ? nullptr : object->find(name);
  const bool* const flag = value == nullptr ? nullptr : value->if_bool();
  return flag != nullptr && *flag;
}
std::string_view text(const Value* object, std::string_view name) {
  return object == nullptr ? "" : object->text_or(name, "");
}

std::string ago(std::string_view time, WallTime now) {
  const auto then = base::parse_rfc3339(time);
  if (!then) return "never";
  const auto seconds =
      std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(now - then->utc).count(), 0);
  if (seconds < 120) return fmt::format("{} s ago", seconds);
  if (seconds < 7200) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86'400);
}

void describe_connection(std::string& out, const Value& status, WallTime now) {
  const Value* const connection = status.find("connection");
  const Value* const process = connection == nullptr ? nullptr : connection->find("process");
  out += fmt::format("hub         {}, {}\n", text(connection, "hub"),
                     flag(connection, "online") ? "connected" : "not connected");
  if (!flag(connection, "online") && !text(connection, "lastError").empty())
    out += fmt::format("            {}\n", text(connection, "lastError"));
  out += fmt::format(
      "            last acknowledgement {}; {} messages acknowledged, {} in flight\n",
      ago(text(connection, "lastAcknowledgement"), now), number(connection, "messagesAcknowledged"),
      number(connection, "messagesInFlight"));
  if (process != nullptr) {
    out += fmt::format("            network process {}, started {} times, misbehaved {} times\n",
                       number(process, "pid"), number(process, "started"),
                       number(process, "misbehaved"));
  }
  const Value* const twin = status.find("twin");
  out += fmt::format("twin        {}{}\n",
                     flag(twin, "known") ? fmt::format("version {}", number(twin, "version"))
                                         : "not seen on this connection",
                     flag(twin, "reportPending") ? ", a report is on its way" : "");
}

void describe_queues(std::string& out, const Value& status) {
  const Value* const queues = status.find("queues");
  for (const char* const lane : {"high", "low"}) {
    const Value* const counts = queues == nullptr ? nullptr : queues->find(lane);
    out += fmt::format("{:<12}{} collected = {} acknowledged + {} dropped + {} pending\n", lane,
                       number(counts, "collected"), number(counts, "acknowledged"),
                       number(counts, "dropped"), number(counts, "pending"));
  }
  const Value* const losses = status.find("losses");
  out += fmt::format(
      "losses      kernel {}, sources {}, evicted {}, damaged {}, refused {}, too large {}\n",
      number(losses, "kernel"), number(losses, "sources"), number(losses, "spoolEvicted"),
      number(losses, "spoolDamaged"), number(losses, "spoolRefused"), number(losses, "tooLarge"));
}

void describe_sources(std::string& out, const Value& status) {
  const Value* const sources = status.find("sources");
  if (sources == nullptr || sources->if_array() == nullptr) return;
  out += fmt::format("\n{:<24} {:<12} {:>8}  {}\n", "EVENT", "SOURCE", "LOST", "WHY NO BETTER ONE");
  for (const Value& source : *sources->if_array()) {
    const std::string tier =
        std::string(text(&source, "tier")) + (flag(&source, "lossy") ? " (lossy)" : "");
    out += fmt::format("{:<24} {:<12} {:>8}  {}\n", text(&source, "event"), tier,
                       number(&source, "lost"), text(&source, "reason"));
  }
}

}  // namespace

std::string json_of(const Status& status) {
  std::string json;
  Writer out(json);
  out.begin_object();
  out.field("running", status.running);
  out.field("at", base::format_rfc3339(status.at));
  out.field("version", status.version);
  out.field("agentId", status.agent_id);
  out.field("deviceId", status.device_id);
  out.field("moduleId", status.module_id);
  out.field("pid", status.pid);
  out.field("bootId", status.health.boot_id);
  out.field("uptimeSeconds", static_cast<std::int64_t>(status.health.uptime.count()));
  out.field("residentBytes", static_cast<std::uint64_t>(status.health.resident_bytes));
  write_connection(out, status);
  write_twin(out, status.health.uplink.session.twin);
  out.key("queues");
  out.begin_object();
  write_lane(out, "high", status.health.uplink.spool.high);
  write_lane(out, "low", status.health.uplink.spool.low);
  out.field("spoolBytes", static_cast<std::uint64_t>(status.health.uplink.spool.bytes));
  out.field("heldRepeats", status.health.uplink.outbox.held);
  out.end_object();
  write_losses(out, status);
  write_sources(out, status);
  if (status.rights) write_rights(out, *status.rights);
  out.end_object();
  return json;
}

std::string table_of_status(const Value& status, WallTime now) {
  const bool running = flag(&status, "running");
  std::string out;
  if (running) {
    out += fmt::format("agent       running, pid {}, for {} s, {} KiB resident, version {}\n",
                       number(&status, "pid"), number(&status, "uptimeSeconds"),
                       number(&status, "residentBytes") / 1024, text(&status, "version"));
  } else {
    out += fmt::format("agent       NOT RUNNING; what follows was written {}, at {}\n",
                       ago(text(&status, "at"), now), text(&status, "at"));
  }
  out += fmt::format("device      {} / {}\n", text(&status, "deviceId"), text(&status, "moduleId"));
  describe_connection(out, status, now);
  describe_queues(out, status);
  if (const Value* const rights = status.find("rights")) {
    out += fmt::format(
        "rights      uid {}, {}; system calls {}\n", number(rights, "uid"),
        text(rights, "capabilities").empty() ? "no capabilities" : text(rights, "capabilities"),
        flag(rights, "callsFiltered") ? "filtered" : "NOT FILTERED");
  }
  describe_sources(out, status);
  return out;
}

std::string status_file(const std::string& state_dir) {
  return state_dir + "/status.json";
}

base::Result<FoundStatus> find_status(const std::string& state_dir) {
  auto answer = local::ask_status(state_dir, kPatience);
  if (answer) return FoundStatus{std::move(*answer), true};
  if (answer.error().code != base::Code::NotFound) return std::unexpected(answer.error());
  auto last = os::read_file(status_file(state_dir), kMaxStatusFile);
  if (last) return FoundStatus{std::move(*last), false};
  return base::fail(base::Code::NotFound, "agent", -1,
                    "none runs, and none has left its state in " + state_dir);
}

}  // namespace agent
