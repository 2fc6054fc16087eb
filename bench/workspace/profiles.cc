#include "workspace/profiles.h"

#include <array>
#include <span>
#include <string>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"
#include "workspace/software.h"

namespace bench {
namespace {

using schema::EventName;

// A program's file is the same on all devices of one release.
std::string sha256_of(std::string_view executable) {
  std::string hex;
  for (const std::uint8_t byte : base::sha256(base::as_bytes(executable)))
    hex += fmt::format("{:02x}", byte);
  return hex;
}

// As the agent writes arguments: a JSON array within a JSON text.
std::string argv_of(std::string_view command) {
  std::string argv = "[";
  for (const std::string_view word : base::split(command, ' '))
    argv += fmt::format(R"({}\"{}\")", argv.size() > 1 ? "," : "", word);
  return argv + "]";
}

constexpr std::string_view kRepeats =
    R"(,"HitCount":"<hits>","StartTimeUtc":"<earlier>","StartTimeLocal":"<earlierlocal>",)"
    R"("EndTimeUtc":"<utc>","EndTimeLocal":"<local>")";

std::string create_text(const Program& program, std::string_view process, std::string_view parent,
                        std::string_view more) {
  return fmt::format(
      R"("Executable":"{}","ProcessId":{},"ParentProcessId":{},"UserId":"{}","UserName":"{}",)"
      R"("CommandLine":"{}","ExtraDetails":{{"ParentExecutable":"{}","ParentCommandLine":"{}",)"
      R"("Cwd":"{}","Argv":"{}","Cgroup":"/system.slice/{}","Sha256":"{}","Tier":"Ebpf",)"
      R"("BootId":"<boot>","Sequence":"<sequence>"{}}}}})",
      program.executable, process, parent, program.user_id, program.user_name, program.command,
      program.parent, program.parent_command, program.folder, argv_of(program.command),
      program.unit, sha256_of(program.executable), more);
}

Act start_of(const Program& program) {
  Act act{.name = EventName::ProcessCreate,
          .details = Template(create_text(program, "<pid>", "<ppid>", ""))};
  act.repeated = Template(create_text(program, "0", "0", kRepeats));
  act.end =
      Template(fmt::format(R"("Executable":"{}","ProcessId":<pid>,"ExitStatus":0,"ExtraDetails":)"
                           R"({{"ParentProcessId":"<ppid>","Tier":"Ebpf","BootId":"<boot>",)"
                           R"("Sequence":"<sequence>"}}}})",
                           program.executable));
  return act;
}

std::string connection_text(const Program& program, const Peer& peer, std::string_view process,
                            std::string_view port, std::string_view more) {
  const std::string name =
      peer.name.empty() ? std::string() : fmt::format(R"(,"RemoteName":"{}")", peer.name);
  return fmt::format(
      R"("RemoteAddress":"{}","RemotePort":"{}","LocalAddress":"<address>","LocalPort":"{}",)"
      R"("Direction":"Out","Protocol":"{}","ProcessId":{},"UserId":"{}","Executable":"{}",)"
      R"("CommandLine":"{}","ExtraDetails":{{"State":"Closed","BytesSent":"<bytes>",)"
      R"("BytesReceived":"<bytes>","DurationMilliseconds":"<millis>"{},"Tier":"Ebpf"{}}}}})",
      peer.address, peer.port, port, peer.protocol, process, program.user_id, program.executable,
      program.command, name, more);
}

Act connection_of(const Program& program, const Peer& peer) {
  Act act{.name = EventName::ConnectionCreate,
          .details = Template(connection_text(program, peer, "<pid>", "<port>", "")),
          .percent = 85,
          .most = 3};
  act.repeated = Template(connection_text(program, peer, "0", "0", kRepeats));
  return act;
}

std::string login_text(std::string_view user, std::string_view remote, std::string_view result) {
  return fmt::format(
      R"("ProcessId":<pid>,"UserName":"{}","Operation":"sshd:password","Executable":"/usr/sbin/sshd",)"
      R"("RemoteAddress":"{}","RemotePort":"<port>","LocalPort":"22","Result":"{}"}})",
      user, remote, result);
}

Act login_of(std::string_view user, std::string_view remote, std::string_view result,
             unsigned most) {
  return {.name = EventName::Login,
          .details = Template(login_text(user, remote, result)),
          .most = most};
}

Act file_of(const Program& program, std::string_view path, std::string_view operation) {
  return {.name = EventName::FileEvent,
          .details = Template(
              fmt::format(R"("Path":"{}","Operation":"{}","ProcessId":<pid>,"Executable":"{}",)"
                          R"("CommandLine":"{}","UserId":"{}","UserName":"{}"}})",
                          path, operation, program.executable, program.command, program.user_id,
                          program.user_name)),
          .percent = 70,
          .most = 2};
}

Act diagnostic_of(std::string_view message) {
  return {
      .name = EventName::Diagnostic,
      .details = Template(fmt::format(
          R"("Severity":"Warning","Message":"{}","ProcessId":<pid>,"ThreadId":<pid>}})", message))};
}

// Somebody works on the device for a moment.
Routine session_of() {
  Routine routine{.weight = 4, .acts = {login_of("operator", "<gateway>", "Success", 1)}};
  for (const Program& program : operator_programs()) {
    routine.acts.push_back(start_of(program));
    routine.acts.back().percent = 45;
  }
  return routine;
}

Routine guessing_of() {
  Routine routine{.weight = 1, .acts = {}};
  for (const std::string_view user : {"root", "admin", "(invalid user)"})
    routine.acts.push_back(login_of(user, "<internet>", "Fail", 4));
  return routine;
}

// One routine for each job: its program, what it runs, whom it talks to.
std::vector<Routine> routines_of(const DeviceKind& kind) {
  std::vector<Routine> routines;
  const auto add = [&](std::span<const Job> jobs) {
    for (const Job& job : jobs) {
      Routine routine{.weight = job.weight, .acts = {}};
      for (const Program& program : job.programs)
        routine.acts.push_back(start_of(program));
      for (const Peer& peer : job.peers)
        routine.acts.push_back(connection_of(job.programs.back(), peer));
      if (!job.file.empty())
        routine.acts.push_back(file_of(job.programs.back(), job.file, "Modify"));
      routines.push_back(std::move(routine));
    }
  };
  add(common_jobs());
  add(kind.jobs);
  routines.push_back(session_of());
  routines.push_back(guessing_of());
  routines.push_back({2,
                      {diagnostic_of("hub.disconnected error=timed out after=<millis>ms"),
                       diagnostic_of("watch.restarted source=ebpf lost=<few>")}});
  return routines;
}

Picture picture(EventName name, const std::vector<std::string>& items) {
  Picture made{name, {}};
  for (const std::string& item : items)
    made.items.emplace_back(item + "}");
  return made;
}

Picture heartbeat() {
  return picture(
      EventName::Heartbeat,
      {R"("Tier":"Ebpf","UptimeSeconds":<uptime>,"BootId":"<boot>","CollectedEvents":<collected>,)"
       R"("AcknowledgedEvents":<collected>,"DroppedEvents":0,"PendingEvents":<few>,"KernelLostEvents":0,)"
       R"("SpoolBytes":<bytes>,"ResidentBytes":<memory>,"ExtraDetails":{"SourceRecords":"<sequence>",)"
       R"("Merged":"<job>","Connects":"<few>","Sources":"ProcessCreate=ebpf,ConnectionCreate=ebpf,)"
       R"(Login=journal,FileEvent=fanotify"})"});
}

Profile make_profile(const DeviceKind& kind) {
  Profile profile{.prefix = kind.prefix, .share = kind.share, .routines = routines_of(kind)};
  profile.weekly = {picture(EventName::ListeningPorts, ports_of(kind)),
                    picture(EventName::LocalUsers, accounts_of(kind)),
                    picture(EventName::FirewallConfiguration, firewall_of(kind)),
                    picture(EventName::ConnectedHardware, hardware_of(kind)),
                    picture(EventName::OSBaseline, failed_checks_of(kind)),
                    picture(EventName::SBoM, packages_of(kind))};
  profile.daily = {
      picture(EventName::SystemInformation, {system_of(kind)}),
      picture(EventName::MessageStatistics,
              {R"("MessagesSent":<messages>,"MessagesUnder4KB":<few>,"TotalFailed":<few>)"}),
      picture(EventName::DroppedEventsStatistics,
              {R"("Queue":"High","CollectedEvents":<collected>,"DroppedEvents":0)",
               R"("Queue":"Low","CollectedEvents":<job>,"DroppedEvents":0)"})};
  profile.hourly = {heartbeat()};
  return profile;
}

}  // namespace

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = [] {
    std::vector<Profile> made;
    for (const DeviceKind& kind : device_kinds())
      made.push_back(make_profile(kind));
    return made;
  }();
  return all;
}

}  // namespace bench
