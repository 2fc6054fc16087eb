#include "agent/settings/twin.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/settings/keys.h"
#include "base/text.h"
#include "base/time.h"
#include "wire/merge_patch.h"

namespace agent::settings {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using schema::ConfigurationErrorType;

namespace {

constexpr std::size_t kMaxUnknown = 32;
constexpr std::size_t kMaxQuoted = 120;
constexpr std::uint64_t kBlock = 4096;  // what a hub's meter counts

Result<Value> parse_object(std::string_view text) {
  if (text.size() > kMaxDocument) return fail(Code::TooLarge, "twin");
  Value value = TRY(base::json::parse(text));
  if (value.if_object() == nullptr) return fail(Code::Malformed, "twin", 0, "not a JSON object");
  return value;
}

std::string shown(const Value& value) {
  std::string text = value.to_json();
  if (text.size() > kMaxQuoted) {
    text.resize(kMaxQuoted);
    text = base::to_utf8(text) + "...";
  }
  return text;
}

// Text without its quotes, everything else as JSON.
std::string plain(const Value& value) {
  const std::string* text = value.if_string();
  return text != nullptr ? *text : value.to_json();
}

}  // namespace

Twin::Twin(Settings defaults, std::string object)
    : defaults_(std::move(defaults)),
      object_(std::move(object)),
      desired_(Value::Object{}),
      settings_(defaults_) {
  judge();
}

Result<void> Twin::take(Change change, std::int64_t version, std::string_view desired) {
  const Value document = TRY(parse_object(desired));
  const Value* ours = document.find(object_);
  if (change == Change::Whole) {
    desired_ = ours == nullptr || ours->is_null() ? Value(Value::Object{}) : *ours;
  } else if (ours != nullptr) {
    Value merged = wire::merge(desired_, *ours);
    desired_ = merged.is_null() ? Value(Value::Object{}) : std::move(merged);
  }
  version_ = version;
  judge();
  return {};
}

void Twin::complain(std::string_view key, ConfigurationErrorType type, std::string message) {
  const Key* known = find_key(key);
  problems_.push_back({std::string(key), type,
                       known != nullptr ? plain(known->get(settings_)) : "none",
                       std::move(message)});
}

void Twin::judge() {
  problems_.clear();
  Settings next = defaults_;
  std::vector<std::pair<std::string, std::string>> refused;
  const Value::Object* wanted = desired_.if_object();
  for (const Key& key : keys()) {
    // Of something that is no object nothing can be read: all that was good stays. A null that was
    // merged into a setting leaves an empty object.
    const Value* setting = desired_.find(key.name);
    if (wanted != nullptr &&
        (setting == nullptr || setting->is_null() || wire::is_empty_object(*setting))) {
      accepted_.erase(key.name);
      continue;
    }
    const Value* value = setting == nullptr ? nullptr : setting->find("value");
    if (value != nullptr && value->is_null()) {
      accepted_.erase(key.name);
      continue;
    }
    if (value != nullptr) {
      const auto set = key.set(*value, next);
      if (set) {
        accepted_.insert_or_assign(key.name, *value);
        continue;
      }
      refused.emplace_back(key.name, set.error().detail + ", found " + shown(*value));
    } else if (setting != nullptr) {
      refused.emplace_back(key.name, "expected {\"value\": ...}, found " + shown(*setting));
    }
    const auto good = accepted_.find(key.name);
    // A version with narrower limits may have taken over; then the default serves.
    if (good != accepted_.end() && !key.set(good->second, next)) accepted_.erase(good);
  }
  settings_ = std::move(next);
  for (auto& [key, message] : refused)
    complain(key, ConfigurationErrorType::TypeMismatch, std::move(message));
  resolve_conflicts();
  if (wanted != nullptr) {
    find_unknown(*wanted);
  } else {
    complain(object_, ConfigurationErrorType::TypeMismatch,
             "expected an object, found " + shown(desired_));
  }
}

void Twin::resolve_conflicts() {
  Settings& s = settings_;
  const bool low_set = accepted_.contains("lowPriorityMessageFrequency");
  if (!low_set) s.low_frequency = std::max(s.low_frequency, s.high_frequency);
  if (low_set && accepted_.contains("highPriorityMessageFrequency") &&
      s.high_frequency >= s.low_frequency && s.low_frequency.count() > 0) {
    std::string message = fmt::format("{} is not shorter than lowPriorityMessageFrequency, {}",
                                      base::format_duration(s.high_frequency),
                                      base::format_duration(s.low_frequency));
    s.high_frequency = s.low_frequency;
    complain("highPriorityMessageFrequency", ConfigurationErrorType::Conflict, std::move(message));
  }
  if (s.max_cache_bytes < s.max_message_bytes) {
    std::string message = fmt::format(
        "{} bytes is more than maxLocalCacheSizeInBytes, {}: no message can become "
        "that large",
        s.max_message_bytes, s.max_cache_bytes);
    s.max_message_bytes = s.max_cache_bytes;
    complain("maxMessageSizeInBytes", ConfigurationErrorType::Conflict, std::move(message));
  } else if (s.max_message_bytes % kBlock != 0) {
    complain("maxMessageSizeInBytes", ConfigurationErrorType::NotOptimal,
             fmt::format("{} is not a multiple of 4096, in which messages are metered",
                         s.max_message_bytes));
  }
  if (s.baseline_custom_checks &&
      (s.baseline_custom_file.empty() || s.baseline_custom_hash.empty())) {
    s.baseline_custom_checks = false;
    complain("baselineCustomChecksEnabled", ConfigurationErrorType::Conflict,
             "needs baselineCustomChecksFilePath and baselineCustomChecksFileHash");
  }
}

void Twin::find_unknown(const Value::Object& wanted) {
  std::size_t found = 0;
  for (const base::json::Member& member : wanted) {
    if (member.value.is_null() || find_key(member.name) != nullptr) continue;
    if (++found > kMaxUnknown) return;
    std::vector<std::string_view> names;
    for (const Key& key : keys())
      names.emplace_back(key.name);
    const auto close = base::nearest(member.name, names);
    std::string name = base::to_utf8(member.name.substr(0, kMaxQuoted));
    complain(name, ConfigurationErrorType::TypeMismatch,
             close ? fmt::format("no such setting; did you mean {}?", *close)
                   : std::string("no such setting"));
  }
}

std::string Twin::saved() const {
  std::string text;
  base::json::Writer out(text);
  out.begin_object();
  out.field("version", version_);
  out.key("desired");
  desired_.write(out);
  out.key("accepted");
  out.begin_object();
  for (const auto& [name, value] : accepted_) {
    out.key(name);
    value.write(out);
  }
  out.end_object();
  out.end_object();
  return text;
}

Result<void> Twin::restore(std::string_view saved) {
  const Value document = TRY(parse_object(saved));
  const Value* desired = document.find("desired");
  const Value* accepted = document.find("accepted");
  if (desired == nullptr || accepted == nullptr || accepted->if_object() == nullptr)
    return fail(Code::Malformed, "saved settings", -1, "desired or accepted is missing");
  const Value* version = document.find("version");
  version_ = version != nullptr && version->if_int() != nullptr ? *version->if_int() : 0;
  desired_ = *desired;
  accepted_.clear();
  for (const base::json::Member& member : *accepted->if_object())
    accepted_.insert_or_assign(member.name, member.value);
  judge();
  return {};
}

Value Twin::reported() const {
  Value::Object all;
  for (const Key& key : keys()) {
    const Value value = key.get(settings_);
    const auto problem = std::find_if(problems_.begin(), problems_.end(),
                                      [&](const Problem& each) { return each.key == key.name; });
    const bool refused =
        problem != problems_.end() && problem->type == ConfigurationErrorType::TypeMismatch;
    std::string status = "default";
    if (accepted_.contains(key.name)) status = refused ? "lastGood" : "desired";
    if (problem != problems_.end() && problem->type == ConfigurationErrorType::Conflict)
      status = "adjusted";
    Value::Object one;
    one.push_back({"value", value});
    one.push_back({"status", Value(status)});
    if (problem != problems_.end()) {
      one.push_back({"error", Value(std::string(schema::to_string(problem->type)))});
      one.push_back({"message", Value(problem->message)});
    }
    all.push_back({key.name, Value(std::move(one))});
  }
  for (const Problem& problem : problems_) {
    if (find_key(problem.key) != nullptr) continue;
    Value::Object one;
    one.push_back({"status", Value(std::string("unusable"))});
    one.push_back({"message", Value(problem.message)});
    all.push_back({problem.key == object_ ? "error" : problem.key, Value(std::move(one))});
  }
  return Value(std::move(all));
}

}  // namespace agent::settings
