#include "agent/collect/process_events.h"

#include <algorithm>
#include <utility>

#include <sys/wait.h>

#include "agent/collect/command_line.h"
#include "agent/collect/container.h"
#include "agent/watch/new_event.h"

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

void add(schema::ExtraDetails& details, const char* name, std::string value) {
  if (!value.empty()) details.emplace_back(name, std::move(value));
}

std::shared_ptr<Image> make_image(std::string_view executable, std::string_view command_line) {
  auto image = std::make_shared<Image>();
  image->executable = executable;
  image->command_line = command_line.substr(0, kKeptCommandLine);
  return image;
}

std::string command_line_of(const os::ProcFs& proc, pid_t pid) {
  auto argv = proc.argv(pid, kKeptCommandLine);
  if (!argv) return {};
  if (!argv->empty() && argv->back() == '\0') argv->pop_back();
  std::ranges::replace(*argv, '\0', ' ');
  return std::move(*argv);
}

ProcessFacts facts_of(const ProcessTable::Entry& entry) {
  return {entry.image->executable, entry.image->command_line, entry.image->uid, entry.process.start,
          entry.image->cgroup};
}

void add_surroundings(schema::ExtraDetails& details, const Started& started,
                      ContainerImages& containers) {
  add_container(details, started.cgroup, containers);
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
      users_(options_.account_file),
      containers_(options_.container_root) {}

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
  auto image =
      make_image(executable ? *executable : stat->comm, command_line_of(options_.proc, pid));
  if (const auto ids = options_.proc.ids(pid)) image->uid = ids->uid;
  if (auto cgroup = options_.proc.cgroup(pid)) image->cgroup = std::move(*cgroup);
  table_.exec({process.pid, stat->start_ticks}, {static_cast<std::uint32_t>(stat->parent), 0},
              image);
  return image;
}

std::optional<ProcessFacts> ProcessEvents::find(std::uint32_t pid) const {
  const ProcessTable::Entry* entry = table_.peek({pid, 0});
  if (entry != nullptr && entry->image != nullptr) return facts_of(*entry);
  if (auto facts = read_facts(pid)) return facts;
  entry = past_.find(pid, base::WallTime::max());
  if (entry == nullptr) return std::nullopt;
  return facts_of(*entry);
}

std::optional<ProcessFacts> ProcessEvents::find_at(std::uint32_t pid, base::WallTime at) const {
  const ProcessTable::Entry* const now = table_.peek({pid, 0});
  if (now == nullptr || now->since > at) {
    if (const auto* then = past_.find(pid, at)) return facts_of(*then);
  }
  return find(pid);
}

void ProcessEvents::catch_up() const {
  if (options_.catch_up) options_.catch_up();
}

std::optional<ProcessFacts> ProcessEvents::read_facts(std::uint32_t pid) const {
  if (pid == 0) return std::nullopt;
  const auto number = static_cast<pid_t>(pid);
  const auto stat = options_.proc.stat(number);
  if (!stat) return std::nullopt;
  ProcessFacts facts;
  facts.start_ticks = stat->start_ticks;
  if (stat->kernel) {
    facts.executable = "[" + stat->comm + "]";
    return facts;
  }
  const auto executable = options_.proc.executable(number);
  facts.executable = executable ? *executable : stat->comm;
  facts.command_line = command_line_of(options_.proc, number);
  if (const auto ids = options_.proc.ids(number)) facts.uid = ids->uid;
  if (auto cgroup = options_.proc.cgroup(number)) facts.cgroup = std::move(*cgroup);
  return facts;
}

void ProcessEvents::keep_past(const ProcessId& process) {
  if (const auto* entry = table_.peek({process.pid, 0})) past_.keep(*entry);
}

bool ProcessEvents::excluded(std::string_view executable) const {
  return std::ranges::find(options_.excluded_executables, executable) !=
         options_.excluded_executables.end();
}

void ProcessEvents::add_common(schema::ExtraDetails& details) {
  details.emplace_back("Tier", schema::to_string(tier_));
  if (tier_ == Tier::Proc) details.emplace_back("Lossy", "true");
  details.emplace_back("BootId", options_.boot_id);
  details.emplace_back("Sequence", std::to_string(options_.next_sequence()));
}

void ProcessEvents::on_forked(const Forked& forked) {
  table_.fork(forked.process, forked.parent, forked.time);
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
  keep_past(started.process);
  auto image = make_image(started.executable, line.text);
  if (!started.gaps.has(Gap::User)) image->uid = started.uid;
  image->cgroup = started.cgroup;
  table_.exec(started.process, started.parent, std::move(image), started.time);
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
  add_surroundings(details, started, containers_);
  if (started.gaps.any()) {
    details.emplace_back("Incomplete", started.gaps.to_string());
    ++counts_.incomplete;
  }
  add_common(details);

  schema::Event made = new_event(started.time);
  made.payload = schema::payload_of(std::move(create));
  ++counts_.created;
  if (!options_.finish) {
    options_.emit(std::move(made));
    return;
  }
  const bool reachable = !started.executable_deleted && !started.gaps.has(Gap::Executable) &&
                         container_of_cgroup(started.cgroup).id.empty();
  options_.finish(std::move(made),
                  {started.process.pid, started.executable, reachable, started.executable_version});
}

void ProcessEvents::on_ended(const Ended& ended) {
  keep_past(ended.process);
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

  schema::Event made = new_event(ended.time);
  made.payload = schema::payload_of(std::move(terminate));
  ++counts_.terminated;
  options_.emit(std::move(made));
}

}  // namespace agent::collect
