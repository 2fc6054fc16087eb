#include "agent/connections/event.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/collect/command_line.h"
#include "agent/watch/new_event.h"

namespace agent::connections {

namespace {

constexpr std::size_t kMaxPathJson = 8U << 10U;
constexpr std::size_t kMaxLineJson = 8U << 10U;

constexpr std::array<std::pair<int, std::string_view>, 8> kErrors = {
    {{ECONNREFUSED, "ECONNREFUSED"},
     {ETIMEDOUT, "ETIMEDOUT"},
     {EHOSTUNREACH, "EHOSTUNREACH"},
     {ENETUNREACH, "ENETUNREACH"},
     {ECONNRESET, "ECONNRESET"},
     {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
     {EACCES, "EACCES"},
     {EPERM, "EPERM"}}};

std::string error_name(int error) {
  if (error == 0) return "given up";
  for (const auto& [number, name] : kErrors) {
    if (number == error) return std::string(name);
  }
  return std::to_string(error);
}

std::string_view tier_detail(std::string_view tier) {
  if (tier == "ebpf") return "Ebpf";
  if (tier == "audit") return "Audit";
  if (tier == "inet_diag") return "InetDiag";
  return "Proc";
}

std::string_view state_of(Phase phase) {
  switch (phase) {
    case Phase::Whole:
      return "Closed";
    case Phase::Open:
      return "Open";
    case Phase::Ended:
      return "Ended";
    case Phase::Failed:
      return "Failed";
    case Phase::Single:
      return {};
  }
  return {};
}

void add(schema::ExtraDetails& details, const char* name, std::string_view value) {
  if (!value.empty()) details.emplace_back(name, value);
}

void add_life(schema::ExtraDetails& details, const Report& report) {
  const Observed& seen = report.seen;
  add(details, "State", state_of(report.phase));
  if (report.phase == Phase::Failed) details.emplace_back("Error", error_name(seen.error));
  if (seen.bytes_sent) details.emplace_back("BytesSent", std::to_string(*seen.bytes_sent));
  if (seen.bytes_received)
    details.emplace_back("BytesReceived", std::to_string(*seen.bytes_received));
  if (report.duration) {
    const auto whole = std::chrono::floor<std::chrono::milliseconds>(*report.duration);
    details.emplace_back("DurationMilliseconds",
                         std::to_string(std::max<std::int64_t>(whole.count(), 0)));
  }
  if (report.phase == Phase::Open || report.phase == Phase::Ended)
    details.emplace_back("ConnectionId", std::to_string(seen.id));
  if (seen.attempt) details.emplace_back("Attempt", "true");
  if (seen.listener) details.emplace_back("Listener", "true");
}

void add_surroundings(schema::ExtraDetails& details, const ProcessFacts& process,
                      collect::ContainerImages& containers) {
  collect::add_container(details, process.cgroup, containers);
  if (process.cgroup != "/")
    add(details, "Cgroup", collect::fit_json(process.cgroup, kMaxPathJson));
}

// Says who; false when the program is not known.
bool fill_process(schema::ConnectionCreate& create, const Report& report) {
  const Observed& seen = report.seen;
  create.process_id = seen.pid;
  std::string_view executable = seen.executable;
  std::string_view line = seen.command_line;
  std::optional<std::uint32_t> uid = seen.uid;
  if (report.process) {
    if (executable.empty()) executable = report.process->executable;
    if (line.empty()) line = report.process->command_line;
    if (!uid) uid = report.process->uid;
  }
  const bool known = !executable.empty();
  if (!known) executable = seen.comm.empty() ? std::string_view("unknown") : seen.comm;
  create.executable = collect::fit_json(executable, kMaxPathJson);
  if (!line.empty()) create.command_line = collect::fit_json(line, kMaxLineJson);
  if (uid) create.user_id = std::to_string(*uid);
  return known;
}

}  // namespace

schema::Event make_event(const Report& report, const EventFacts& facts,
                         collect::ContainerImages& containers) {
  const Observed& seen = report.seen;
  schema::ConnectionCreate create;
  create.remote_address = seen.remote.address.to_string();
  create.remote_port = std::to_string(seen.remote.port);
  if (seen.local.address.known()) create.local_address = seen.local.address.to_string();
  if (seen.local.port != 0) create.local_port = std::to_string(seen.local.port);
  create.direction =
      seen.direction == Direction::In ? schema::Direction::In : schema::Direction::Out;
  create.protocol = seen.protocol == Protocol::Tcp ? "tcp" : "udp";
  const bool known = fill_process(create, report);

  schema::ExtraDetails& details = create.extra_details;
  details.reserve(16);
  if (facts.remote_name) details.emplace_back("RemoteName", *facts.remote_name);
  add_life(details, report);
  if (report.process) add_surroundings(details, *report.process, containers);
  if (seen.net_ns != 0 && seen.net_ns != facts.own_net_ns)
    details.emplace_back("NetworkNamespace", std::to_string(seen.net_ns));
  if (!known) details.emplace_back("Incomplete", "Executable");
  details.emplace_back("Tier", tier_detail(facts.tier));
  if (facts.lossy) details.emplace_back("Lossy", "true");
  details.emplace_back("BootId", facts.boot_id);
  details.emplace_back("Sequence", std::to_string(facts.sequence));

  schema::Event event = new_event(seen.time);
  event.payload = schema::payload_of(std::move(create));
  return event;
}

}  // namespace agent::connections
