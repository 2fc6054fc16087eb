#include <array>
#include <span>
#include <utility>

#include "base/text.h"
#include "sigma/rule_set.h"

namespace sigma {
namespace {

using schema::EventName;
using Pair = std::pair<std::string_view, std::string_view>;

// Sigma's names; those that the agent has no field for come from ExtraDetails when it fills them.
constexpr std::array<Pair, 14> kProcess = {{{"Image", "Executable"},
                                            {"CommandLine", "CommandLine"},
                                            {"User", "UserName"},
                                            {"ProcessId", "ProcessId"},
                                            {"ParentProcessId", "ParentProcessId"},
                                            {"ParentImage", "ExtraDetails.ParentExecutable"},
                                            {"ParentCommandLine", "ExtraDetails.ParentCommandLine"},
                                            {"ParentUser", "ExtraDetails.ParentUserName"},
                                            {"CurrentDirectory", "ExtraDetails.Cwd"},
                                            {"LogonId", "ExtraDetails.AuditUid"},
                                            {"Hashes", "ExtraDetails.Hash"},
                                            {"md5", "ExtraDetails.Md5"},
                                            {"sha1", "ExtraDetails.Sha1"},
                                            {"sha256", "ExtraDetails.Sha256"}}};
constexpr std::array<Pair, 11> kConnection = {
    {{"Image", "Executable"},
     {"CommandLine", "CommandLine"},
     {"User", "UserName"},
     {"ProcessId", "ProcessId"},
     {"DestinationIp", "RemoteAddress"},
     {"DestinationPort", "RemotePort"},
     {"SourceIp", "LocalAddress"},
     {"SourcePort", "LocalPort"},
     {"Protocol", "Protocol"},
     {"Initiated", "Direction"},
     {"DestinationHostname", "ExtraDetails.RemoteHostName"}}};

std::optional<std::string_view> find(std::span<const Pair> pairs, std::string_view name) {
  for (const auto& [theirs, ours] : pairs) {
    if (theirs == name) return ours;
  }
  return std::nullopt;
}

bool has_field(EventName event, std::string_view name) {
  for (const schema::Field& field : schema::event_info(event).fields) {
    if (field.name == name) return true;
  }
  return false;
}

}  // namespace

std::optional<EventName> event_of(const LogSource& source) {
  // Every event of ours by its own name: product: vedette, category: Login.
  if (base::equal_ignore_case(source.product, "vedette"))
    return schema::event_name(source.category);
  if (!source.product.empty() && !base::equal_ignore_case(source.product, "linux"))
    return std::nullopt;
  if (!source.service.empty()) return std::nullopt;
  if (source.category == "process_creation") return EventName::ProcessCreate;
  if (source.category == "process_termination") return EventName::ProcessTerminate;
  if (source.category == "network_connection") return EventName::ConnectionCreate;
  return std::nullopt;
}

std::optional<std::string> field_of(EventName event, std::string_view field) {
  std::optional<std::string_view> mapped;
  if (event == EventName::ProcessCreate || event == EventName::ProcessTerminate)
    mapped = find(kProcess, field);
  if (event == EventName::ConnectionCreate) mapped = find(kConnection, field);
  if (mapped) {
    if (mapped->starts_with("ExtraDetails.") || has_field(event, *mapped))
      return std::string(*mapped);
    return "ExtraDetails." + std::string(*mapped);
  }
  if (has_field(event, field) || (field.starts_with("ExtraDetails.") && field.size() > 13))
    return std::string(field);
  return std::nullopt;
}

}  // namespace sigma
