#include "hub/queries/twin_document.h"

#include <algorithm>

#include "base/log.h"
#include "base/time.h"
#include "hub/twins/twin_table.h"

namespace hub::queries {

using base::json::Member;
using base::json::Value;
using base::json::Writer;
using iotql::Step;

namespace {

// The columns of kColumns.
constexpr int kDevice = 0;
constexpr int kModule = 1;
constexpr int kStatus = 2;
constexpr int kStatusReason = 3;
constexpr int kStatusUpdated = 4;
constexpr int kDeviceEtag = 5;
constexpr int kPrimaryThumbprint = 6;
constexpr int kSecondaryThumbprint = 7;
constexpr int kIotEdge = 8;
constexpr int kGeneration = 9;
constexpr int kEtag = 10;
constexpr int kVersion = 11;
constexpr int kTags = 12;
// Each followed by its metadata and version.
constexpr int kDesired = 13;
constexpr int kReported = 16;
constexpr int kAuthentication = 19;

// Where a time is not known, the service says the first one that there is.
std::string time_text(const std::optional<base::WallTime>& time) {
  return time ? base::format_rfc3339(*time, 7) : "0001-01-01T00:00:00Z";
}

std::optional<base::WallTime> from_ticks(std::int64_t ticks) {
  if (ticks == 0) return std::nullopt;
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

int column_of(twins::Part part) {
  switch (part) {
    case twins::Part::Tags:
      return kTags;
    case twins::Part::Desired:
      return kDesired;
    case twins::Part::Reported:
      break;
  }
  return kReported;
}

Value thumbprint(std::string_view text) {
  return text.empty() ? Value() : Value(std::string(text));
}

}  // namespace

TwinDocument::TwinDocument(const store::Statement& row, const Outside& outside)
    : row_(row),
      outside_(outside),
      name_{row.string(kDevice), row.string(kModule)},
      generation_id_(row.string(kGeneration)) {}

const Value* TwinDocument::keep(Value value) const {
  return &kept_.emplace_back(std::move(value));
}

// A twin that was never changed has no row.
std::string_view TwinDocument::json(int column) const {
  return row_.is_null(column) ? "{}" : row_.text(column);
}

std::int64_t TwinDocument::version(int column) const {
  return row_.is_null(column) ? 1 : row_.integer(column);
}

const Value& TwinDocument::parsed(int column) const {
  for (const auto& [known, value] : parsed_) {
    if (known == column) return value;
  }
  auto value = base::json::parse(json(column));
  if (!value) {
    LOG_ERROR("queries.twin").field("device", name_.to_string()).field("column", column);
    value = Value(Value::Object{});
  }
  return parsed_.emplace_back(column, std::move(*value)).second;
}

const Value& TwinDocument::section(twins::Part part) const {
  return parsed(column_of(part));
}

const identity::Activity& TwinDocument::activity() const {
  if (!activity_) activity_ = outside_.activity ? outside_.activity(name_) : identity::Activity{};
  return *activity_;
}

std::string_view TwinDocument::authentication_type() const {
  return identity::to_string(static_cast<identity::Authentication>(row_.integer(kAuthentication)));
}

const Value* TwinDocument::of_identity(std::string_view name) const {
  if (name == "deviceId") return keep(Value(name_.device_id));
  if (name == "moduleId") return name_.is_module() ? keep(Value(name_.module_id)) : nullptr;
  if (name == "status") {
    const auto status = static_cast<identity::Status>(row_.integer(kStatus));
    return keep(Value(std::string(identity::to_string(status))));
  }
  if (name == "statusReason") return keep(Value(row_.string(kStatusReason)));
  if (name == "statusUpdateTime")
    return keep(Value(time_text(from_ticks(row_.integer(kStatusUpdated)))));
  if (name == "deviceEtag") return keep(Value(row_.string(kDeviceEtag)));
  if (name == "generationId") return keep(Value(generation_id_));
  if (name == "authenticationType") return keep(Value(std::string(authentication_type())));
  if (name == "connectionState")
    return keep(Value(std::string(activity().connected ? "Connected" : "Disconnected")));
  if (name == "lastActivityTime") return keep(Value(time_text(activity().last_activity)));
  if (name == "x509Thumbprint") {
    return keep(
        Value(Value::Object{{"primaryThumbprint", thumbprint(row_.text(kPrimaryThumbprint))},
                            {"secondaryThumbprint", thumbprint(row_.text(kSecondaryThumbprint))}}));
  }
  if (name == "capabilities" && !name_.is_module())
    return keep(Value(Value::Object{{"iotEdge", Value(row_.integer(kIotEdge) != 0)}}));
  return nullptr;
}

const Value* TwinDocument::of_twin(std::string_view name) const {
  if (name == "tags") return &parsed(kTags);
  if (name == "etag")
    return keep(Value(row_.is_null(kEtag) ? twins::first_etag() : row_.string(kEtag)));
  if (name == "version") return keep(Value(version(kVersion)));
  if (name == "configurations") {
    return keep(outside_.configurations ? outside_.configurations(name_) : Value(Value::Object{}));
  }
  return nullptr;
}

iotql::Document::Found TwinDocument::find(std::span<const Step> path) const {
  if (path.empty() || path[0].index >= 0) return {};
  const std::string& name = path[0].name;
  if (name == "properties") return properties(path);
  const Value* value = of_twin(name);
  return {value == nullptr ? of_identity(name) : value, 1};
}

iotql::Document::Found TwinDocument::properties(std::span<const Step> path) const {
  const std::string_view part = path.size() > 1 ? std::string_view(path[1].name) : "";
  const std::string_view next = path.size() > 2 ? std::string_view(path[2].name) : "";
  if (part == "desired" || part == "reported") {
    const int column = part == "desired" ? kDesired : kReported;
    if (next == "$version") return {keep(Value(version(column + 2))), 3};
    if (next == "$metadata") return {&parsed(column + 1), 3};
    if (path.size() > 2) return {&parsed(column), 2};
  } else if (path.size() > 1) {
    return {};
  }
  // All of it, with its notes.
  std::string text;
  Writer writer(text);
  writer.begin_object();
  write_section(writer, "desired", kDesired);
  write_section(writer, "reported", kReported);
  writer.end_object();
  auto value = base::json::parse(text);
  return {value ? keep(std::move(*value)) : nullptr, 1};
}

// The rows hold JSON objects; what is added to one goes before its closing brace.
void TwinDocument::write_section(Writer& writer, std::string_view name, int column) const {
  const std::string_view properties = json(column);
  std::string text(properties.substr(0, properties.size() - 1));
  if (text.size() > 1) text += ',';
  text += "\"$metadata\":";
  text += json(column + 1);
  text += ",\"$version\":" + std::to_string(version(column + 2)) + "}";
  writer.key(name);
  writer.raw(text);
}

void TwinDocument::write_thumbprints(Writer& writer) const {
  writer.key("x509Thumbprint");
  writer.begin_object();
  writer.key("primaryThumbprint");
  thumbprint(row_.text(kPrimaryThumbprint)).write(writer);
  writer.key("secondaryThumbprint");
  thumbprint(row_.text(kSecondaryThumbprint)).write(writer);
  writer.end_object();
}

void TwinDocument::write(Writer& writer) const {
  const auto text = [&](std::string_view name) {
    const Value* value = find(std::vector<Step>{{std::string(name)}}).value;
    if (value == nullptr) return;
    writer.key(name);
    value->write(writer);
  };
  writer.begin_object();
  for (const std::string_view name :
       {"deviceId", "moduleId", "etag", "deviceEtag", "status", "statusReason", "statusUpdateTime",
        "connectionState", "lastActivityTime"})
    text(name);
  writer.field("cloudToDeviceMessageCount", 0);
  text("authenticationType");
  write_thumbprints(writer);
  writer.field("version", version(kVersion));
  writer.key("tags");
  writer.raw(json(kTags));
  writer.key("properties");
  writer.begin_object();
  write_section(writer, "desired", kDesired);
  write_section(writer, "reported", kReported);
  writer.end_object();
  text("capabilities");
  text("configurations");
  writer.end_object();
}

}  // namespace hub::queries
