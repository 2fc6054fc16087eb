#include "agent/collect/source.h"

#include <algorithm>
#include <ctime>

namespace agent::collect {

namespace {

constexpr std::size_t kMaxArgv = 32U << 10U;
constexpr std::string_view kDeleted = " (deleted)";

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void read_paths(const os::ProcFs& proc, pid_t pid, Started& started) {
  if (auto argv = proc.argv(pid, kMaxArgv)) {
    // Nothing there: the process is ending, or it cleared its own memory.
    if (argv->empty()) started.gaps.add(Gap::Argv);
    started.argv = std::move(*argv);
    if (started.argv.size() == kMaxArgv) started.gaps.add(Gap::Argv);
  } else {
    started.gaps.add(Gap::Argv);
  }
  if (auto executable = proc.executable(pid)) {
    started.executable_deleted = executable->ends_with(kDeleted);
    if (started.executable_deleted) executable->resize(executable->size() - kDeleted.size());
    started.executable = std::move(*executable);
  } else {
    started.gaps.add(Gap::Executable);
  }
  if (auto cwd = proc.cwd(pid)) {
    started.cwd = std::move(*cwd);
  } else {
    started.gaps.add(Gap::Cwd);
  }
  started.argv_head = started.argv.size();
  started.argv_bytes = started.argv.size();
}

void read_identity(const os::ProcFs& proc, pid_t pid, Started& started) {
  if (const auto ids = proc.ids(pid)) {
    started.uid = ids->uid;
    started.euid = ids->euid;
    started.gid = ids->gid;
  } else {
    started.gaps.add(Gap::User);
  }
  started.loginuid = proc.loginuid(pid);
  if (auto cgroup = proc.cgroup(pid)) {
    started.cgroup = std::move(*cgroup);
  } else {
    started.gaps.add(Gap::Cgroup);
  }
}

}  // namespace

void ClockMap::refresh(int clock_id) {
  offset_ = read_clock(CLOCK_REALTIME) - read_clock(clock_id);
}

bool read_started(const os::ProcFs& proc, Started& started) {
  const auto pid = static_cast<pid_t>(started.process.pid);
  // What goes first is read first: the links vanish when the process ends, the rest when it is
  // reaped.
  read_paths(proc, pid, started);
  read_identity(proc, pid, started);
  const auto stat = proc.stat(pid);
  if (!stat) {
    started.gaps.add(Gap::Parent);
    return !started.executable.empty() || !started.argv.empty();
  }
  started.process.start = stat->start_ticks;
  started.parent.pid = static_cast<std::uint32_t>(stat->parent);
  started.tty = os::tty_name(stat->tty);
  if (started.executable.empty()) started.executable = stat->comm;
  return true;
}

base::Result<std::unique_ptr<Source>> open_source(Tier tier, os::Loop& loop, Sink& sink,
                                                  const SourceOptions& options) {
  switch (tier) {
    case Tier::Ebpf:
      return open_ebpf(loop, sink, options);
    case Tier::Audit:
      return open_audit(loop, sink, options);
    case Tier::Connector:
      return open_connector(loop, sink, options);
    case Tier::Proc:
      return open_polling(loop, sink, options);
  }
  return base::fail(base::Code::Invalid, "tier");
}

}  // namespace agent::collect
