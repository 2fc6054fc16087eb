#include "agent/local/local_configuration.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace agent::local {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxIgnored = 32;
constexpr auto kMaxTimeout = 1h;
// Minimum severities of the original's log, from its number 0 on; it has a "fatal" above errors.
constexpr std::array kSeverities = {base::LogLevel::Debug, base::LogLevel::Info,
                                    base::LogLevel::Warning, base::LogLevel::Error,
                                    base::LogLevel::Error};

struct Choice {
  std::string_view name;
  int value;
};
constexpr int kDps = 2;
constexpr std::array<Choice, 3> kIdentities = {
    {{"SecurityModule", static_cast<int>(LocalConfiguration::Identity::SecurityModule)},
     {"Device", static_cast<int>(LocalConfiguration::Identity::Device)},
     {"DPS", kDps}}};
constexpr std::array<Choice, 2> kMethods = {
    {{"SasToken", static_cast<int>(LocalConfiguration::Method::SasToken)},
     {"SelfSignedCertificate",
      static_cast<int>(LocalConfiguration::Method::SelfSignedCertificate)}}};

// Reads one object, and remembers what is wrong with it under its path.
class Section {
 public:
  Section(const Value& object, std::string path, std::vector<std::string>& problems)
      : object_(object), path_(std::move(path)), problems_(problems) {}

  const Value* find(std::string_view key) {
    known_.push_back(key);
    const Value* const value = object_.find(key);
    return value != nullptr && value->is_null() ? nullptr : value;
  }

  std::string text(std::string_view key) {
    const Value* const value = find(key);
    if (value == nullptr) {
      problem(key, "missing");
      return {};
    }
    const std::string* const text = value->if_string();
    if (text == nullptr) {
      problem(key, "expected a text, found " + value->to_json().substr(0, 40));
    } else if (text->empty()) {
      problem(key, "empty");
    } else if (text->size() > kMaxText || text->find('\0') != std::string::npos) {
      problem(key, "too long, or with a NUL");
    } else {
      return *text;
    }
    return {};
  }

  std::optional<int> choice(std::string_view key, std::span<const Choice> choices) {
    const std::string word = text(key);
    if (word.empty()) return std::nullopt;
    std::string names;
    for (const Choice& choice : choices) {
      if (base::equal_ignore_case(word, choice.name)) return choice.value;
      if (!names.empty()) names += ", ";
      names += choice.name;
    }
    problem(key, fmt::format("expected one of {}, found {}", names, base::json::quoted(word)));
    return std::nullopt;
  }

  std::optional<std::chrono::nanoseconds> duration(std::string_view key) {
    if (find(key) == nullptr) return std::nullopt;
    const std::string word = text(key);
    if (word.empty()) return std::nullopt;
    const auto duration = base::parse_duration(word);
    if (duration && *duration > 0ns && *duration <= kMaxTimeout) return *duration;
    problem(key, "expected an ISO 8601 duration up to PT1H, such as PT30S, found " +
                     base::json::quoted(word));
    return std::nullopt;
  }

  std::optional<std::int64_t> number(std::string_view key, std::int64_t most) {
    const Value* const value = find(key);
    if (value == nullptr) return std::nullopt;
    const std::int64_t* const number = value->if_int();
    if (number != nullptr && *number >= 0 && *number <= most) return *number;
    problem(key, fmt::format("expected a number from 0 to {}, found {}", most,
                             value->to_json().substr(0, 40)));
    return std::nullopt;
  }

  void problem(std::string_view key, std::string_view what) {
    problems_.push_back(fmt::format("{}.{}: {}", path_, key, what));
  }

  // Call last: what nobody asked for.
  void collect_unknown(std::vector<std::string>& names) const {
    for (const base::json::Member& member : *object_.if_object()) {
      if (names.size() < kMaxIgnored && std::ranges::find(known_, member.name) == known_.end())
        names.push_back(base::to_utf8(fmt::format("{}.{}", path_, member.name.substr(0, 64))));
    }
  }

  // A key that the original needs and that has no use here.
  void ignore(std::string_view key, std::vector<std::string>& names) {
    if (find(key) != nullptr) names.push_back(fmt::format("{}.{}", path_, key));
  }

 private:
  const Value& object_;
  std::string path_;
  std::vector<std::string>& problems_;
  std::vector<std::string_view> known_;
};

// Is the host's name one that could be put into a topic, a token and an address?
bool is_host_name(std::string_view name) {
  return name.size() <= 253 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == ':';
         });
}

void read_authentication(Section& section, LocalConfiguration& read, bool& provisioning) {
  const auto identity = section.choice("Identity", kIdentities);
  const auto method = section.choice("AuthenticationMethod", kMethods);
  read.file_path = section.text("FilePath");
  if (!read.file_path.empty() && read.file_path.front() != '/')
    section.problem("FilePath",
                    "expected a full path, found " + base::json::quoted(read.file_path));
  section.find("DPS");
  if (identity == kDps) {
    provisioning = true;
    section.problem("Identity",
                    "DPS is not supported; take HostName and DeviceId as they were assigned, and "
                    "Identity \"Device\"");
    section.find("HostName");
    section.find("DeviceId");
    return;
  }
  read.host_name = section.text("HostName");
  read.device_id = section.text("DeviceId");
  if (!is_host_name(read.host_name))
    section.problem("HostName", "not a host's name: " + base::json::quoted(read.host_name));
  if (identity) read.identity = static_cast<LocalConfiguration::Identity>(*identity);
  if (method) read.method = static_cast<LocalConfiguration::Method>(*method);
}

std::unexpected<base::Error> problems_as_error(const std::vector<std::string>& problems,
                                               bool provisioning) {
  std::string detail;
  for (const std::string& problem : problems)
    detail += (detail.empty() ? "" : "\n") + problem;
  if (provisioning)
    return fail(Code::Unsupported, "LocalConfiguration.json", -1, std::move(detail));
  return fail(Code::Invalid, "LocalConfiguration.json", -1, std::move(detail));
}

}  // namespace

Result<LocalConfiguration> read_local_configuration(std::string_view text) {
  if (text.size() > kMaxLocalConfiguration)
    return fail(Code::TooLarge, "LocalConfiguration.json", -1, "above 64 KiB");
  // Editors of Windows put this mark in front.
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const Value whole = TRY(base::json::parse(text));
  std::vector<std::string> problems;
  const Value* const inner = whole.find("Configuration");
  const Value& top = inner != nullptr ? *inner : whole;
  if (top.if_object() == nullptr)
    return fail(Code::Invalid, "LocalConfiguration.json", -1, "Configuration: expected an object");
  LocalConfiguration read;
  bool provisioning = false;
  Section section(top, "Configuration", problems);

  const Value* const authentication = section.find("Authentication");
  if (authentication == nullptr || authentication->if_object() == nullptr) {
    section.problem("Authentication", "missing, or no object");
  } else {
    Section inside(*authentication, "Configuration.Authentication", problems);
    read_authentication(inside, read, provisioning);
    inside.collect_unknown(read.ignored);
  }
  read.connection_timeout = section.duration("ConnectionTimeout");
  if (section.find("RemoteConfigurationObjectName") != nullptr)
    read.twin_object = section.text("RemoteConfigurationObjectName");
  if (const Value* const logging = section.find("Logging");
      logging != nullptr && logging->if_object() != nullptr) {
    Section inside(*logging, "Configuration.Logging", problems);
    const auto severity = inside.number("SystemLoggerMinimumSeverity", std::ssize(kSeverities) - 1);
    if (severity) read.log_level = kSeverities.at(static_cast<std::size_t>(*severity));
    // With this spelling.
    inside.ignore("DiagnoticEventMinimumSeverity", read.ignored);
    inside.collect_unknown(read.ignored);
  }
  section.ignore("AgentId", read.ignored);
  section.ignore("TriggerdEventsInterval", read.ignored);
  section.collect_unknown(read.ignored);
  if (!problems.empty()) return problems_as_error(problems, provisioning);
  return read;
}

}  // namespace agent::local
