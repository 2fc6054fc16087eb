#include "hub/custom_alerts/history.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/custom/events.h"
#include "kql/ticks.h"

namespace hub::custom_alerts {

using detect::custom::Kind;
using detect::custom::Rule;
using detect::custom::Source;
using detect::custom::Type;
using store::QueryFailure;
using store::Value;

namespace {

using Rows = std::expected<store::QueryResult, QueryFailure>;

std::string_view text(const Value& value) {
  const auto* string = std::get_if<std::string>(&value);
  return string == nullptr ? std::string_view() : std::string_view(*string);
}
std::int64_t number(const Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? 0 : *integer;
}

// Of events: when it happened, or came where a clock is ahead.
constexpr std::string_view kWhen =
    "| extend When = iff(TimeStamp < TimeGenerated, TimeStamp, TimeGenerated) ";

std::string literal(base::WallTime time) {
  return fmt::format("datetime({})", base::format_rfc3339(time, 7));
}

// Counts by device and window. What cannot be out of the range is left out where that can be known.
std::string by_window(const Rule& rule, std::string_view when, std::string_view count,
                      std::string_view also) {
  const auto& definition = rule.definition();
  std::string out =
      fmt::format("| summarize Count = sum({}) by DeviceId, Window = bin_at({}, {}s, {}){} ", count,
                  when, definition.window.count(), literal(rule.since()), also);
  if (definition.min == 0 && definition.max && also.empty())
    out += fmt::format("| where Count > {} ", *definition.max);
  return out + "| sort by Window desc";
}

// What was seen, by device and day. `fields` are columns, or names for expressions.
std::string by_day(std::string_view fields, std::string_view names) {
  return fmt::format(
      "| summarize Count = sum(HitCount), First = min(When) by DeviceId, Day = bin(When, 1d), {} "
      "| project DeviceId, Count, First, {} | sort by First desc",
      fields, names);
}

std::string event_query(const Rule& rule, base::WallTime from) {
  const std::string within =
      fmt::format("| where TimeGenerated >= {0} {1}| where When >= {0} ", literal(from), kWhen);
  switch (rule.definition().type) {
    case Type::ActiveConnections:
      return "ConnectionCreate " + within + "| where tostring(ExtraDetails.State) != 'Ended' " +
             by_window(rule, "When", "HitCount", "");
    case Type::FailedLocalLogins:
      return "Login " + within + "| where Result == 'Fail' " +
             by_window(rule, "When", "HitCount", ", RemoteAddress, Executable");
    case Type::ConnectionToIp:
      return "ConnectionCreate " + within +
             "| where Direction == 'Out' and tostring(ExtraDetails.State) != 'Ended' " +
             by_day("RemoteAddress", "RemoteAddress");
    case Type::LocalUser:
      return "Login " + within + "| where Result == 'Success' " +
             by_day("UserName, UserId", "UserName, UserId");
    default:
      return "ProcessCreate " + within +
             by_day(
                 fmt::format("Executable, Interpreter = tostring(ExtraDetails.Interpreter), File = "
                             "tostring(ExtraDetails.File), Folder = tostring(ExtraDetails.Cwd), "
                             "Line = iff(Executable matches regex @'{}', CommandLine, '')",
                             detect::custom::kInterpreters),
                 "Executable, Interpreter, File, Folder, Line");
  }
}

std::string operation_query(const Rule& rule, base::WallTime from) {
  return fmt::format("IoTHubOperations | where TimeGenerated >= {} and DeviceId != '' and ({}) ",
                     literal(from), operations_condition(rule.definition().type)) +
         by_window(rule, "TimeGenerated", "Count", "");
}

// The event that a row of event_query() stands for, as far as its type looks at it.
schema::Event event_of(Type type, const std::vector<Value>& row) {
  const auto column = [&row](std::size_t index) { return std::string(text(row[index])); };
  schema::Event out;
  switch (type) {
    case Type::FailedLocalLogins: {
      schema::Login login;
      login.result = schema::LoginResult::Fail;
      if (!column(2).empty()) login.remote_address = column(2);
      login.executable = column(3);
      out.payload = schema::payload_of(std::move(login));
      break;
    }
    case Type::LocalUser: {
      schema::Login login;
      login.result = schema::LoginResult::Success;
      login.user_name = column(3);
      login.user_id = column(4);
      out.payload = schema::payload_of(std::move(login));
      break;
    }
    case Type::ConnectionToIp: {
      schema::ConnectionCreate connection;
      connection.direction = schema::Direction::Out;
      connection.remote_address = column(3);
      out.payload = schema::payload_of(std::move(connection));
      break;
    }
    case Type::Process: {
      schema::ProcessCreate process;
      process.executable = column(3);
      process.command_line = column(7);
      for (const auto& [name, index] :
           {std::pair("Interpreter", 4), std::pair("File", 5), std::pair("Cwd", 6)}) {
        std::string value = column(static_cast<std::size_t>(index));
        if (!value.empty()) schema::set(process.extra_details, name, std::move(value));
      }
      out.payload = schema::payload_of(std::move(process));
      break;
    }
    default:
      out.payload = schema::payload_of(schema::ConnectionCreate());
  }
  return out;
}

// Names of accounts by device and number, where logins do not say them.
using Accounts = std::map<std::pair<std::string, std::string>, std::string>;

std::expected<Accounts, QueryFailure> read_accounts(store::Queries& queries,
                                                    const Reading& reading) {
  const Rows rows = queries.run_kql(
      "LocalUsers | summarize arg_max(TimeGenerated, UserName) by DeviceId, UserId "
      "| project DeviceId, UserId, UserName",
      reading.query);
  if (!rows) return std::unexpected(rows.error());
  Accounts out;
  for (const auto& row : rows->rows)
    out[{std::string(text(row[0])), std::string(text(row[1]))}] = text(row[2]);
  return out;
}

base::WallTime time_of(const Value& value) {
  return kql::to_wall_time(number(value));
}

// A row of counts: device, window, ..., count last. A row of values: device, count, first, ...
std::optional<Moment> moment_of(const Rule& rule, const store::QueryResult& result,
                                const std::vector<Value>& row, const Accounts& accounts) {
  const Type type = rule.definition().type;
  const bool range = rule.info().kind == Kind::Range;
  Moment out;
  out.device_id = text(row[0]);
  out.count = number(range ? row.back() : row[1]);
  out.time = time_of(range ? row[1] : row[2]);
  if (rule.info().source == Source::Hub || type == Type::ActiveConnections) return out;
  ASSERT(result.columns.size() == row.size());
  auto said = detect::custom::said(event_of(type, row), 0, type);
  if (!said) return std::nullopt;
  if (said->value.empty() && !said->user_id.empty()) {
    const auto known = accounts.find({out.device_id, said->user_id});
    said->value = known == accounts.end() ? said->user_id : known->second;
  }
  out.value = std::move(said->value);
  return out;
}

std::expected<void, QueryFailure> read_connections(store::Queries& queries, const Reading& reading,
                                                   History& history) {
  const Rows rows = queries.run_kql(
      fmt::format("IoTHubOperations | where TimeGenerated >= {} and Category == 'Connections' and "
                  "DeviceId != '' | where (OperationName == 'deviceConnect' and StatusCode < 400) "
                  "or (OperationName == 'deviceDisconnect' and not(Reason == 'sas_expired' and "
                  "StatusCode == 401)) | project TimeGenerated, DeviceId, OperationName, Protocol "
                  "| sort by TimeGenerated desc",
                  literal(reading.from)),
      reading.query);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& row : rows->rows) {
    Moment moment;
    moment.what =
        text(row[2]) == "deviceConnect" ? Moment::What::Connected : Moment::What::Disconnected;
    moment.time = time_of(row[0]);
    moment.device_id = text(row[1]);
    moment.value = text(row[3]);
    history.moments.push_back(std::move(moment));
  }
  history.truncated = history.truncated || rows->stats.truncated();
  const Rows starts = queries.run_kql(
      fmt::format("IoTHubAudit | where TimeGenerated >= {} and OperationName == 'hub.start' "
                  "| project TimeGenerated",
                  literal(reading.from)),
      reading.query);
  if (!starts) return std::unexpected(starts.error());
  for (const auto& row : starts->rows) {
    Moment moment;
    moment.what = Moment::What::HubStarted;
    moment.time = time_of(row[0]);
    history.moments.push_back(std::move(moment));
  }
  return {};
}

}  // namespace

std::string operations_condition(Type type) {
  const store::OperationRow row = detect::custom::example_operation(type);
  if (type == Type::UnauthorizedOperations) {
    return "StatusCode in (401, 403) and OperationName != 'deviceDisconnect' and Reason !in "
           "('quota', 'limit', 'queue_full', 'throttled')";
  }
  if (type == Type::TwinUpdates) {
    return "Category in ('C2DTwinOperations', 'D2CTwinOperations') and OperationName in ('update', "
           "'replace') and StatusCode < 400 and ModuleId != ''";
  }
  std::string out =
      fmt::format("Category == '{}' and OperationName == '{}'", row.category, row.operation);
  if (row.category != "DirectMethods" && row.operation != "deliver" && row.operation != "reject")
    out += " and StatusCode < 400";
  if (row.protocol == "MQTT" || row.protocol == "AMQP") {
    out += fmt::format(" and Protocol in ('{0}', '{0}_WS')", row.protocol);
  } else if (row.protocol == "HTTPS" && type != Type::FileUploads) {
    out += " and Protocol == 'HTTPS'";
  }
  return out;
}

std::expected<History, QueryFailure> read_history(store::Queries& queries, const Rule& rule,
                                                  const Reading& reading) {
  const bool hub = rule.info().source == Source::Hub;
  const std::string query =
      hub ? operation_query(rule, reading.from) : event_query(rule, reading.from);
  const Rows rows = queries.run_kql(query, reading.query);
  if (!rows) return std::unexpected(rows.error());
  Accounts accounts;
  if (rule.definition().type == Type::LocalUser) {
    auto read = read_accounts(queries, reading);
    if (!read) return std::unexpected(std::move(read.error()));
    accounts = std::move(*read);
  }
  History out;
  out.truncated = rows->stats.truncated();
  for (const auto& row : rows->rows) {
    if (auto moment = moment_of(rule, *rows, row, accounts))
      out.moments.push_back(std::move(*moment));
  }
  if (rule.definition().min > 0 && rule.info().kind == Kind::Range) {
    auto read = read_connections(queries, reading, out);
    if (!read) return std::unexpected(std::move(read.error()));
  }
  std::ranges::sort(out.moments, [](const Moment& a, const Moment& b) {
    return std::tie(a.time, a.what, a.device_id, a.value) <
           std::tie(b.time, b.what, b.device_id, b.value);
  });
  return out;
}

}  // namespace hub::custom_alerts
