#include "detect/posture/hub_checks.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace detect::posture {
namespace {

using base::json::Value;

constexpr std::size_t kShownDevices = 5;

// Of all categories, those that an investigation asks for first.
constexpr std::array<std::string_view, 2> kNeededCategories = {"Connections", "DeviceTelemetry"};

// 1.2 -> 12; 0 when it is none.
int tls_number(std::string_view version) {
  std::string text = base::to_lower(base::trim(version));
  for (const std::string_view prefix : {"tlsv", "tls ", "tls_", "tls", "v"}) {
    if (text.starts_with(prefix)) {
      text.erase(0, prefix.size());
      break;
    }
  }
  if (text.starts_with("ssl")) return 9;
  std::ranges::replace(text, '_', '.');
  if (text == "1") return 10;
  const auto dot = text.find('.');
  const auto major = base::parse_int(std::string_view(text).substr(0, dot));
  const auto minor = dot == std::string::npos
                         ? std::nullopt
                         : base::parse_int(std::string_view(text).substr(dot + 1));
  if (!major || !minor || *major < 0 || *major > 9 || *minor < 0 || *minor > 9) return 0;
  return static_cast<int>(*major * 10 + *minor);
}

// The suite in capitals with '_' between its words.
std::string suite_words(std::string_view suite) {
  std::string text(base::trim(suite));
  for (char& c : text) {
    if (c == '-' || c == ' ') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return "_" + text + "_";
}

bool has_word(std::string_view words, std::string_view word) {
  return words.find("_" + std::string(word) + "_") != std::string_view::npos;
}

// What is wrong with the suite, in words; empty: nothing that is known.
std::vector<std::string> suite_problems(std::string_view suite) {
  std::vector<std::string> problems;
  const std::string words = suite_words(suite);
  if (words.size() <= 2) return problems;
  if (has_word(words, "NULL")) problems.emplace_back("it does not encrypt");
  if (has_word(words, "ANON") || has_word(words, "ADH") || has_word(words, "AECDH"))
    problems.emplace_back("it does not authenticate");
  if (words.find("_EXP") != std::string::npos) problems.emplace_back("its keys are export-grade");
  if (has_word(words, "RC4") || has_word(words, "ARCFOUR")) problems.emplace_back("RC4");
  if (has_word(words, "3DES") || has_word(words, "CBC3")) {
    problems.emplace_back("3DES");
  } else if (has_word(words, "DES") || has_word(words, "DES40")) {
    problems.emplace_back("DES");
  }
  if (has_word(words, "MD5")) problems.emplace_back("MD5");
  const bool authenticated = has_word(words, "GCM") || has_word(words, "CCM") ||
                             has_word(words, "CCM8") || has_word(words, "CHACHA20") ||
                             has_word(words, "POLY1305");
  // OpenSSL leaves CBC out of the name, and IANA does not.
  const bool stream = has_word(words, "RC4") || has_word(words, "NULL");
  if (words.ends_with("_SHA_") && !authenticated && !stream)
    problems.emplace_back("CBC with SHA-1");
  const auto with = words.find("_WITH_");
  bool ephemeral = has_word(words, "DHE") || has_word(words, "ECDHE") || has_word(words, "EDH") ||
                   has_word(words, "EECDH") || has_word(words, "ADH") || has_word(words, "AECDH") ||
                   has_word(words, "ANON");
  // TLS 1.3 names no key exchange, since it has only these.
  const bool tls13 = with == std::string::npos && words.starts_with("_TLS_");
  const bool shared = has_word(words, "PSK") || has_word(words, "SRP");
  if (!ephemeral && !tls13 && !shared)
    problems.emplace_back("its key exchange keeps nothing secret once the key is known");
  return problems;
}

Item credential_item(const SharedCredential& credential, std::string_view device_id) {
  Item item;
  item.key = credential.hash;
  std::vector<std::string> others;
  for (const std::string& device : credential.devices) {
    if (device != device_id && others.size() < kShownDevices) others.push_back(device);
  }
  const std::size_t more =
      credential.count > others.size() + 1 ? credential.count - others.size() - 1 : std::size_t{0};
  item.title = fmt::format(
      "Its {} is also that of {}{}", credential.kind.empty() ? "credential" : credential.kind,
      fmt::join(others, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
  item.severity = Severity::High;
  const std::string device = shell_word(device_id);
  if (credential.kind == "policy") {
    item.steps = {
        "Give the device a key of its own instead of the key of a shared access policy, which is "
        "that of all devices."};
    item.commands = {fmt::format("vedette device show {} --keys", device),
                     "vedette policy regenerate POLICY primary"};
  } else if (credential.kind == "certificate") {
    item.steps = {
        "Make a key and a certificate on the device itself, and register its "
        "thumbprint."};
    item.commands = {fmt::format("vedette device update {} --thumbprint SHA256", device)};
  } else {
    item.steps = {
        "Have the hub forget the device's keys and make new ones, and give it one of "
        "these. It cannot connect in between."};
    item.commands = {fmt::format("vedette device update {} --auth certificateAuthority", device),
                     fmt::format("vedette device update {} --auth sas", device),
                     fmt::format("vedette device show {} --keys", device)};
  }
  Value::Object facts;
  facts.push_back({"credential", Value(credential.hash)});
  facts.push_back({"kind", Value(credential.kind)});
  facts.push_back({"devices", Value(static_cast<std::int64_t>(credential.count))});
  item.facts = Value(std::move(facts));
  return item;
}

}  // namespace

Verdict judge_diagnostics(std::span<const DiagnosticSink> sinks) {
  Verdict verdict{.kind = Kind::Diagnostics};
  for (const std::string_view category : kNeededCategories) {
    int days = -1;  // none
    for (const DiagnosticSink& sink : sinks) {
      if (!base::equal_ignore_case(sink.category, category) &&
          !base::equal_ignore_case(sink.category, "allLogs"))
        continue;
      // Without end is the longest.
      days = sink.days == 0 || days == 0 ? 0 : std::max(days, sink.days);
    }
    if (days == 0 || days >= kLeastDays) continue;
    Item item;
    item.key = category;
    item.title = days < 0 ? fmt::format("{} are recorded nowhere", category)
                          : fmt::format("{} are kept for {} days", category, days);
    item.severity = Severity::Low;
    item.steps = {
        fmt::format("Set IoTHubOperations in [retention] of hub.toml to {} days or more, "
                    "or forward operations to where they are kept; then restart the hub.",
                    kLeastDays)};
    item.commands = {"vedette retention show", "vedette forwards"};
    Value::Object facts;
    facts.push_back({"category", Value(std::string(category))});
    if (days >= 0) facts.push_back({"days", Value(static_cast<std::int64_t>(days))});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_tls(std::string_view version, std::string_view suite) {
  Verdict verdict{.kind = Kind::TlsCipher};
  const int number = tls_number(version);
  const auto add = [&](std::string key, std::string title) {
    Item item;
    item.key = std::move(key);
    item.title = std::move(title);
    item.severity = Severity::Medium;
    item.steps = {"Update the TLS library of the device's client, or its settings."};
    Value::Object facts;
    facts.push_back({"version", Value(std::string(version))});
    facts.push_back({"cipher", Value(std::string(suite))});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  };
  if (number != 0 && number < 12) add(std::string(version), fmt::format("It speaks {}", version));
  const std::vector<std::string> problems = suite_problems(suite);
  if (!problems.empty())
    add(std::string(suite), fmt::format("It uses {}: {}", suite, fmt::join(problems, ", ")));
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_credentials(std::string_view device_id, std::span<const SharedCredential> shared) {
  Verdict verdict{.kind = Kind::SharedCredentials};
  for (const SharedCredential& credential : shared) {
    if (credential.count < 2) continue;
    verdict.items.push_back(credential_item(credential, device_id));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

std::optional<std::string> majority(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t all = 0;
  const std::pair<const std::string, std::uint64_t>* most = nullptr;
  for (const auto& entry : counts) {
    all += entry.second;
    if (most == nullptr || entry.second > most->second) most = &entry;
  }
  if (all < kLeastGroup || most->second * 100 < all * kMajorityPercent) return std::nullopt;
  return most->first;
}

Verdict judge_settings_of_group(std::string_view device_id,
                                std::span<const ModuleSettings> deviating) {
  Verdict verdict{.kind = Kind::GroupSettings};
  for (const ModuleSettings& module : deviating) {
    Item item;
    item.key = module.module_id;
    item.title = fmt::format("The settings of module {} are not those of group {}",
                             module.module_id, module.group);
    item.severity = Severity::Medium;
    item.steps = {"Compare its desired properties with those of another device of the group."};
    item.commands = {fmt::format("vedette module twin show {} {}", shell_word(device_id),
                                 shell_word(module.module_id))};
    Value::Object facts;
    facts.push_back({"moduleId", Value(module.module_id)});
    facts.push_back({"group", Value(module.group)});
    facts.push_back({"digest", Value(module.digest)});
    facts.push_back({"usualDigest", Value(module.usual)});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

}  // namespace detect::posture
