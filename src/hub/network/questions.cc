#include "hub/network/questions.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/ticks.h"

namespace hub::network {

using store::QueryFailure;
using store::Value;

namespace {

constexpr std::chrono::hours kBefore{24};
constexpr std::chrono::hours kAccountsBefore{24 * 30};

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : *text;
}
std::int64_t number_of(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}
base::WallTime time_of(const Value& value) {
  return kql::to_wall_time(number_of(value));
}
// A time that a sensor wrote.
base::WallTime written_time(const Value& value) {
  const auto time = base::parse_rfc3339(text_of(value));
  return time ? time->utc : base::WallTime{};
}

std::string list_of(const auto& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ", ";
    out += base::json::quoted(text);
  }
  return out;
}

std::string within(base::WallTime from, base::WallTime to) {
  return fmt::format("TimeGenerated >= datetime({}) and TimeGenerated < datetime({})",
                     base::format_rfc3339(from, 7), base::format_rfc3339(to, 7));
}

std::string condition_of(const Wanted& wanted) {
  std::string out = fmt::format("(DeviceId == {} and ModuleId == {} and (false",
                                base::json::quoted(wanted.sensor.device_id),
                                base::json::quoted(wanted.sensor.module_id));
  if (!wanted.addresses.empty()) {
    const std::string list = list_of(wanted.addresses);
    out += fmt::format(" or ClientAddress in ({0}) or ServerAddress in ({0})", list);
  }
  if (!wanted.hardware.empty()) {
    const std::string list = list_of(wanted.hardware);
    out += fmt::format(
        " or (isempty(ClientAddress) and ClientMac in ({0})) or (isempty(ServerAddress) and "
        "ServerMac in ({0}))",
        list);
  }
  return out + "))";
}

Talk talk_of(const std::vector<Value>& row) {
  Talk talk;
  FlowKey& key = talk.key;
  key.sensor = {text_of(row[0]), text_of(row[1])};
  key.client = {text_of(row[2]), text_of(row[3])};
  key.server = {text_of(row[4]), text_of(row[5])};
  key.port = text_of(row[6]);
  if (!std::holds_alternative<std::monostate>(row[7])) key.vlan = number_of(row[7]);
  key.protocol = base::to_lower(text_of(row[8]));
  key.application = text_of(row[9]);
  key.expected = text_of(row[10]);
  talk.sums = {number_of(row[11]), number_of(row[12]), number_of(row[13]), number_of(row[14]),
               number_of(row[15]), number_of(row[16]), number_of(row[17])};
  talk.first = written_time(row[18]);
  talk.last = written_time(row[19]);
  return talk;
}

Connection connection_of(const std::vector<Value>& row) {
  Connection out;
  out.device_id = text_of(row[0]);
  out.local = text_of(row[1]);
  out.remote = text_of(row[2]);
  out.port = text_of(row[3]);
  out.accepted = base::equal_ignore_case(text_of(row[4]), "In");
  out.protocol = base::to_lower(text_of(row[5]));
  out.process_id = number_of(row[6]);
  out.user_id = text_of(row[7]);
  out.executable = text_of(row[8]);
  out.command_line = text_of(row[9]);
  const std::string state = text_of(row[10]);
  out.count = number_of(row[11]);
  out.first = time_of(row[12]);
  out.last = time_of(row[13]);
  const std::chrono::milliseconds lasted(
      std::clamp<std::int64_t>(number_of(row[14]), 0, std::int64_t{1} << 40U));
  if (state == "Ended") {
    out.count = 0;  // it was counted when it began
    out.first -= lasted;
  } else {
    out.last += lasted;
  }
  return out;
}

}  // namespace

std::expected<store::QueryResult, QueryFailure> Questions::ask(const std::string& query,
                                                               std::size_t rows) const {
  store::QueryOptions options = options_;
  options.row_limit = rows;
  return queries_.run_kql(query, options);
}

Asked<Talk> Questions::talks(std::span<const Wanted> wanted, const Window& window) const {
  Found<Talk> found;
  if (wanted.empty()) return found;
  found.truncated = wanted.size() > kMostWanted;
  std::string conditions;
  for (const Wanted& each : wanted.first(std::min(wanted.size(), kMostWanted))) {
    if (!conditions.empty()) conditions += " or ";
    conditions += condition_of(each);
  }
  const auto result = ask(
      fmt::format("NetworkConversation | where {} | where {} | project DeviceId, ModuleId, "
                  "ClientAddress, ClientMac, ServerAddress, ServerMac, ServerPort, Vlan, Protocol, "
                  "ApplicationProtocol, ExpectedProtocol, Flows, ClientPackets, ServerPackets, "
                  "ClientBytes, ServerBytes, Messages, Issues, FirstSeen, LastSeen | top {} by "
                  "LastSeen desc",
                  within(window.from, window.to), conditions, kMostTalks + 1),
      kMostTalks);
  if (!result) return std::unexpected(result.error());
  found.truncated = found.truncated || result->stats.truncated();
  for (const auto& row : result->rows)
    found.rows.push_back(talk_of(row));
  return found;
}

Asked<Connection> Questions::connections(const std::set<std::string>& devices,
                                         const Window& window) const {
  Found<Connection> found;
  if (devices.empty()) return found;
  const auto result =
      ask(fmt::format(
              "ConnectionCreate | where {} | where DeviceId in ({}) | extend Port = "
              "iff(Direction == 'Out', RemotePort, LocalPort), State = "
              "tostring(ExtraDetails.State), Lasted = tolong(ExtraDetails.DurationMilliseconds) "
              "| summarize Count = sum(HitCount), First = min(TimeStamp), Last = "
              "max(TimeStamp), Lasted = max(Lasted) by DeviceId, LocalAddress, RemoteAddress, "
              "Port, Direction, Protocol, ProcessId, UserId, Executable, CommandLine, State, "
              "Minute = bin(TimeStamp, 1m) | project DeviceId, LocalAddress, RemoteAddress, "
              "Port, Direction, Protocol, ProcessId, UserId, Executable, CommandLine, State, "
              "Count, First, Last, Lasted | top {} by Last desc",
              within(window.from - kBefore, window.to), list_of(devices), kMostConnections + 1),
          kMostConnections);
  if (!result) return std::unexpected(result.error());
  found.truncated = result->stats.truncated();
  for (const auto& row : result->rows)
    found.rows.push_back(connection_of(row));
  return found;
}

Asked<Questions::User> Questions::users(const std::set<std::string>& devices,
                                        const Window& window) const {
  Found<User> found;
  if (devices.empty()) return found;
  const auto result = ask(
      fmt::format("LocalUsers | where {} | where DeviceId in ({}) | summarize arg_max(TimeStamp, "
                  "UserName) by DeviceId, UserId | project DeviceId, UserId, UserName",
                  within(window.from - kAccountsBefore, window.to), list_of(devices)),
      kMostConnections);
  if (!result) return std::unexpected(result.error());
  found.truncated = result->stats.truncated();
  for (const auto& row : result->rows)
    found.rows.push_back({text_of(row[0]), text_of(row[1]), text_of(row[2])});
  return found;
}

}  // namespace hub::network
