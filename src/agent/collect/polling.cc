#include <algorithm>
#include <unordered_map>
#include <utility>

#include "agent/collect/source.h"
#include "base/log.h"

namespace agent::collect {

using base::Result;

namespace {

// A process that is new may exec still; one that is older is looked at now and then.
constexpr std::uint64_t kYoungRounds = 8;
constexpr std::uint64_t kOldEvery = 8;

class PollingSource final : public Source {
 public:
  PollingSource(os::Loop& loop, Sink& sink, const SourceOptions& options, const os::ProcFs& proc)
      : loop_(loop), sink_(sink), proc_(proc), interval_(options.poll_interval) {}

  ~PollingSource() override { loop_.cancel(timer_); }

  Result<void> start() {
    last_pid_ = TRY(proc_.last_pid());
    TRY(round(Report::No));
    timer_ = loop_.every(interval_, [this] { look(); });
    return {};
  }

  Tier tier() const override { return Tier::Proc; }
  void drain() override { look(); }
  SourceStats stats() const override { return stats_; }

 private:
  enum class Report : std::uint8_t { No, Yes };

  struct Known {
    std::uint64_t start = 0;
    std::uint64_t seen_first = 0;  // round
    std::uint64_t seen_last = 0;   // round
    std::string executable;
    std::string argv;
    bool kernel = false;
  };

  void look() {
    if (const auto done = round(Report::Yes); !done) {
      LOG_WARNING("collect.poll_failed").field("error", done.error().to_string());
    }
  }

  Result<void> round(Report report) {
    ++round_;
    const auto pids = TRY(proc_.processes());
    const std::uint32_t before = static_cast<std::uint32_t>(last_pid_);
    last_pid_ = TRY(proc_.last_pid());
    const base::WallTime now = base::wall_now();
    std::size_t found = 0;
    for (const pid_t pid : pids)
      found += look_at(static_cast<std::uint32_t>(pid), before, now, report);
    end_missing(now, report);
    // Pids are given out in turn: what was given and never seen was a process or a thread too quick
    // for us. An estimate, which is all that polling can offer.
    const auto given = static_cast<std::uint32_t>(last_pid_) - before;
    if (report == Report::Yes && static_cast<std::uint32_t>(last_pid_) >= before && given > found) {
      stats_.kernel_lost += given - found;
    }
    return {};
  }

  // Was the pid given out since the last round, so that it may be another process by now?
  bool given_again(std::uint32_t pid, std::uint32_t before) const {
    const auto last = static_cast<std::uint32_t>(last_pid_);
    return last >= before ? pid > before && pid <= last : pid > before || pid <= last;
  }

  // Says whether it was a new process.
  bool look_at(std::uint32_t pid, std::uint32_t before, base::WallTime now, Report report) {
    const auto known = known_.find(pid);
    if (known == known_.end()) return add(pid, now, report);
    Known& process = known->second;
    process.seen_last = round_;
    if (process.kernel) return false;
    if (given_again(pid, before)) {
      const auto stat = proc_.stat(static_cast<pid_t>(pid));
      if (stat && stat->start_ticks != process.start) {
        end(pid, process, now, report);
        known_.erase(known);
        return add(pid, now, report);
      }
    }
    const bool young = round_ - process.seen_first <= kYoungRounds;
    if (young || (round_ + pid) % kOldEvery == 0) look_for_exec(pid, process, now, report);
    return false;
  }

  bool add(std::uint32_t pid, base::WallTime now, Report report) {
    Known process{.start = 0,
                  .seen_first = round_,
                  .seen_last = round_,
                  .executable = {},
                  .argv = {},
                  .kernel = false};
    Started started;
    started.process.pid = pid;
    started.time = now;
    if (!read_started(proc_, started)) return false;
    process.start = started.process.start;
    process.kernel = is_kernel(pid);
    process.executable = started.executable;
    process.argv = started.argv;
    const bool kernel = process.kernel;
    known_.insert_or_assign(pid, std::move(process));
    if (kernel) return false;
    ++stats_.received;
    if (report == Report::Yes) tell(std::move(started));
    return true;
  }

  bool is_kernel(std::uint32_t pid) const {
    const auto stat = proc_.stat(static_cast<pid_t>(pid));
    return stat && stat->kernel;
  }

  void look_for_exec(std::uint32_t pid, Known& process, base::WallTime now, Report report) {
    const auto executable = proc_.executable(static_cast<pid_t>(pid));
    const auto argv = proc_.argv(static_cast<pid_t>(pid), process.argv.size() + 4096);
    if (!argv || argv->empty()) return;
    // A program may write over its own argv; only with another file is it surely another program.
    const bool changed = executable ? *executable != process.executable &&
                                          !executable->starts_with(process.executable)
                                    : *argv != process.argv;
    const bool forked_exec = round_ - process.seen_first <= kYoungRounds && *argv != process.argv;
    if (!changed && !forked_exec) return;
    Started started;
    started.process.pid = pid;
    started.time = now;
    if (!read_started(proc_, started) || started.process.start != process.start) return;
    process.executable = started.executable;
    process.argv = started.argv;
    ++stats_.received;
    if (report == Report::Yes) tell(std::move(started));
  }

  void tell(Started started) {
    const auto parent = known_.find(started.parent.pid);
    if (parent != known_.end()) started.parent.start = parent->second.start;
    sink_.on_started(std::move(started));
  }

  void end(std::uint32_t pid, const Known& process, base::WallTime now, Report report) {
    if (report == Report::Yes && !process.kernel)
      sink_.on_ended({{pid, process.start}, now, std::nullopt, {}});
  }

  void end_missing(base::WallTime now, Report report) {
    for (auto process = known_.begin(); process != known_.end();) {
      if (process->second.seen_last == round_) {
        ++process;
        continue;
      }
      end(process->first, process->second, now, report);
      process = known_.erase(process);
    }
  }

  os::Loop& loop_;
  Sink& sink_;
  os::ProcFs proc_;
  std::chrono::nanoseconds interval_;
  os::TimerId timer_ = 0;
  std::uint64_t round_ = 0;
  pid_t last_pid_ = 0;
  std::unordered_map<std::uint32_t, Known> known_;
  SourceStats stats_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_polling(os::Loop& loop, Sink& sink,
                                             const SourceOptions& options, const os::ProcFs& proc) {
  auto source = std::make_unique<PollingSource>(loop, sink, options, proc);
  TRY(source->start());
  return source;
}

}  // namespace agent::collect
