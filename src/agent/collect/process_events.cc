#include "agent/collect/process_events.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <sys/wait.h>

#include "agent/collect/command_line.h"
#include "agent/collect/container.h"

namespace agent::collect {

namespace {

// Sizes as JSON. Together with the command line they stay below what one message takes, whatever
// bytes a process chooses.
constexpr std::size_t kMaxPathJson = 8U << 10U;
constexpr std::size_t kMaxParentLineJson = 4U << 10U;
// A parent's command line is kept for each living process.
constexpr std::size_t kKeptCommandLine = 1024;

std::string path_text(std::string_view path) {
  return std::string(fit_json(path, kMaxPathJson));
}

// The zone's offset from UTC at that time, looked up once in a while: it changes twice a year.
std::chrono::minutes local_offset(base::WallTime time) {
  struct Cached {
    base::WallTime from{};
    base::WallTime until{};
    std::chrono::minutes offset{0};
  };
  thread_local Cached cached;
  if (time >= cached.from && time < cached.until) return cached.offset;
  const auto quarter =
      std::chrono::floor<std::chrono::minutes>(time) -
      std::chrono::floor<std::chrono::minutes>(time).time_since_epoch() % std::chrono::minutes(15);
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  cached = {quarter, quarter + std::chrono::minutes(15),
            std::chrono::minutes(local.tm_gmtoff / 60)};
  return cached.offset;
}

void add(schema::ExtraDetails& details, const char* name, std::string value) {
  if (!value.empty()) details.emplace_back(name, std::move(value));
}

std::shared_ptr<const Image> make_image(std::string_view executable,
                                        std::string_view command_line) {
  auto image = std::make_shared<Image>();
  image->executable = executable;
  image->command_line = command_line.substr(0, kKeptCommandLine);
  return image;
}

void add_container(schema::ExtraDetails& details, const Started& started) {
  const Container container = container_of_cgroup(started.cgroup);
  add(details, "ContainerId", std::string(fit_json(container.id, kMaxPathJson)));
  add(details, "ContainerRuntime", std::string(container.runtime));
  if (started.cgroup != "/") add(details, "Cgroup", path_text(started.cgroup));
  if (started.pid_ns != 0) add(details, "PidNamespace", std::to_string(started.pid_ns));
}

void add_program(schema::ExtraDetails& details, const Started& started, CommandLine line) {
  add(details, "Cwd", path_text(started.cwd));
  add(details, "Argv", std::move(line.json));
  add(details, "ArgvBase64", std::move(line.base64));
  if (line.shortened) details.emplace_back("ArgvBytes", std::to_string(started.argv_bytes));
  if (started.file != started.executable) add(details, "File", path_text(started.file));
  add(details, "Interpreter", path_text(started.interpreter));
  if (started.executable_deleted) details.emplace_back("ExecutableDeleted", "true");
}

void add_identity(schema::ExtraDetails& details, const Started& started) {
  if (started.euid != started.uid)
    details.emplace_back("EffectiveUserId", std::to_string(started.euid));
  if (started.loginuid) details.emplace_back("AuditUid", std::to_string(*started.loginuid));
  add(details, "Tty", started.tty);
}

}  // namespace

ProcessEvents::ProcessEvents(Options options)
    : options_(std::move(options)),
      table_(options_.table_capacity),
      users_(options_.account_file) {}

void ProcessEvents::learn_present() {
  const auto pids = options_.proc.processes();
  if (!pids) return;
  for (const pid_t pid : *pids)
    image_of({static_cast<std::uint32_t>(pid), 0});
}

// Of the table, else of /proc.
std::shared_ptr<const Image> ProcessEvents::image_of(const ProcessId& process) {
  if (const auto* entry = table_.find(process); entry != nullptr && entry->image != nullptr) {
    return entry->image;
  }
  return process.pid == 0 ? nullptr : learn(process);
}

std::shared_ptr<const Image> ProcessEvents::learn(const ProcessId& process) {
  const auto pid = static_cast<pid_t>(process.pid);
  const auto stat = options_.proc.stat(pid);
  if (!stat || (process.start != 0 && stat->start_ticks != process.start)) return nullptr;
  // As ps writes the kernel's own, which start programs too.
  if (stat->kernel) return make_image("[" + stat->comm + "]", {});
  const auto executable = options_.proc.executable(pid);
  const auto argv = options_.proc.argv(pid, kKeptCommandLine);
  std::string line = argv ? *argv : std::string();
  if (!line.empty() && line.back() == '\0') line.pop_back();
  std::ranges::replace(line, '\0', ' ');
  auto image = make_image(executable ? *executable : stat->comm, line);
  table_.exec({process.pid, stat->start_ticks}, {static_cast<std::uint32_t>(stat->parent), 0},
              image);
  return image;
}

bool ProcessEvents::excluded(std::string_view executable) const {
  return std::ranges::find(options_.excluded_executables, executable) !=
         options_.excluded_executables.end();
}

schema::Event ProcessEvents::event(base::WallTime time) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {time, local_offset(time)};
  return event;
}

void ProcessEvents::add_common(schema::ExtraDetails& details) {
  details.emplace_back("Tier", schema::to_string(tier_));
  if (tier_ == Tier::Proc) details.emplace_back("Lossy", "true");
  details.emplace_back("BootId", options_.boot_id);
  details.emplace_back("Sequence", std::to_string(options_.next_sequence()));
}

void ProcessEvents::on_forked(const Forked& forked) {
  table_.fork(forked.process, forked.parent);
  if (!options_.forks) return;
  const std::shared_ptr<const Image> image = image_of(forked.parent);
  if (image == nullptr) return;
  Started started;
  started.process = forked.process;
  started.parent = forked.parent;
  started.time = forked.time;
  started.executable = image->executable;
  started.argv = image->command_line;
  started.argv_head = started.argv.size();
  started.argv_bytes = started.argv.size();
  started.gaps.add(Gap::User);
  started.gaps.add(Gap::Cwd);
  on_started(std::move(started));
}

void ProcessEvents::on_started(Started started) {
  const std::shared_ptr<const Image> parent = image_of(started.parent);
  CommandLine line = read_command_line(started.argv, started.argv_head, started.argv_bytes);
  table_.exec(started.process, started.parent, make_image(started.executable, line.text));
  if (excluded(started.executable)) {
    ++counts_.excluded;
    return;
  }
  if (parent == nullptr && started.parent.pid != 0) started.gaps.add(Gap::Parent);

  schema::ProcessCreate create;
  create.executable = path_text(started.executable);
  create.process_id = started.process.pid;
  create.parent_process_id = started.parent.pid;
  create.command_line = std::move(line.text);
  if (!started.gaps.has(Gap::User)) {
    create.user_id = std::to_string(started.uid);
    create.user_name = users_.name(started.uid, base::mono_now());
  }
  schema::ExtraDetails& details = create.extra_details;
  details.reserve(20);
  if (parent != nullptr) {
    add(details, "ParentExecutable", path_text(parent->executable));
    add(details, "ParentCommandLine",
        std::string(fit_json(parent->command_line, kMaxParentLineJson)));
  }
  add_program(details, started, std::move(line));
  add_identity(details, started);
  add_container(details, started);
  if (started.gaps.any()) {
    details.emplace_back("Incomplete", started.gaps.to_string());
    ++counts_.incomplete;
  }
  add_common(details);

  schema::Event made = event(started.time);
  made.payload = schema::payload_of(std::move(create));
  ++counts_.created;
  options_.emit(std::move(made));
}

void ProcessEvents::on_ended(const Ended& ended) {
  const auto entry = table_.exit(ended.process);
  // Told before (two last threads), or a fork that ran nothing of its own.
  if (!entry || !(entry->reported || options_.forks) || !options_.ends) return;
  const std::string executable =
      entry->image != nullptr ? entry->image->executable : std::string(ended.comm);
  if (excluded(executable)) {
    ++counts_.excluded;
    return;
  }
  schema::ProcessTerminate terminate;
  terminate.executable = path_text(executable);
  terminate.process_id = ended.process.pid;
  schema::ExtraDetails& details = terminate.extra_details;
  const int status = ended.status.value_or(0);
  if (!ended.status) {
    terminate.exit_status = -1;
    details.emplace_back("ExitStatusUnknown", "true");
  } else if (WIFSIGNALED(status)) {
    terminate.exit_status = 128 + WTERMSIG(status);
    details.emplace_back("Signal", std::to_string(WTERMSIG(status)));
    if (WCOREDUMP(status)) details.emplace_back("CoreDumped", "true");
  } else {
    terminate.exit_status = WEXITSTATUS(status);
  }
  details.emplace_back("ParentProcessId", std::to_string(entry->parent.pid));
  add_common(details);

  schema::Event made = event(ended.time);
  made.payload = schema::payload_of(std::move(terminate));
  ++counts_.terminated;
  options_.emit(std::move(made));
}

}  // namespace agent::collect
