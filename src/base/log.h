#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace base {

// Priorities as journald and syslog number them.
enum class LogLevel : std::uint8_t { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };

// One logfmt line to standard error with its priority in front: <4>spool.full device=d1 dropped=12.
// Values are quoted where needed. Never a payload, never a secret.
// Repeats of one event are limited to 20 a second; what was held back is said in the next line.
// Threads: any; a line is written with one write(2).
class LogLine {
 public:
  LogLine(LogLevel level, std::string_view event);
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  LogLine& field(std::string_view key, std::string_view value);
  LogLine& field(std::string_view key, const std::string& value) {
    return field(key, std::string_view(value));
  }
  LogLine& field(std::string_view key, const char* value) {
    return field(key, std::string_view(value));
  }
  LogLine& field(std::string_view key, std::int64_t value);
  LogLine& field(std::string_view key, std::uint64_t value);
  LogLine& field(std::string_view key, int value) {
    return field(key, static_cast<std::int64_t>(value));
  }
  LogLine& field(std::string_view key, unsigned value) {
    return field(key, static_cast<std::uint64_t>(value));
  }
  LogLine& field(std::string_view key, bool value) { return field(key, value ? "true" : "false"); }

 private:
  LogLevel level_;
  std::string text_;
  std::size_t event_bytes_;
  bool written_;
};

// Lines less urgent than this are not written. Notice lines and worse are always worth keeping.
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
// Hears each line that is written too: its level, its event and all of it but the priority.
// nullptr: nobody does. It is called on the thread that logs, and must not log itself. Threads:
// any.
using LogObserver = std::function<void(LogLevel, std::string_view event, std::string_view line)>;
void set_log_observer(LogObserver observer);
// The level of that name (error, warning, notice, info, debug); false when there is none.
bool parse_log_level(std::string_view name, LogLevel& level);

}  // namespace base

#define LOG_AT(level, event)         \
  if (!::base::log_enabled(level)) { \
  } else                             \
    ::base::LogLine(level, event)
#define LOG_ERROR(event) LOG_AT(::base::LogLevel::Error, event)
#define LOG_WARNING(event) LOG_AT(::base::LogLevel::Warning, event)
#define LOG_NOTICE(event) LOG_AT(::base::LogLevel::Notice, event)
#define LOG_INFO(event) LOG_AT(::base::LogLevel::Info, event)
#define LOG_DEBUG(event) LOG_AT(::base::LogLevel::Debug, event)
