#include "detect/custom/events.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "detect/custom/address_set.h"
#include "schema/fields.h"
#include "shell/commands.h"

namespace detect::custom {
namespace {

constexpr std::uint32_t bit(Type type) {
  return std::uint32_t{1} << static_cast<unsigned>(type);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view detail(const schema::ExtraDetails& details, std::string_view name) {
  const std::string* found = schema::find(details, name);
  return found == nullptr ? std::string_view() : std::string_view(*found);
}

// The end of a connection that was counted when it began.
bool is_end(const schema::ConnectionCreate& connection) {
  return detail(connection.extra_details, "State") == "Ended";
}

std::optional<Said> outbound(const schema::ConnectionCreate& connection) {
  if (connection.direction != schema::Direction::Out || is_end(connection)) return std::nullopt;
  const auto address = parse_address(connection.remote_address);
  if (!address || address->is_loopback() || address->is_unspecified()) return std::nullopt;
  return Said{Type::ConnectionToIp, address->to_string(), {}};
}

// What serves logins from elsewhere, also when it does not say from where.
bool is_remote(const schema::Login& login) {
  const auto address = parse_address(login.remote_address.value_or(""));
  if (address) return !address->is_loopback() && !address->is_unspecified();
  const std::string_view program = base_name(login.executable);
  return program == "sshd" || program == "dropbear" || program == "telnetd";
}

std::optional<Said> login(const schema::Login& login, Type type) {
  if (type == Type::FailedLocalLogins) {
    if (login.result != schema::LoginResult::Fail || is_remote(login)) return std::nullopt;
    return Said{type, {}, {}};
  }
  if (login.result != schema::LoginResult::Success) return std::nullopt;
  return Said{type, login.user_name.value_or(""), login.user_id.value_or("")};
}

// A path that a script was given as, within the folder that it was given in.
std::string resolved(std::string_view path, std::string_view folder) {
  if (path.starts_with('/') || folder.empty()) return std::string(path);
  if (path.starts_with("./")) path.remove_prefix(2);
  std::string out(folder);
  if (!out.ends_with('/')) out += '/';
  return out += path;
}

// As kInterpreters says.
bool is_interpreter(std::string_view executable) {
  constexpr std::array<std::string_view, 12> kNames = {
      "sh", "bash", "dash", "ash", "zsh", "ksh", "python", "perl", "ruby", "node", "php", "lua"};
  std::string_view name = base_name(executable);
  name = name.substr(0, name.find_last_not_of("0123456789.") + 1);
  return std::ranges::find(kNames, name) != kNames.end();
}

// The script that an interpreter was told to read; empty: none.
std::string script_of(const schema::ProcessCreate& process) {
  if (!is_interpreter(process.executable)) return {};
  const auto& details = process.extra_details;
  shell::Process started;
  started.executable = process.executable;
  started.command_line = process.command_line;
  started.argv_json = detail(details, "Argv");
  started.current_directory = detail(details, "Cwd");
  shell::Commands commands;
  commands.read(started);
  if (commands.size() == 0) return {};
  const std::string_view script = commands.value(0, shell::Field::Script);
  return script.empty() ? std::string() : resolved(script, started.current_directory);
}

// The program, or the script that it is there to read.
std::string program_of(const schema::ProcessCreate& process) {
  const auto& details = process.extra_details;
  const std::string_view file = detail(details, "File");
  if (!detail(details, "Interpreter").empty() && !file.empty())
    return resolved(file, detail(details, "Cwd"));
  std::string script = script_of(process);
  return script.empty() ? process.executable : script;
}

template <class T>
const T& item_of(const schema::Event& event, std::size_t item) {
  return std::get<std::vector<T>>(event.payload)[item];
}

}  // namespace

std::uint32_t types_of(schema::EventName name) {
  switch (name) {
    case schema::EventName::ConnectionCreate:
      return bit(Type::ActiveConnections) | bit(Type::ConnectionToIp);
    case schema::EventName::Login:
      return bit(Type::FailedLocalLogins) | bit(Type::LocalUser);
    case schema::EventName::ProcessCreate:
      return bit(Type::Process);
    case schema::EventName::LocalUsers:
      return bit(Type::LocalUser);
    default:
      return 0;
  }
}

std::optional<Said> said(const schema::Event& event, std::size_t item, Type type) {
  switch (event.name()) {
    case schema::EventName::ConnectionCreate: {
      const auto& connection = item_of<schema::ConnectionCreate>(event, item);
      if (type == Type::ConnectionToIp) return outbound(connection);
      if (type != Type::ActiveConnections || is_end(connection)) return std::nullopt;
      return Said{type, {}, {}};
    }
    case schema::EventName::Login:
      if (type != Type::FailedLocalLogins && type != Type::LocalUser) return std::nullopt;
      return login(item_of<schema::Login>(event, item), type);
    case schema::EventName::ProcessCreate:
      if (type != Type::Process) return std::nullopt;
      return Said{type, program_of(item_of<schema::ProcessCreate>(event, item)), {}};
    default:
      return std::nullopt;
  }
}

Evidence evidence_of(const schema::Event& event, std::size_t item) {
  Evidence out;
  out.event_id = event.id;
  out.item = static_cast<std::uint32_t>(item);
  out.time = event.time.utc;
  out.event_name = schema::to_string(event.name());
  out.details_json = schema::event_details_json(event, item);
  return out;
}

Evidence evidence_of(const store::OperationRow& operation, base::WallTime time) {
  Evidence out;
  out.time = time;
  out.event_name = "IoTHubOperations";
  base::json::Writer writer(out.details_json);
  writer.begin_object();
  writer.field("Category", operation.category);
  writer.field("OperationName", operation.operation);
  writer.field("StatusCode", static_cast<int>(operation.status_code));
  writer.field("Count", operation.count);
  struct Text {
    std::string_view name;
    std::string_view value;
  };
  for (const Text text :
       {Text{"Reason", operation.reason}, Text{"ResultDescription", operation.description},
        Text{"DeviceId", operation.device_id}, Text{"ModuleId", operation.module_id},
        Text{"Protocol", operation.protocol}, Text{"CallerIpAddress", operation.caller_ip},
        Text{"Identity", operation.actor}, Text{"CorrelationId", operation.request_id}}) {
    if (!text.value.empty()) writer.field(text.name, text.value);
  }
  writer.end_object();
  out.event_id = base::Guid::derived(
      "operation", out.details_json + std::to_string(time.time_since_epoch().count()));
  return out;
}

}  // namespace detect::custom
