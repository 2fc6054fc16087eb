#include <deque>
#include <utility>

#include <unistd.h>

#include "agent/collect/audit_exec.h"
#include "agent/collect/source.h"
#include "audit/names.h"
#include "audit/stream.h"
#include "base/log.h"

namespace agent::collect {

using base::Result;
using namespace std::chrono_literals;

namespace {

// The end of a process is known at once, its start when a thread of the kernel has sent its
// records: an end waits so long for what came before it.
constexpr auto kHoldEnds = 250ms;
constexpr auto kLookAtEnds = 100ms;

// Forks and ends from another source; its starts are passed over.
class AuditSource final : public Source, private Sink {
 public:
  AuditSource(os::Loop& loop, Sink& sink, const SourceOptions& options, const os::ProcFs& proc)
      : loop_(loop), sink_(sink), options_(options), proc_(proc), stream_(*options.audit) {}
  ~AuditSource() override { loop_.cancel(timer_); }

  Result<void> start() {
    subscription_ = TRY(stream_.subscribe({audit::types::kExecve},
                                          [this](const audit::Event& event) { take(event); }));
    rules_ = TRY(stream_.watch(audit::exec_rules(static_cast<std::uint32_t>(::getpid())),
                               [this](const base::Error& error) {
                                 if (options_.on_failed) options_.on_failed(error);
                               }));
    TRY(open_ends());
    before_ = stream_.stats();
    timer_ = loop_.every(kLookAtEnds, [this] {
      if (held_.empty() || held_.front().since + kHoldEnds > base::mono_now()) return;
      if (stream_.drain()) release(base::mono_now() - kHoldEnds);
    });
    return {};
  }

  Tier tier() const override { return Tier::Audit; }
  void drain() override {
    ends_->drain();
    if (stream_.drain()) release(base::mono_now());
  }
  SourceStats stats() const override {
    const audit::StreamStats now = stream_.stats();
    SourceStats stats = ends_->stats();
    // Starts that the connector saw are no second time received.
    stats.received = received_;
    stats.kernel_lost += now.lost() - before_.lost();
    stats.overruns += now.overruns - before_.overruns;
    stats.malformed += now.malformed - before_.malformed;
    return stats;
  }

 private:
  struct HeldEnd {
    Ended ended;
    std::string comm;
    base::MonoTime since;
  };

  Result<void> open_ends() {
    SourceOptions options = options_;
    options.starts = false;
    auto connector = open_connector(loop_, *this, options, proc_);
    if (connector) {
      ends_ = std::move(*connector);
      return {};
    }
    LOG_WARNING("collect.ends_polled").field("because", connector.error().to_string());
    ends_ = TRY(open_polling(loop_, *this, options, proc_));
    return {};
  }

  void take(const audit::Event& event) {
    auto started = read_audit_exec(event);
    if (!started) return;  // another's rule may ask for starts that fail
    ++received_;
    complete(*started);
    sink_.on_started(std::move(*started));
  }

  // What only /proc knows, if the process is still there.
  void complete(Started& started) const {
    const auto pid = static_cast<pid_t>(started.process.pid);
    if (auto cgroup = proc_.cgroup(pid)) {
      started.cgroup = std::move(*cgroup);
      started.gaps.remove(Gap::Cgroup);
    }
    if (const auto stat = proc_.stat(pid)) started.process.start = stat->start_ticks;
  }

  void on_forked(const Forked& forked) override { sink_.on_forked(forked); }
  void on_started(Started) override {}
  void on_ended(const Ended& ended) override {
    held_.push_back({ended, std::string(ended.comm), base::mono_now()});
  }

  void release(base::MonoTime until) {
    while (!held_.empty() && held_.front().since <= until) {
      HeldEnd held = std::move(held_.front());
      held_.pop_front();
      held.ended.comm = held.comm;
      sink_.on_ended(held.ended);
    }
  }

  os::Loop& loop_;
  Sink& sink_;
  SourceOptions options_;
  os::ProcFs proc_;
  audit::Stream& stream_;
  audit::Stream::Lease subscription_;
  audit::Stream::Lease rules_;
  std::unique_ptr<Source> ends_;
  std::deque<HeldEnd> held_;
  os::TimerId timer_ = 0;
  audit::StreamStats before_;
  std::uint64_t received_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_audit(os::Loop& loop, Sink& sink, const SourceOptions& options,
                                           const os::ProcFs& proc) {
  if (options.audit == nullptr)
    return base::fail(base::Code::Unsupported, "audit", -1, "nobody gave an audit stream");
  auto source = std::make_unique<AuditSource>(loop, sink, options, proc);
  TRY(source->start());
  return source;
}

}  // namespace agent::collect
