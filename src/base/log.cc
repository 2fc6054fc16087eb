#include "base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <unistd.h>

#include "base/json.h"
#include "base/time.h"

namespace base {

namespace {

std::atomic<LogLevel> g_level{LogLevel::Info};

std::mutex g_observer_mutex;
std::shared_ptr<const LogObserver> g_observer;  // guarded by g_observer_mutex

constexpr std::size_t kPriorityBytes = 3;  // "<4>"

constexpr std::uint32_t kLinesPerSecond = 20;

// One limiter for each hash of an event name; names that share a slot share its budget.
struct Limiter {
  std::atomic<std::int64_t> second{0};
  std::atomic<std::uint32_t> lines{0};
  std::atomic<std::uint64_t> held_back{0};
};
std::array<Limiter, 64> g_limiters;

bool plain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
  });
}

}  // namespace

LogLine::LogLine(LogLevel level, std::string_view event)
    : level_(level), event_bytes_(event.size()), written_(true) {
  Limiter& limiter = g_limiters[std::hash<std::string_view>{}(event) % g_limiters.size()];
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(mono_now().time_since_epoch()).count();
  if (limiter.second.exchange(second, std::memory_order_relaxed) != second) limiter.lines = 0;
  if (limiter.lines.fetch_add(1, std::memory_order_relaxed) >= kLinesPerSecond) {
    limiter.held_back.fetch_add(1, std::memory_order_relaxed);
    written_ = false;
    return;
  }
  text_.append("<").append(std::to_string(static_cast<int>(level))).append(">").append(event);
  const std::uint64_t held_back = limiter.held_back.exchange(0, std::memory_order_relaxed);
  if (held_back > 0) field("held_back", held_back);
}

LogLine::~LogLine() {
  if (!written_) return;
  std::shared_ptr<const LogObserver> observer;
  {
    const std::lock_guard lock(g_observer_mutex);
    observer = g_observer;
  }
  if (observer) {
    const std::string_view line = std::string_view(text_).substr(kPriorityBytes);
    (*observer)(level_, line.substr(0, event_bytes_), line);
  }
  text_.push_back('\n');
  // Nothing can be done about a log that cannot be written.
  [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, text_.data(), text_.size());
}

LogLine& LogLine::field(std::string_view key, std::string_view value) {
  if (!written_) return *this;
  text_.append(" ").append(key).append("=");
  text_.append(plain(value) ? std::string(value) : json::quoted(value));
  return *this;
}

LogLine& LogLine::field(std::string_view key, std::int64_t value) {
  return field(key, std::to_string(value));
}
LogLine& LogLine::field(std::string_view key, std::uint64_t value) {
  return field(key, std::to_string(value));
}

void set_log_observer(LogObserver observer) {
  auto shared = observer ? std::make_shared<const LogObserver>(std::move(observer)) : nullptr;
  const std::lock_guard lock(g_observer_mutex);
  g_observer = std::move(shared);
}

void set_log_level(LogLevel level) {
  g_level = level;
}
bool log_enabled(LogLevel level) {
  return level <= g_level.load(std::memory_order_relaxed);
}

bool parse_log_level(std::string_view name, LogLevel& level) {
  constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kNames{
      {{"error", LogLevel::Error},
       {"warning", LogLevel::Warning},
       {"notice", LogLevel::Notice},
       {"info", LogLevel::Info},
       {"debug", LogLevel::Debug}}};
  for (const auto& [known, value] : kNames) {
    if (name == known) {
      level = value;
      return true;
    }
  }
  return false;
}

}  // namespace base
