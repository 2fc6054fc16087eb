#include "agent/settings/keys.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/time.h"
#include "schema/fields.h"

namespace agent::settings {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxTexts = 512;
constexpr std::size_t kMaxText = 4096;

constexpr std::array<std::pair<std::string_view, Level>, 3> kLevels = {
    {{"Off", Level::Off}, {"Low", Level::Low}, {"High", Level::High}}};
constexpr std::array<std::pair<std::string_view, base::LogLevel>, 4> kSeverities = {
    {{"Error", base::LogLevel::Error},
     {"Warning", base::LogLevel::Warning},
     {"Information", base::LogLevel::Info},
     {"Debug", base::LogLevel::Debug}}};

std::unexpected<base::Error> expected(std::string what) {
  return fail(Code::Invalid, "value", -1, "expected " + std::move(what));
}

template <class Names>
auto choose(const Value& value, const Names& names, const char* what)
    -> Result<decltype(names[0].second)> {
  if (const std::string* text = value.if_string()) {
    for (const auto& [name, meaning] : names) {
      if (base::equal_ignore_case(*text, name)) return meaning;
    }
  }
  return expected(what);
}

template <class Names, class T>
std::string name_of(const Names& names, T meaning) {
  for (const auto& [name, each] : names) {
    if (each == meaning) return std::string(name);
  }
  return {};
}

// What a text must be, beyond text.
enum class Form : std::uint8_t { Any, Path, Sha256, RecordType };

const char* form_name(Form form) {
  switch (form) {
    case Form::Path:
      return "a full path";
    case Form::Sha256:
      return "a SHA-256 of 64 hexadecimal digits";
    case Form::RecordType:
      return "the name of an audit record type, such as SYSCALL";
    case Form::Any:
      break;
  }
  return "text";
}

bool has_form(const std::string& text, Form form) {
  if (text.size() > kMaxText || text.find('\0') != std::string::npos) return false;
  const auto all_in = [&](std::string_view set) {
    return text.find_first_not_of(set) == std::string::npos;
  };
  switch (form) {
    case Form::Path:
      return text.starts_with('/');
    case Form::Sha256:
      return text.size() == 64 && all_in("0123456789abcdefABCDEF");
    case Form::RecordType:
      return !text.empty() && all_in("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    case Form::Any:
      break;
  }
  return true;
}

// `place` only picks a member.
template <class T>
const T& read(T& (*place)(Settings&), const Settings& settings) {
  return place(const_cast<Settings&>(settings));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

Key duration(const char* name, nanoseconds min, nanoseconds max, nanoseconds& (*place)(Settings&),
             const char* summary) {
  Key key{.name = name,
          .kind = Kind::Duration,
          .min = min.count(),
          .max = max.count(),
          .summary = summary,
          .set = nullptr,
          .get = nullptr};
  key.set = [=](const Value& value, Settings& settings) -> Result<void> {
    const std::string* text = value.if_string();
    if (text == nullptr) return expected("an ISO 8601 duration as text, such as PT7M");
    const auto read = parse_interval(*text);
    if (!read)
      return expected("an ISO 8601 duration, such as PT7M: " + std::string(read.error().what));
    if (*read < min || *read > max) {
      return expected(
          fmt::format("{} to {}", base::format_duration(min), base::format_duration(max)));
    }
    place(settings) = *read;
    return {};
  };
  key.get = [=](const Settings& settings) {
    return Value(base::format_duration(read(place, settings)));
  };
  return key;
}

Key integer(const char* name, std::int64_t min, std::int64_t max,
            std::uint64_t& (*place)(Settings&), const char* summary) {
  Key key{.name = name,
          .kind = Kind::Integer,
          .min = min,
          .max = max,
          .summary = summary,
          .set = nullptr,
          .get = nullptr};
  key.set = [=](const Value& value, Settings& settings) -> Result<void> {
    const std::int64_t* number = value.if_int();
    if (number == nullptr || *number < min || *number > max)
      return expected(fmt::format("a whole number, {} to {}", min, max));
    place(settings) = static_cast<std::uint64_t>(*number);
    return {};
  };
  key.get = [=](const Settings& settings) {
    return Value(static_cast<std::int64_t>(read(place, settings)));
  };
  return key;
}

Key flag(std::string name, bool& (*place)(Settings&), const char* summary) {
  Key key{.name = std::move(name),
          .kind = Kind::Flag,
          .summary = summary,
          .set = nullptr,
          .get = nullptr};
  key.set = [=](const Value& value, Settings& settings) -> Result<void> {
    const bool* read = value.if_bool();
    if (read == nullptr) return expected("true or false");
    place(settings) = *read;
    return {};
  };
  key.get = [=](const Settings& settings) { return Value(read(place, settings)); };
  return key;
}

Key text(const char* name, Form form, std::string& (*place)(Settings&), const char* summary) {
  Key key{.name = name, .kind = Kind::Text, .summary = summary, .set = nullptr, .get = nullptr};
  key.set = [=](const Value& value, Settings& settings) -> Result<void> {
    const std::string* read = value.if_string();
    if (read == nullptr || !(read->empty() || has_form(*read, form)))
      return expected(form_name(form));
    place(settings) = *read;
    return {};
  };
  key.get = [=](const Settings& settings) { return Value(read(place, settings)); };
  return key;
}

Key texts(const char* name, Form form, std::vector<std::string>& (*place)(Settings&),
          const char* summary) {
  Key key{.name = name, .kind = Kind::Texts, .summary = summary, .set = nullptr, .get = nullptr};
  key.set = [=](const Value& value, Settings& settings) -> Result<void> {
    const Value::Array* array = value.if_array();
    if (array == nullptr || array->size() > kMaxTexts)
      return expected(fmt::format("an array of at most {} texts", kMaxTexts));
    std::vector<std::string> read;
    for (const Value& each : *array) {
      const std::string* one = each.if_string();
      if (one == nullptr || !has_form(*one, form))
        return expected(std::string("an array, each item ") + form_name(form));
      read.push_back(*one);
    }
    place(settings) = std::move(read);
    return {};
  };
  key.get = [=](const Settings& settings) {
    Value::Array array;
    for (const std::string& each : read(place, settings))
      array.emplace_back(each);
    return Value(std::move(array));
  };
  return key;
}

Key severity() {
  Key key{.name = "diagnosticSeverity",
          .kind = Kind::Severity,
          .summary = "Lines of the agent's log from this urgency on become Diagnostic events.",
          .set = nullptr,
          .get = nullptr};
  key.set = [](const Value& value, Settings& settings) -> Result<void> {
    settings.diagnostic_level =
        TRY(choose(value, kSeverities, "Error, Warning, Information or Debug"));
    return {};
  };
  key.get = [](const Settings& settings) {
    return Value(name_of(kSeverities, settings.diagnostic_level));
  };
  return key;
}

Key priority(std::size_t event) {
  const schema::EventInfo& info = schema::event_info(static_cast<schema::EventName>(event));
  Key key{.name = "eventPriority" + std::string(info.name),
          .kind = Kind::Level,
          .classic = info.origin == schema::Origin::Classic,
          .summary = fmt::format("Priority of {}.", info.name),
          .set = nullptr,
          .get = nullptr};
  key.set = [event](const Value& value, Settings& settings) -> Result<void> {
    settings.priority[event] = TRY(choose(value, kLevels, "High, Low or Off"));
    return {};
  };
  key.get = [event](const Settings& settings) {
    return Value(name_of(kLevels, settings.priority[event]));
  };
  return key;
}

template <Aggregation Settings::* kPlace>
void add_aggregation(std::vector<Key>& list, std::string_view event) {
  const std::string enabled = fmt::format("aggregationEnabled{}", event);
  const std::string interval = fmt::format("aggregationInterval{}", event);
  list.push_back(flag(
      enabled, [](Settings& s) -> bool& { return (s.*kPlace).enabled; },
      "Repeats within the interval become one event with their number and times."));
  list.push_back(duration(
      interval.c_str(), 1s, 24h * 7,
      [](Settings& s) -> nanoseconds& { return (s.*kPlace).interval; },
      "For how long repeats are gathered; the first occurrence is never held back."));
  list[list.size() - 2].classic = list.back().classic = true;
}

void add_classic(std::vector<Key>& list) {
  list.push_back(duration(
      "highPriorityMessageFrequency", 0s, 24h * 30,
      [](Settings& s) -> nanoseconds& { return s.high_frequency; },
      "How often events of priority High are sent; PT0S: at once."));
  list.push_back(duration(
      "lowPriorityMessageFrequency", 0s, 24h * 30,
      [](Settings& s) -> nanoseconds& { return s.low_frequency; },
      "The same for Low; PT0S: within a moment. Unless set, never more often than High."));
  list.push_back(duration(
      "snapshotFrequency", 1s, 24h * 365,
      [](Settings& s) -> nanoseconds& { return s.snapshot_frequency; },
      "How often each snapshot is taken."));
  list.push_back(integer(
      "maxLocalCacheSizeInBytes", 8192, std::int64_t{1} << 40,
      [](Settings& s) -> std::uint64_t& { return s.max_cache_bytes; },
      "Room on the device for events that wait to be sent."));
  list.push_back(integer(
      "maxMessageSizeInBytes", 8192, 262144,
      [](Settings& s) -> std::uint64_t& { return s.max_message_bytes; },
      "Largest message, with all around its events; best a multiple of 4096."));
  for (Key& key : list)
    key.classic = true;
  add_aggregation<&Settings::process_create>(list, "ProcessCreate");
  add_aggregation<&Settings::process_terminate>(list, "ProcessTerminate");
  add_aggregation<&Settings::connection_create>(list, "ConnectionCreate");
}

void add_own(std::vector<Key>& list) {
  list.push_back(duration(
      "heartbeatFrequency", 1s, 24h,
      [](Settings& s) -> nanoseconds& { return s.heartbeat_frequency; },
      "How often a Heartbeat is made."));
  list.push_back(integer(
      "sendRateLimitInBytesPerSecond", 4096, std::int64_t{1} << 30,
      [](Settings& s) -> std::uint64_t& { return s.send_rate_bytes; },
      "How fast the sending of a backlog begins after an outage; it doubles every ten seconds."));
  list.push_back(severity());
  list.push_back(flag(
      "connectionLoopback", [](Settings& s) -> bool& { return s.connection_loopback; },
      "ConnectionCreate for connections within the device, too."));
  list.push_back(flag(
      "connectionDnsNames", [](Settings& s) -> bool& { return s.connection_dns_names; },
      "Names from the device's own DNS answers in ConnectionCreate."));
  list.push_back(flag(
      "processHash", [](Settings& s) -> bool& { return s.process_hash; },
      "SHA-256 of the executable in ProcessCreate."));
  list.push_back(texts(
      "fileEventPaths", Form::Path,
      [](Settings& s) -> std::vector<std::string>& { return s.file_event_paths; },
      "Files and folders (with all below) for FileEvent; see its details in "
      "agent-extra-details.md."));
  list.push_back(texts(
      "auditRecordTypes", Form::RecordType,
      [](Settings& s) -> std::vector<std::string>& { return s.audit_record_types; },
      "Types of audit records that become AuditRecord events."));
  list.push_back(flag(
      "baselineCustomChecksEnabled", [](Settings& s) -> bool& { return s.baseline_custom_checks; },
      "Run the checks of a file of one's own, too."));
  list.push_back(text(
      "baselineCustomChecksFilePath", Form::Path,
      [](Settings& s) -> std::string& { return s.baseline_custom_file; },
      "That file, in the XML format of Microsoft's baseline."));
  list.push_back(text(
      "baselineCustomChecksFileHash", Form::Sha256,
      [](Settings& s) -> std::string& { return s.baseline_custom_hash; },
      "Its SHA-256; another file is not run."));
  list.push_back(texts(
      "baselineDisabledGroups", Form::Any,
      [](Settings& s) -> std::vector<std::string>& { return s.baseline_disabled_groups; },
      "Groups of baseline checks that are left out."));
  list.push_back(texts(
      "baselineDisabledChecks", Form::Any,
      [](Settings& s) -> std::vector<std::string>& { return s.baseline_disabled_checks; },
      "Baseline checks that are left out."));
}

std::vector<Key> make_keys() {
  std::vector<Key> list;
  add_classic(list);
  for (std::size_t event = 0; event < kEvents; ++event)
    list.push_back(priority(event));
  add_own(list);
  return list;
}

std::string values_of(const Key& key) {
  switch (key.kind) {
    case Kind::Duration:
      return fmt::format("duration, {} to {}", base::format_duration(nanoseconds(key.min)),
                         base::format_duration(nanoseconds(key.max)));
    case Kind::Integer:
      return fmt::format("integer, {} to {}", key.min, key.max);
    case Kind::Level:
      return "High, Low, Off";
    case Kind::Severity:
      return "Error, Warning, Information, Debug";
    case Kind::Flag:
      return "true, false";
    case Kind::Text:
      return "text";
    case Kind::Texts:
      return "array of text";
  }
  return {};
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> list = make_keys();
  return list;
}

const Key* find_key(std::string_view name) {
  const auto list = keys();
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const Key& key) { return key.name == name; });
  return found == list.end() ? nullptr : &*found;
}

Result<nanoseconds> parse_interval(std::string_view text) {
  constexpr std::array<std::pair<char, std::int64_t>, 2> kNominal = {{{'Y', 365}, {'M', 30}}};
  nanoseconds sum{0};
  if (text.empty() || text.front() != 'P') return base::parse_duration(text);
  std::string_view rest = text.substr(1);
  for (const auto& [unit, days] : kNominal) {
    const std::size_t end = rest.find_first_not_of("0123456789");
    if (end == std::string_view::npos || end == 0 || rest[end] != unit) continue;
    const auto count = base::parse_int(rest.substr(0, end));
    if (!count || *count > 200) return fail(Code::Malformed, "duration is too long");
    sum += std::chrono::hours(24 * days * *count);
    rest.remove_prefix(end + 1);
  }
  if (rest.empty() && rest.data() != text.data() + 1) return sum;
  return sum + TRY(base::parse_duration("P" + std::string(rest)));
}

std::string table_of_keys() {
  const Settings defaults;
  std::string table = "| Key | Values | Default | What it does | From |\n|---|---|---|---|---|\n";
  bool priorities = false;
  for (const Key& key : keys()) {
    // One line for all events, which docs/reference/events.md lists.
    if (key.kind == Kind::Level) {
      if (!std::exchange(priorities, true)) {
        table += fmt::format(
            "| `eventPriority` and the name of an event | {} | High for {}; else Low | "
            "Which lane its events take; Off: not collected. | classic |\n",
            values_of(key), fmt::join(kHighByDefault, ", "));
      }
      continue;
    }
    const Value value = key.get(defaults);
    const std::string* text = value.if_string();
    const Value::Array* const list = value.if_array();
    const bool long_list = list != nullptr && list->size() > 3;
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.name, values_of(key),
                         text != nullptr           ? (text->empty() ? "none" : *text)
                         : value.to_json() == "[]" ? "none"
                         : long_list               ? "a list"
                                                   : value.to_json(),
                         key.summary, key.classic ? "classic" : "Vedette");
  }
  return table;
}

}  // namespace agent::settings
