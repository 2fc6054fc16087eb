#include "hub/operations/operations.h"

#include <deque>
#include <map>
#include <mutex>

#include "base/json.h"
#include "base/result.h"

namespace hub::operations {

namespace {

template <class Enum, std::size_t N>
std::string_view name_of(Enum value, const std::array<std::string_view, N>& names) {
  const auto index = static_cast<std::size_t>(value);
  ASSERT(index < N);
  return names[index];
}

void text(base::json::Writer& writer, std::string_view name, std::string_view value) {
  if (!value.empty()) writer.field(name, value);
}

void number(base::json::Writer& writer, std::string_view name, std::uint64_t value) {
  if (value != 0) writer.field(name, value);
}

void write_properties(base::json::Writer& writer, const Record& record) {
  const Auth& auth = record.auth;
  if (!auth.scope.empty() || !auth.type.empty()) {
    writer.key("auth");
    writer.begin_object();
    text(writer, "scope", auth.scope);
    text(writer, "type", auth.type);
    text(writer, "issuer", auth.issuer);
    text(writer, "skn", auth.skn);
    text(writer, "credential", auth.credential);
    text(writer, "acceptingIpFilterRule", auth.accepting_ip_filter_rule);
    writer.end_object();
  }
  if (!record.tls_version.empty()) {
    writer.key("tls");
    writer.begin_object();
    text(writer, "version", record.tls_version);
    text(writer, "cipher", record.tls_cipher);
    writer.end_object();
  }
  number(writer, "meterUnits", record.meter_units);
}

}  // namespace

std::string_view to_string(Category category) {
  static constexpr std::array<std::string_view, kCategories> kNames = {
      "Connections",          "DeviceTelemetry", "C2DCommands",       "DeviceIdentityOperations",
      "FileUploadOperations", "TwinQueries",     "C2DTwinOperations", "D2CTwinOperations",
      "DirectMethods",        "Configurations",  "JobsOperations",    "Routes"};
  return name_of(category, kNames);
}

std::string_view to_string(Level level) {
  static constexpr std::array<std::string_view, kLevels> kNames = {"Information", "Warning",
                                                                   "Error"};
  return name_of(level, kNames);
}

std::string_view to_string(Protocol protocol) {
  static constexpr std::array<std::string_view, 6> kNames = {"",      "MQTT", "MQTT_WS",
                                                             "HTTPS", "AMQP", "AMQP_WS"};
  return name_of(protocol, kNames);
}

std::string_view to_string(Reason reason) {
  static constexpr std::array<std::string_view, kReasons> kNames = {"",
                                                                    "unknown",
                                                                    "disabled",
                                                                    "sas_malformed",
                                                                    "sas_signature",
                                                                    "sas_expired",
                                                                    "sas_scope",
                                                                    "thumbprint",
                                                                    "cert_expired",
                                                                    "ip_filter",
                                                                    "client_id",
                                                                    "host_name",
                                                                    "will_topic",
                                                                    "protocol",
                                                                    "message_too_large",
                                                                    "qos_not_served",
                                                                    "topic_not_served",
                                                                    "subscriptions",
                                                                    "keep_alive",
                                                                    "login_timeout",
                                                                    "taken_over",
                                                                    "deleted",
                                                                    "not_durable",
                                                                    "limit",
                                                                    "stopping",
                                                                    "peer_closed",
                                                                    "message_invalid",
                                                                    "event_invalid",
                                                                    "disk_full",
                                                                    "queue_full",
                                                                    "message_expired",
                                                                    "delivery_count",
                                                                    "rejected",
                                                                    "not_online",
                                                                    "no_answer",
                                                                    "cert_untrusted",
                                                                    "cert_name",
                                                                    "cert_invalid",
                                                                    "token_renewal",
                                                                    "throttled",
                                                                    "quota",
                                                                    "tls_handshake",
                                                                    "cert_not_yet_valid"};
  return name_of(reason, kNames);
}

std::string to_json(const Record& record) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.field("time", base::format_rfc3339(record.time));
  writer.field("category", to_string(record.category));
  writer.field("operation", record.operation);
  writer.field("level", to_string(record.level));
  writer.field("statusCode", record.status_code);
  number(writer, "subCode", record.sub_code);
  text(writer, "deviceId", record.device_id);
  text(writer, "moduleId", record.module_id);
  text(writer, "generationId", record.generation_id);
  text(writer, "protocol", to_string(record.protocol));
  text(writer, "reason", to_string(record.reason));
  text(writer, "detail", record.detail);
  text(writer, "ip", record.ip);
  text(writer, "sdkVersion", record.sdk_version);
  if (record.count != 1) writer.field("count", record.count);
  number(writer, "bytes", record.bytes);
  number(writer, "securityMessages", record.security_messages);
  number(writer, "smallSecurityMessages", record.small_messages);
  if (record.duration.count() > 0)
    writer.field("durationMs", std::int64_t{record.duration.count()});
  text(writer, "requestId", record.request_id);
  text(writer, "actor", record.actor);
  write_properties(writer, record);
  writer.end_object();
  return out;
}

namespace {

bool is_strangers(const Record& record) {
  return record.category == Category::Connections && record.level == Level::Error &&
         record.reason != Reason::None && record.device_id.empty();
}

std::string stranger_key(const Record& record, std::string_view ip) {
  std::string key = record.operation;
  key += '\0';
  key += to_string(record.reason);
  key += '\0';
  key += to_string(record.protocol);
  key += '\0';
  key += ip;
  return key;
}

// What came again within a window that began with a record of its own.
struct Repeats {
  base::WallTime until;
  std::uint64_t count = 0;
  Record last;
};

}  // namespace

struct Operations::State {
  bool holds_back(Record& record, std::vector<Record>& due);
  std::map<std::string, Repeats, std::less<>> strangers;  // guarded by mutex

  std::size_t keep;
  mutable std::mutex mutex;
  std::deque<Record> last;  // guarded by mutex
  // Immutable once set; taken under the mutex, called without it.
  std::shared_ptr<const Sink> sink;
  std::array<std::array<base::Counter, kLevels>, kCategories> by_category;
  std::array<base::Counter, kReasons> by_reason;
};

Operations::Operations(std::size_t keep) : state_(std::make_unique<State>()) {
  state_->keep = keep;
}
Operations::~Operations() = default;

// Whether the record waits for its window's end; `due` gets what need not wait any more.
bool Operations::State::holds_back(Record& record, std::vector<Record>& due) {
  const std::lock_guard lock(mutex);
  std::string key = stranger_key(record, record.ip);
  if (strangers.size() >= kMaxStrangers && !strangers.contains(key)) {
    record.ip.clear();
    record.detail = "from many addresses; the last: " + record.detail;
    key = stranger_key(record, "");
  }
  const auto [found, inserted] = strangers.try_emplace(std::move(key));
  Repeats& repeats = found->second;
  const bool within =
      !inserted && record.time < repeats.until && repeats.until - record.time <= kRepeatWindow;
  if (within) {
    ++repeats.count;
    repeats.last = std::move(record);
    return true;
  }
  if (repeats.count > 0) {
    repeats.last.count = repeats.count;
    due.push_back(std::move(repeats.last));
  }
  repeats = {record.time + kRepeatWindow, 0, {}};
  return false;
}

void Operations::settle(base::WallTime now) {
  std::vector<Record> due;
  {
    const std::lock_guard lock(state_->mutex);
    auto& strangers = state_->strangers;
    for (auto item = strangers.begin(); item != strangers.end();) {
      Repeats& repeats = item->second;
      // A clock that was set back would hold them for long.
      if (now < repeats.until && repeats.until - now <= kRepeatWindow) {
        ++item;
        continue;
      }
      if (repeats.count > 0) {
        repeats.last.count = repeats.count;
        due.push_back(std::move(repeats.last));
      }
      item = strangers.erase(item);
    }
  }
  for (Record& record : due)
    keep(std::move(record));
}

void Operations::record(Record record) {
  state_
      ->by_category[static_cast<std::size_t>(record.category)]
                   [static_cast<std::size_t>(record.level)]
      .add();
  state_->by_reason[static_cast<std::size_t>(record.reason)].add();
  if (!is_strangers(record)) return keep(std::move(record));
  std::vector<Record> due;
  const bool held = state_->holds_back(record, due);
  for (Record& each : due)
    keep(std::move(each));
  if (!held) keep(std::move(record));
}

void Operations::keep(Record record) {
  std::shared_ptr<const Sink> sink;
  {
    const std::lock_guard lock(state_->mutex);
    sink = state_->sink;
  }
  if (sink) (*sink)(record);
  const std::lock_guard lock(state_->mutex);
  if (state_->keep == 0) return;
  if (state_->last.size() == state_->keep) state_->last.pop_front();
  state_->last.push_back(std::move(record));
}

void Operations::set_sink(Sink sink) {
  auto shared = sink ? std::make_shared<const Sink>(std::move(sink)) : nullptr;
  const std::lock_guard lock(state_->mutex);
  state_->sink = std::move(shared);
}

std::vector<Record> Operations::recent(std::size_t limit) const {
  const std::lock_guard lock(state_->mutex);
  const auto count = static_cast<std::ptrdiff_t>(std::min(limit, state_->last.size()));
  return {state_->last.rbegin(), state_->last.rbegin() + count};
}

std::uint64_t Operations::count(Category category, Level level) const {
  return state_->by_category[static_cast<std::size_t>(category)][static_cast<std::size_t>(level)]
      .value();
}

std::uint64_t Operations::count(Reason reason) const {
  return state_->by_reason[static_cast<std::size_t>(reason)].value();
}

}  // namespace hub::operations
