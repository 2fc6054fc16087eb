#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/collect/source.h"
#include "base/log.h"
#include "bpf/process_probe.h"
#include "bpf/record.h"
#include "os/gather.h"

namespace agent::collect {

using base::Result;

namespace {

// Records in one turn of the loop, so that sending is not kept waiting.
constexpr std::size_t kTurn = 1024;

std::optional<FileVersion> version_of(const bpf::ExecutableFile& file) {
  if (file.inode == 0) return std::nullopt;
  return FileVersion{file.device_major, file.device_minor,      file.inode, file.size,
                     file.mtime,        file.mtime_nanoseconds, file.ctime, file.ctime_nanoseconds};
}

class EbpfSource final : public Source {
 public:
  EbpfSource(os::Loop& loop, Sink& sink, const SourceOptions& options,
             std::unique_ptr<bpf::ProcessProbe> probe)
      : sink_(sink),
        on_failed_(options.on_failed),
        probe_(std::move(probe)),
        clock_(CLOCK_BOOTTIME),
        tick_nanoseconds_(1'000'000'000 / os::ticks_per_second()),
        gather_(loop) {}

  Result<void> start() {
    return gather_.begin(
        probe_->fd(),
        [this] {
          const std::size_t taken = take_turn();
          return os::Gather::Taken{taken, taken == kTurn};
        },
        [this](const base::Error& error) { fail(error); });
  }

  Tier tier() const override { return Tier::Ebpf; }
  void drain() override {
    while (take_turn() == kTurn) {
    }
  }
  SourceStats stats() const override {
    SourceStats stats = stats_;
    stats.kernel_lost = probe_->losses().total();
    return stats;
  }

 private:
  std::size_t take_turn() {
    clock_.refresh(CLOCK_BOOTTIME);
    const auto drained = probe_->drain(kTurn, [this](base::ByteView bytes) { take(bytes); });
    if (drained) return *drained;
    fail(drained.error());
    return 0;
  }

  void fail(const base::Error& error) {
    if (std::exchange(failed_, true)) return;
    gather_.end();
    if (on_failed_) on_failed_(error);
  }

  void take(base::ByteView bytes) {
    ++stats_.received;
    const auto record = bpf::read_record(bytes);
    if (!record) {
      ++stats_.malformed;
      LOG_WARNING("collect.malformed")
          .field("source", "ebpf")
          .field("error", record.error().to_string());
      return;
    }
    std::visit([this](const auto& one) { tell(one); }, *record);
  }

  ProcessId id(const bpf::ProcessId& process) const {
    return {process.pid, process.start / tick_nanoseconds_};
  }

  void tell(const bpf::Fork& fork) {
    sink_.on_forked({id(fork.head.process), id(fork.head.parent), clock_.wall(fork.head.at)});
  }

  void tell(const bpf::Exit& exit) {
    sink_.on_ended({id(exit.head.process), clock_.wall(exit.head.at), exit.status, exit.comm});
  }

  void tell(const bpf::Exec& exec) {
    Started started;
    started.process = id(exec.head.process);
    started.parent = id(exec.head.parent);
    started.time = clock_.wall(exec.head.at);
    started.uid = exec.uid;
    started.euid = exec.euid;
    started.gid = exec.gid;
    constexpr std::uint32_t kNoLogin = 0xFFFFFFFF;
    if (exec.loginuid_known && exec.loginuid != kNoLogin) started.loginuid = exec.loginuid;
    started.pid_ns = exec.pid_ns;
    started.executable = bpf::path_of_names(exec.exe);
    started.executable_version = version_of(exec.exe_file);
    started.executable_deleted = exec.exe_unlinked;
    started.file = exec.file;
    started.interpreter = exec.interp;
    started.argv = exec.argv;
    started.argv_head = exec.argv_head;
    started.argv_bytes = exec.argv_bytes;
    started.cwd = bpf::path_of_names(exec.cwd);
    started.tty = exec.tty;
    started.cgroup = bpf::path_of_names(exec.cgroup);
    if (exec.argv_unreadable) started.gaps.add(Gap::Argv);
    if (exec.exe_truncated || exec.exe.empty()) started.gaps.add(Gap::Executable);
    if (exec.cwd_truncated) started.gaps.add(Gap::Cwd);
    if (exec.cgroup_truncated) started.gaps.add(Gap::Cgroup);
    if (exec.argv_unreadable || exec.exe_truncated || exec.cwd_truncated) complete(started);
    if (exec.exe.empty()) started.executable = exec.file.empty() ? exec.comm : exec.file;
    sink_.on_started(std::move(started));
  }

  // What the kernel could not read may still be there, if it is still that process.
  void complete(Started& started) const {
    Started late;
    late.process = started.process;
    if (!read_started(proc_, late) || late.process.start != started.process.start) return;
    if (started.gaps.has(Gap::Executable) && !late.gaps.has(Gap::Executable)) {
      started.executable = std::move(late.executable);
      started.gaps.remove(Gap::Executable);
    }
    if (started.gaps.has(Gap::Cwd) && !late.gaps.has(Gap::Cwd)) {
      started.cwd = std::move(late.cwd);
      started.gaps.remove(Gap::Cwd);
    }
    if (started.gaps.has(Gap::Argv) && !late.gaps.has(Gap::Argv)) {
      started.argv = std::move(late.argv);
      started.argv_head = started.argv.size();
      started.argv_bytes = started.argv.size();
      started.gaps.remove(Gap::Argv);
    }
  }

  Sink& sink_;
  std::function<void(const base::Error&)> on_failed_;
  std::unique_ptr<bpf::ProcessProbe> probe_;
  os::ProcFs proc_;
  ClockMap clock_;
  std::uint64_t tick_nanoseconds_;
  bool failed_ = false;
  SourceStats stats_;
  os::Gather gather_;  // of the probe's descriptor
};

}  // namespace

Result<std::unique_ptr<Source>> open_ebpf(os::Loop& loop, Sink& sink,
                                          const SourceOptions& options) {
  auto probe = TRY(bpf::ProcessProbe::load({.ring_bytes = options.ring_bytes}));
  auto source = std::make_unique<EbpfSource>(loop, sink, options, std::move(probe));
  TRY(source->start());
  return source;
}

}  // namespace agent::collect
