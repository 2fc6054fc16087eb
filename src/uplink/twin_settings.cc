#include "uplink/twin_settings.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "wire/merge_patch.h"

namespace uplink {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

constexpr std::size_t kMaxName = 120;

Result<Value> parse_object(std::string_view text, std::size_t limit) {
  if (text.size() > limit) return fail(Code::TooLarge, "twin");
  Value value = TRY(base::json::parse(text));
  if (value.if_object() == nullptr) return fail(Code::Malformed, "twin", 0, "not a JSON object");
  return value;
}

}  // namespace

TwinSettings::TwinSettings(std::string object, std::vector<TwinKey> keys)
    : object_(std::move(object)), keys_(std::move(keys)), desired_(Value::Object{}) {
  for (const TwinKey& key : keys_)
    defaults_.push_back(key.get());
}

Result<void> TwinSettings::take(const Desired& desired) {
  const Value document = TRY(parse_object(desired.json, kMaxDocument));
  const Value* const ours = document.find(object_);
  if (desired.kind == Desired::Kind::Whole) {
    desired_ = ours == nullptr || ours->is_null() ? Value(Value::Object{}) : *ours;
  } else if (ours != nullptr) {
    Value merged = wire::merge(desired_, *ours);
    desired_ = merged.is_null() ? Value(Value::Object{}) : std::move(merged);
  }
  version_ = desired.version;
  judge();
  return {};
}

void TwinSettings::judge() {
  problems_.clear();
  const Value::Object* const wanted = desired_.if_object();
  // Of something that is no object nothing can be read: all stays as it is.
  if (wanted == nullptr) {
    problems_[object_] = "expected an object";
    return;
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const TwinKey& key = keys_[i];
    const Value* const setting = desired_.find(key.name);
    const bool absent = setting == nullptr || setting->is_null() || wire::is_empty_object(*setting);
    const Value* const value = absent ? nullptr : setting->find("value");
    if (absent || (value != nullptr && value->is_null())) {
      accepted_.erase(key.name);
      [[maybe_unused]] const auto set = key.set(defaults_[i]);  // which was in effect before
      continue;
    }
    if (value == nullptr) {
      problems_[key.name] = "expected {\"value\": ...}";
      continue;
    }
    if (const auto set = key.set(*value); set) {
      accepted_.insert_or_assign(key.name, *value);
    } else {
      problems_[key.name] = "expected " + set.error().detail;
    }
  }
  for (const base::json::Member& member : *wanted) {
    if (member.value.is_null() || problems_.size() >= kMaxProblems) continue;
    if (std::ranges::find(keys_, member.name, &TwinKey::name) == keys_.end())
      problems_[base::to_utf8(member.name.substr(0, kMaxName))] = "no such setting";
  }
}

std::string TwinSettings::reported(std::string_view program_version) const {
  std::string text;
  base::json::Writer out(text);
  out.begin_object();
  out.key(object_);
  out.begin_object();
  for (const TwinKey& key : keys_) {
    const auto problem = problems_.find(key.name);
    const bool given = accepted_.contains(key.name);
    out.key(key.name);
    out.begin_object();
    out.key("value");
    key.get().write(out);
    out.field("status", problem != problems_.end() && given ? "lastGood"
                        : given                             ? "desired"
                                                            : "default");
    if (problem != problems_.end()) out.field("message", problem->second);
    out.end_object();
  }
  for (const auto& [name, message] : problems_) {
    if (std::ranges::find(keys_, name, &TwinKey::name) != keys_.end()) continue;
    out.key(name == object_ ? "error" : name);
    out.begin_object();
    out.field("status", "unusable");
    out.field("message", message);
    out.end_object();
  }
  out.end_object();
  out.key("vedette");
  out.begin_object();
  out.field("agentVersion", program_version);
  out.field("desiredVersion", version_);
  out.end_object();
  out.end_object();
  return text;
}

std::string TwinSettings::saved() const {
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

Result<void> TwinSettings::restore(std::string_view saved) {
  const Value document = TRY(parse_object(saved, 2 * kMaxDocument));
  const Value* const desired = document.find("desired");
  const Value* const accepted = document.find("accepted");
  if (desired == nullptr || accepted == nullptr || accepted->if_object() == nullptr)
    return fail(Code::Malformed, "saved settings", -1, "desired or accepted is missing");
  const Value* const version = document.find("version");
  version_ = version != nullptr && version->if_int() != nullptr ? *version->if_int() : 0;
  desired_ = *desired;
  // What was good once is in effect, unless the desired properties say something better.
  for (const TwinKey& key : keys_) {
    const Value* const good = accepted->find(key.name);
    if (good != nullptr && key.set(*good)) accepted_.insert_or_assign(key.name, *good);
  }
  judge();
  return {};
}

TwinKey duration_key(std::string name, std::chrono::nanoseconds min, std::chrono::nanoseconds max,
                     std::chrono::nanoseconds& place) {
  TwinKey key;
  key.name = std::move(name);
  key.set = [min, max, &place](const Value& value) -> Result<void> {
    const std::string* const text = value.if_string();
    const auto read = text == nullptr
                          ? base::Result<std::chrono::nanoseconds>(fail(Code::Invalid, "value"))
                          : base::parse_duration(*text);
    if (!read || *read < min || *read > max) {
      return fail(Code::Invalid, "value", -1,
                  "an ISO 8601 duration, " + base::format_duration(min) + " to " +
                      base::format_duration(max));
    }
    place = *read;
    return {};
  };
  key.get = [&place] { return Value(base::format_duration(place)); };
  return key;
}

TwinKey number_key(std::string name, std::uint64_t min, std::uint64_t max, std::uint64_t& place) {
  TwinKey key;
  key.name = std::move(name);
  key.set = [min, max, &place](const Value& value) -> Result<void> {
    const std::int64_t* const number = value.if_int();
    if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) < min ||
        static_cast<std::uint64_t>(*number) > max)
      return fail(Code::Invalid, "value", -1,
                  "a whole number, " + std::to_string(min) + " to " + std::to_string(max));
    place = static_cast<std::uint64_t>(*number);
    return {};
  };
  key.get = [&place] { return Value(static_cast<std::int64_t>(place)); };
  return key;
}

}  // namespace uplink
