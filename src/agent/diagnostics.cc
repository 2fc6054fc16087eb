#include "agent/diagnostics.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <unistd.h>

namespace agent {

using base::LogLevel;
using base::MonoTime;

namespace {

constexpr double kBurst = 20;
constexpr double kPerSecond = 0.1;
constexpr std::chrono::seconds kSameKind{10};
constexpr std::size_t kMaxKinds = 256;
constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxLine = 2048;

schema::DiagnosticSeverity severity_of(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return schema::DiagnosticSeverity::Error;
    case LogLevel::Warning:
      return schema::DiagnosticSeverity::Warning;
    case LogLevel::Notice:
    case LogLevel::Info:
      return schema::DiagnosticSeverity::Information;
    case LogLevel::Debug:
      break;
  }
  return schema::DiagnosticSeverity::Debug;
}

}  // namespace

LineLimit::Verdict LineLimit::admit(std::string_view kind, MonoTime now) {
  if (refilled_ != MonoTime()) {
    const double seconds = std::chrono::duration<double>(now - refilled_).count();
    tokens_ = std::min(kBurst, tokens_ + seconds * kPerSecond);
  }
  refilled_ = now;
  auto known = kinds_.find(kind);
  if (known == kinds_.end()) {
    if (kinds_.size() >= kMaxKinds) kinds_.clear();
    known = kinds_.emplace(std::string(kind), Kind{now - kSameKind, 0}).first;
  }
  Kind& own = known->second;
  if (tokens_ < 1 || now - own.last < kSameKind) {
    ++own.suppressed;
    return {};
  }
  tokens_ -= 1;
  own.last = now;
  return {true, std::exchange(own.suppressed, 0)};
}

struct Diagnostics::State : std::enable_shared_from_this<Diagnostics::State> {
  struct Line {
    LogLevel level{};
    std::string kind;
    std::string text;
    base::WallTime time;
    pid_t thread = 0;
  };

  os::Loop& loop;
  std::function<void(schema::Event)> emit;
  std::atomic<LogLevel> level;
  LineLimit limit;
  std::mutex mutex;
  std::vector<Line> waiting;     // guarded by mutex
  std::uint64_t overflowed = 0;  // guarded by mutex

  State(os::Loop& the_loop, LogLevel the_level, std::function<void(schema::Event)> the_emit)
      : loop(the_loop), emit(std::move(the_emit)), level(the_level) {}

  // On whichever thread logs.
  void hear(LogLevel of, std::string_view kind, std::string_view text) {
    if (of > level.load(std::memory_order_relaxed)) return;
    Line line{of, std::string(kind), std::string(text.substr(0, kMaxLine)), base::wall_now(),
              ::gettid()};
    {
      const std::lock_guard lock(mutex);
      if (waiting.size() >= kMaxWaiting) {
        ++overflowed;
        return;
      }
      waiting.push_back(std::move(line));
      if (waiting.size() > 1) return;
    }
    loop.post([weak = weak_from_this()] {
      if (const auto state = weak.lock()) state->tell();
    });
  }

  void tell() {
    std::vector<Line> lines;
    std::uint64_t more = 0;
    {
      const std::lock_guard lock(mutex);
      lines.swap(waiting);
      more = std::exchange(overflowed, 0);
    }
    for (Line& line : lines) {
      const LineLimit::Verdict verdict = limit.admit(line.kind, base::mono_now());
      if (!verdict.admitted) continue;
      schema::Diagnostic item;
      item.severity = severity_of(line.level);
      item.message = std::move(line.text);
      item.process_id = ::getpid();
      item.thread_id = line.thread;
      const std::uint64_t suppressed = verdict.suppressed + std::exchange(more, 0);
      if (suppressed > 0) item.extra_details.emplace_back("Suppressed", std::to_string(suppressed));
      schema::Event event;
      event.id = base::Guid::random();
      event.time = {line.time, std::chrono::minutes(0)};
      event.payload = schema::payload_of(std::move(item));
      emit(std::move(event));
    }
  }
};

Diagnostics::Diagnostics(os::Loop& loop, LogLevel level, std::function<void(schema::Event)> emit)
    : state_(std::make_shared<State>(loop, level, std::move(emit))) {
  base::set_log_observer(
      [weak = std::weak_ptr(state_)](LogLevel of, std::string_view kind, std::string_view line) {
        if (const auto state = weak.lock()) state->hear(of, kind, line);
      });
}

Diagnostics::~Diagnostics() {
  base::set_log_observer(nullptr);
}

void Diagnostics::set_level(LogLevel level) {
  state_->level = level;
}

}  // namespace agent
