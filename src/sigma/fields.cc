#include "sigma/fields.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "audit/event.h"
#include "audit/syscalls.h"
#include "base/text.h"
#include "base/time.h"

namespace sigma {
namespace {

using schema::EventName;
using Pair = std::pair<std::string_view, std::string_view>;

// Sigma's names; those that the agent has no field for come from ExtraDetails when it fills them.
constexpr std::array<Pair, 15> kProcess = {{{"Image", "Executable"},
                                            {"CommandLine", "CommandLine"},
                                            {"User", "UserName"},
                                            {"ProcessId", "ProcessId"},
                                            {"ParentProcessId", "ParentProcessId"},
                                            {"ParentImage", "ExtraDetails.ParentExecutable"},
                                            {"ParentCommandLine", "ExtraDetails.ParentCommandLine"},
                                            {"ParentUser", "ExtraDetails.ParentUserName"},
                                            {"CurrentDirectory", "ExtraDetails.Cwd"},
                                            {"LogonId", "ExtraDetails.AuditUid"},
                                            {"TerminalSessionId", "ExtraDetails.Tty"},
                                            {"Hashes", "ExtraDetails.Hashes"},
                                            {"md5", "ExtraDetails.Md5"},
                                            {"sha1", "ExtraDetails.Sha1"},
                                            {"sha256", "ExtraDetails.Sha256"}}};
constexpr std::array<Pair, 11> kConnection = {{{"Image", "Executable"},
                                               {"CommandLine", "CommandLine"},
                                               {"User", "ExtraDetails.UserName"},
                                               {"ProcessId", "ProcessId"},
                                               {"DestinationIp", "RemoteAddress"},
                                               {"DestinationPort", "RemotePort"},
                                               {"SourceIp", "LocalAddress"},
                                               {"SourcePort", "LocalPort"},
                                               {"Protocol", "Protocol"},
                                               {"Initiated", "Direction"},
                                               {"DestinationHostname", "ExtraDetails.RemoteName"}}};
// TargetFilename is where the file is now, which may be its new name.
constexpr std::array<Pair, 5> kFile = {{{"Image", "Executable"},
                                        {"CommandLine", "CommandLine"},
                                        {"User", "UserName"},
                                        {"ProcessId", "ProcessId"},
                                        {"SourceFilename", "Path"}}};
constexpr std::array<Pair, 8> kLogin = {{{"User", "UserName"},
                                         {"TargetUserName", "UserName"},
                                         {"Image", "Executable"},
                                         {"ProcessId", "ProcessId"},
                                         {"SourceIp", "RemoteAddress"},
                                         {"SourcePort", "RemotePort"},
                                         {"DestinationPort", "LocalPort"},
                                         {"Status", "Result"}}};
// What a record calls otherwise than its own keys, which are taken as they are.
constexpr std::array<Pair, 2> kAudit = {{{"type", "RecordType"}, {"exe", "Executable"}}};

std::span<const Pair> names_of(EventName event) {
  switch (event) {
    case EventName::ProcessCreate:
    case EventName::ProcessTerminate:
      return kProcess;
    case EventName::ConnectionCreate:
      return kConnection;
    case EventName::FileEvent:
      return kFile;
    case EventName::Login:
      return kLogin;
    case EventName::AuditRecord:
      return kAudit;
    default:
      return {};
  }
}

// Who people and programs are, and what they do: what a rule for Linux in general may be about.
constexpr std::array<EventName, 5> kLinux = {EventName::ProcessCreate, EventName::ConnectionCreate,
                                             EventName::Login, EventName::FileEvent,
                                             EventName::AuditRecord};

constexpr std::string_view kProperties = "Properties.";

struct Category {
  std::string_view name;
  Source source;
  std::array<std::string_view, 3> operations = {};  // of FileEvent; "": no more
};
constexpr std::array<Category, 10> kCategories = {
    {{"command", Source::command(), {}},
     {"process_creation", EventName::ProcessCreate, {}},
     {"process_termination", EventName::ProcessTerminate, {}},
     {"network_connection", EventName::ConnectionCreate, {}},
     {"authentication", EventName::Login, {}},
     // Sigma's is a file that is made or overwritten.
     {"file_event", EventName::FileEvent, {"Create", "Modify", "Rename"}},
     {"file_change", EventName::FileEvent, {"Modify", "Attributes"}},
     {"file_rename", EventName::FileEvent, {"Rename"}},
     {"file_delete", EventName::FileEvent, {"Delete"}},
     {"file_executable_detected", EventName::FileEvent, {"Execute"}}}};

const Category* category_of(const LogSource& source) {
  const auto found = std::ranges::find(kCategories, source.category, &Category::name);
  return found == kCategories.end() ? nullptr : &*found;
}

bool linux_or_any(const LogSource& source) {
  return source.product.empty() || base::equal_ignore_case(source.product, "linux");
}

bool declares(EventName event, std::string_view name) {
  return std::ranges::any_of(schema::event_info(event).fields,
                             [&](const schema::Field& field) { return field.name == name; });
}

// Fields of audit records that hold what somebody else chose: quoted, or hexadecimal. Source:
// auditd's field dictionary ("encoded").
constexpr std::array<std::string_view, 22> kEncoded = {
    "acct", "cmd",       "comm",     "cwd",   "data",    "dir",       "exe",   "file",
    "grp",  "host",      "key",      "name",  "new-net", "new_group", "ocomm", "old-net",
    "path", "proctitle", "root_dir", "saddr", "sw",      "watch"};

bool encoded(std::string_view key, std::string_view record_type) {
  if (std::ranges::binary_search(kEncoded, key)) return true;
  // Arguments of a program are text, those of a system call are numbers.
  return record_type == "EXECVE" && key.size() > 1 && key.front() == 'a' && key[1] >= '0' &&
         key[1] <= '9';
}

bool audit_key(std::string_view name) {
  // What auditd's enriched logs add in upper case is not in records, but for the system call.
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && std::ranges::all_of(name, ok);
}

// The record as the kernel wrote it, without its type.
std::string_view record_of(const schema::Event& event, std::size_t item) {
  const auto* items = std::get_if<std::vector<schema::AuditRecord>>(&event.payload);
  return items == nullptr ? std::string_view() : std::string_view((*items)[item].record);
}
std::string_view record_type_of(const schema::Event& event, std::size_t item) {
  const auto* items = std::get_if<std::vector<schema::AuditRecord>>(&event.payload);
  return items == nullptr ? std::string_view() : std::string_view((*items)[item].record_type);
}

std::string system_call(const audit::Fields& fields) {
  // Enriched records name it themselves.
  if (const auto name = fields.text("SYSCALL")) return *name;
  const auto arch = fields.raw("arch");
  const auto number = fields.number("syscall");
  if (!arch || !number || *number < 0) return {};
  std::uint32_t architecture = 0;
  for (const char c : arch->substr(0, 8)) {
    const auto digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    architecture = architecture * 16 + static_cast<std::uint32_t>(digit);
  }
  return std::string(audit::syscall_name(architecture, static_cast<std::uint64_t>(*number)));
}

}  // namespace

std::vector<Source> sources_of(const LogSource& source) {
  const bool vedette = base::equal_ignore_case(source.product, "vedette");
  if ((vedette || source.product.empty()) && source.category.empty()) {
    if (source.service == "hub_operations") return {Source::hub_operation()};
    if (source.service == "hub_audit") return {Source::hub_audit()};
  }
  // Every event of ours by its own name: product: vedette, category: Login.
  if (vedette) {
    if (const auto event = schema::event_name(source.category); event && source.service.empty())
      return {*event};
    return {};
  }
  if (!linux_or_any(source)) return {};
  if (!source.service.empty()) {
    const bool audit = source.service == "auditd" && source.category.empty();
    return audit ? std::vector<Source>{EventName::AuditRecord} : std::vector<Source>();
  }
  if (const Category* category = category_of(source)) return {category->source};
  const bool everything = source.category.empty() && !source.product.empty();
  return everything ? std::vector<Source>(kLinux.begin(), kLinux.end()) : std::vector<Source>();
}

std::string no_events_reason(const LogSource& source) {
  std::string message = "there are no events for logsource";
  if (!source.product.empty()) message += " product=" + source.product;
  if (!source.category.empty()) message += " category=" + source.category;
  if (!source.service.empty()) message += " service=" + source.service;
  if (base::equal_ignore_case(source.product, "vedette")) {
    std::vector<std::string_view> names;
    const bool service = !source.service.empty();
    if (service) names = {"hub_operations", "hub_audit"};
    for (std::size_t i = 0; !service && i < schema::kEventNames; ++i)
      names.push_back(schema::to_string(static_cast<EventName>(i)));
    if (const auto near = base::nearest(service ? source.service : source.category, names))
      message += " (did you mean '" + std::string(*near) + "'?)";
    return message;
  }
  if (linux_or_any(source) && !source.service.empty())
    message += ": agents send events, not the lines of that log";
  return message;
}

std::optional<std::string_view> device_field(std::string_view field) {
  constexpr std::array<std::string_view, 5> kDevice = {"DeviceId", "Computer", "ComputerName",
                                                       "Hostname", "host"};
  if (std::ranges::find(kDevice, field) != kDevice.end()) return kDevice.front();
  if (field == "ModuleId") return "ModuleId";
  return std::nullopt;
}

std::vector<std::string_view> operations_of(const LogSource& source) {
  std::vector<std::string_view> out;
  if (!linux_or_any(source)) return out;
  const Category* category = category_of(source);
  if (category == nullptr) return out;
  for (const std::string_view operation : category->operations) {
    if (!operation.empty()) out.push_back(operation);
  }
  return out;
}

std::optional<FieldReader> FieldReader::find(Source source, std::string_view field) {
  if (field == "TimestampUTC" || field == "UtcTime" || field == "TimestampLocal") {
    FieldReader out;
    out.kind_ = field == "TimestampLocal" ? Kind::LocalTime : Kind::Time;
    out.name_ = field == "TimestampLocal" ? "TimestampLocal" : "TimestampUTC";
    return out;
  }
  const auto event = source.event();
  return event ? find_in_event(*event, field) : find_in_record(source, field);
}

std::optional<FieldReader> FieldReader::find_in_record(Source source, std::string_view field) {
  FieldReader out;
  out.name_ = field;
  const auto names = source.fields();
  const auto declared = std::ranges::find(names, field);
  if (declared != names.end()) {
    out.kind_ = Kind::Declared;
    out.position_ = static_cast<std::size_t>(declared - names.begin());
    return out;
  }
  if (source == Source::command() || !field.starts_with(kProperties) ||
      field.size() == kProperties.size())
    return std::nullopt;
  out.kind_ = Kind::Property;
  out.key_ = field.substr(kProperties.size());
  return out;
}

std::optional<FieldReader> FieldReader::find_in_event(EventName event, std::string_view field) {
  FieldReader out;
  if (event == EventName::FileEvent && field == "TargetFilename") {
    out.kind_ = Kind::Target;
    out.name_ = "Path";
    out.field_ = *schema::find_field(event, "Path");
    out.second_ = *schema::find_field(event, "NewPath");
    return out;
  }
  std::string_view name = field;
  for (const auto& [theirs, ours] : names_of(event)) {
    if (theirs == field) name = ours;
  }
  const bool extra = name.starts_with("ExtraDetails.") && name.size() > 13;
  if (declares(event, name) || extra) {
    out.name_ = name;
    out.field_ = *schema::find_field(event, name);
    return out;
  }
  // Sigma has the name, this event has no such field: agents may send it all the same.
  if (name != field) {
    out.name_ = "ExtraDetails." + std::string(name);
    out.field_ = *schema::find_field(event, out.name_);
    return out;
  }
  if (event != EventName::AuditRecord) return std::nullopt;
  if (field == "SYSCALL") {
    out.kind_ = Kind::SystemCall;
    out.name_ = "Record.SYSCALL";
    return out;
  }
  if (field.starts_with("Record.")) field.remove_prefix(7);
  if (!audit_key(field)) return std::nullopt;
  out.kind_ = Kind::Audit;
  out.key_ = field;
  out.name_ = "Record." + out.key_;
  return out;
}

std::span<const std::string_view> FieldReader::read(const Subject& subject, FieldText& text) const {
  if (kind_ == Kind::Declared) return subject.values(position_);
  const auto value = read_one(subject, text.buffer);
  if (!value) return {};
  text.one = *value;
  return {&text.one, 1};
}

std::optional<std::string> FieldReader::read_all(const Subject& subject) const {
  FieldText text;
  const auto values = read(subject, text);
  if (values.empty()) return std::nullopt;
  std::string out(values.front());
  for (const std::string_view more : values.subspan(1)) {
    out += ", ";
    out += more;
  }
  return out;
}

std::optional<std::string_view> FieldReader::read_one(const Subject& subject,
                                                      std::string& buffer) const {
  switch (kind_) {
    case Kind::Schema:
      return schema::field_text(*subject.event(), subject.item(), field_, buffer);
    case Kind::Time:
      buffer = base::format_rfc3339(subject.time().utc);
      return buffer;
    case Kind::LocalTime:
      buffer = base::format_rfc3339(subject.time().utc, subject.time().offset);
      return buffer;
    case Kind::Target:
      if (const auto renamed =
              schema::field_text(*subject.event(), subject.item(), second_, buffer))
        return renamed;
      return schema::field_text(*subject.event(), subject.item(), field_, buffer);
    case Kind::Property:
      return subject.property(key_);
    case Kind::Declared:
    case Kind::Audit:
    case Kind::SystemCall:
      break;
  }
  return read_audit(*subject.event(), subject.item(), buffer);
}

std::optional<std::string_view> FieldReader::read_audit(const schema::Event& event,
                                                        std::size_t item,
                                                        std::string& buffer) const {
  const audit::Fields fields(record_of(event, item));
  if (kind_ == Kind::SystemCall) {
    buffer = system_call(fields);
    if (buffer.empty()) return std::nullopt;
    return buffer;
  }
  const auto raw = fields.raw(key_);
  if (!raw || *raw == "(null)" || *raw == "?") return std::nullopt;
  if (encoded(key_, record_type_of(event, item)) || raw->starts_with('"')) {
    buffer = audit::decode_text(*raw);
  } else {
    buffer = *raw;
  }
  return buffer;
}

std::string unknown_field(Source source, std::string_view field) {
  std::vector<std::string_view> known = source.fields();
  const auto event = source.event();
  if (event) {
    for (const auto& [theirs, ours] : names_of(*event))
      known.push_back(theirs);
    if (*event == EventName::FileEvent) known.push_back("TargetFilename");
  }
  std::string message = "expected a field of " + std::string(source.name());
  if (event) message += " or ExtraDetails.<name>";
  if (!event && source != Source::command()) message += " or Properties.<name>";
  message += ", found '" + std::string(field) + "'";
  if (const auto near = base::nearest(field, known))
    message += " (did you mean '" + std::string(*near) + "'?)";
  return message;
}

std::vector<std::string_view> keyword_fields(Source source) {
  if (source == Source::command())
    return {"ProgramPath", "CommandLine", "RawCommandLine", "Decoded", "User"};
  const auto event = source.event();
  if (!event) return source.fields();
  std::vector<std::string_view> out;
  for (const schema::Field& field : schema::event_info(*event).fields) {
    if (field.kind == schema::FieldKind::Text || field.kind == schema::FieldKind::Ip)
      out.push_back(field.name);
  }
  return out;
}

std::vector<std::string> default_entity(Source source) {
  if (source == Source::command()) return {"Program"};
  if (source.event()) {
    for (const std::string_view name : source.fields()) {
      if (name == "Executable") return {"Executable"};
    }
  }
  return {};
}

}  // namespace sigma
