// What agents say about their own settings and messages, and about the baseline.
#include <algorithm>

#include <fmt/format.h>

#include "detect/posture/device_checks.h"

namespace detect::posture {
namespace {

using base::json::Value;
using schema::BaselineResult;
using schema::BaselineSeverity;
using schema::OSBaseline;

std::string text_of(const schema::ExtraDetails& extra, std::string_view key) {
  const std::string* text = schema::find(extra, key);
  return text == nullptr ? std::string() : *text;
}

std::string key_of(const OSBaseline& check) {
  std::string key = text_of(check.extra_details, "CheckId");
  return key.empty() ? check.cce_id : key;
}

Severity severity_of(BaselineSeverity severity) {
  switch (severity) {
    case BaselineSeverity::Critical:
      return Severity::High;
    case BaselineSeverity::Important:
      return Severity::Medium;
    case BaselineSeverity::Warning:
      return Severity::Low;
    case BaselineSeverity::Informational:
      break;
  }
  return Severity::Informational;
}

Item item_of(const OSBaseline& check) {
  Item item;
  item.key = key_of(check);
  item.title = check.description;
  item.severity = severity_of(check.severity);
  if (std::string remedy = text_of(check.extra_details, "Remedy"); !remedy.empty())
    item.steps.push_back(std::move(remedy));
  Value::Object facts;
  facts.push_back({"CceId", Value(check.cce_id)});
  facts.push_back({"Severity", Value(std::string(schema::to_string(check.severity)))});
  if (!check.error.empty()) facts.push_back({"Error", Value(check.error)});
  for (const char* key : {"Group", "CisId"}) {
    if (std::string text = text_of(check.extra_details, key); !text.empty())
      facts.push_back({key, Value(std::move(text))});
  }
  item.facts = Value(std::move(facts));
  return item;
}

}  // namespace

Verdict judge_baseline(std::span<const OSBaseline> checks) {
  Verdict verdict{.kind = Kind::Baseline};
  int all = 0;
  int failed = 0;
  for (const OSBaseline& check : checks) {
    if (check.result == BaselineResult::Err) {
      verdict.undecided.push_back(key_of(check));
      continue;
    }
    const bool judged = schema::find(check.extra_details, "NotApplicable") == nullptr;
    const int weight_of_it = posture::weight(severity_of(check.severity));
    if (judged) all += weight_of_it;
    if (check.result != BaselineResult::Fail) continue;
    failed += weight_of_it;
    const Item item = item_of(check);
    // A check may be there twice, by the agent's list and by a list of the user's own.
    if (std::ranges::find(verdict.items, item.key, &Item::key) == verdict.items.end())
      verdict.items.push_back(item);
  }
  // Failed checks are among those that count, unless they are said not to apply.
  if (failed > 0)
    verdict.credit =
        all > failed ? static_cast<double>(all - failed) / static_cast<double>(all) : 0;
  return verdict;
}

Verdict judge_settings(Kind kind, std::span<const schema::ConfigurationError> errors) {
  const auto type = kind == Kind::TwinConflict ? schema::ConfigurationErrorType::Conflict
                                               : schema::ConfigurationErrorType::NotOptimal;
  Verdict verdict{.kind = kind};
  for (const schema::ConfigurationError& error : errors) {
    if (error.error_type != type) continue;
    Item item;
    item.key = error.configuration_name;
    item.title = error.message.empty()
                     ? error.configuration_name
                     : fmt::format("{}: {}", error.configuration_name, error.message);
    item.severity = Severity::Low;
    item.steps = {fmt::format("Change {} in the desired properties of the security module's twin.",
                              error.configuration_name)};
    Value::Object facts;
    facts.push_back({"ConfigurationName", Value(error.configuration_name)});
    if (!error.used_configuration.empty())
      facts.push_back({"UsedConfiguration", Value(error.used_configuration)});
    if (std::string version = text_of(error.extra_details, "DesiredVersion"); !version.empty())
      facts.push_back({"DesiredVersion", Value(std::move(version))});
    item.facts = Value(std::move(facts));
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

Verdict judge_messages(MessageCount count) {
  Verdict verdict{.kind = Kind::SmallMessages};
  if (count.messages < kLeastMessages || count.small * 100 < count.messages * kSmallPercent)
    return verdict;
  verdict.credit = 0;
  Item item;
  item.key = "messages";
  item.title = fmt::format("{} of {} security messages of a day were smaller than 4 KiB",
                           count.small, count.messages);
  item.severity = Severity::Low;
  item.steps = {
      "Let the agent wait longer for more to send: raise lowPriorityMessageFrequency, and "
      "highPriorityMessageFrequency where alerts may come that much later.",
      "Aggregate events that repeat: aggregationEnabledProcessCreate and the like."};
  Value::Object facts;
  facts.push_back({"MessagesSent", Value(static_cast<std::int64_t>(count.messages))});
  facts.push_back({"MessagesUnder4KB", Value(static_cast<std::int64_t>(count.small))});
  item.facts = Value(std::move(facts));
  verdict.items.push_back(std::move(item));
  return verdict;
}

}  // namespace detect::posture
