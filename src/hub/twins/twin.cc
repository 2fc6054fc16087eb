#include "hub/twins/twin.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "wire/merge_patch.h"

namespace hub::twins {

using base::Code;
using base::fail;
using base::Result;
using base::json::Member;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::string_view kVersion = "$version";
constexpr std::string_view kMetadata = "$metadata";
constexpr std::string_view kLastUpdated = "$lastUpdated";
constexpr std::string_view kLastUpdatedVersion = "$lastUpdatedVersion";
// Whole numbers that every JSON library of the field keeps exactly.
constexpr std::int64_t kLeastNumber = -4'503'599'627'370'496;
constexpr std::int64_t kMostNumber = 4'503'599'627'370'495;
constexpr int kTimeDigits = 7;

// C0 and C1 of Unicode; the latter are two bytes in UTF-8, C2 80 to C2 9F.
std::size_t control_bytes(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) ++count;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
      count += 2;
  }
  return count;
}

// Walks a patch and says what the rules forbid, with the way to it.
class Check {
 public:
  explicit Check(const Limits& limits) : limits_(limits) {}

  Result<void> object(const Value& value, int depth) {
    if (depth > limits_.depth) return fail(Code::Invalid, "twin", -1, place() + "nested too deep");
    for (const Member& member : *value.if_object()) {
      const std::size_t before = path_.size();
      path_ += (path_.empty() ? "" : ".") + base::to_utf8(member.name.substr(0, 64));
      TRY(name(member.name));
      TRY(content(member.value, depth));
      path_.resize(before);
    }
    return {};
  }

 private:
  std::string place() const { return path_.empty() ? std::string() : path_ + ": "; }

  Result<void> name(std::string_view name) const {
    if (name.size() > limits_.name_bytes)
      return fail(Code::Invalid, "twin", -1, place() + "the name is too long");
    const bool good = !name.empty() && control_bytes(name) == 0 &&
                      name.find_first_of(".$ ") == std::string_view::npos;
    if (good) return {};
    return fail(Code::Invalid, "twin", -1,
                place() + "a name is not empty and holds no '.', '$', space or control character");
  }

  Result<void> content(const Value& value, int depth) {
    if (value.if_object() != nullptr) return object(value, depth + 1);
    if (const auto* list = value.if_array()) {
      if (depth + 1 > limits_.depth)
        return fail(Code::Invalid, "twin", -1, place() + "nested too deep");
      for (const Value& item : *list)
        TRY(content(item, depth + 1));
      return {};
    }
    if (const auto* text = value.if_string(); text != nullptr && text->size() > limits_.text_bytes)
      return fail(Code::Invalid, "twin", -1, place() + "the text is too long");
    const auto* number = value.if_int();
    if (number != nullptr && (*number < kLeastNumber || *number > kMostNumber))
      return fail(Code::Invalid, "twin", -1,
                  place() + "the number is too large to be kept exactly");
    return {};
  }

  const Limits& limits_;
  std::string path_;
};

Value stamp(std::string_view time, std::int64_t version) {
  Value::Object stamped{{std::string(kLastUpdated), Value(std::string(time))}};
  if (version != 0) stamped.push_back({std::string(kLastUpdatedVersion), Value(version)});
  return Value(std::move(stamped));
}

// The merge patch of the metadata that goes with a patch of the properties.
Value stamps(const Value& patch, const Value& stamped) {
  if (patch.is_null()) return {};
  if (patch.if_object() == nullptr) return stamped;
  Value::Object all = *stamped.if_object();
  for (const Member& member : *patch.if_object())
    all.push_back({member.name, stamps(member.value, stamped)});
  return Value(std::move(all));
}

// The metadata of those properties that there are.
Value pruned(const Value& metadata, const Value& properties) {
  std::unordered_map<std::string_view, const Value*> present;
  if (const auto* object = properties.if_object()) {
    for (const Member& member : *object)
      present[member.name] = &member.value;
  }
  Value::Object kept;
  for (const Member& member : *metadata.if_object()) {
    const auto found = present.find(member.name);
    if (member.name.starts_with('$')) {
      kept.push_back(member);
    } else if (found != present.end()) {
      kept.push_back({member.name, pruned(member.value, *found->second)});
    }
  }
  return Value(std::move(kept));
}

// Sets a section to `properties`, of which `changed` (a patch) is new.
Result<void> set(Section& section, Part part, Value properties, const Value& changed,
                 base::WallTime now, const Limits& limits) {
  const std::size_t limit = part == Part::Tags ? limits.tag_bytes : limits.property_bytes;
  const std::size_t bytes = counted_bytes(properties);
  if (bytes > limit) {
    return fail(Code::TooLarge, "twin", -1,
                std::string(to_string(part)) + " would have " + std::to_string(bytes) +
                    " bytes; the limit is " + std::to_string(limit));
  }
  section.properties = std::move(properties);
  if (part == Part::Tags) return {};
  ++section.version;
  const Value stamped =
      stamp(base::format_rfc3339(now, kTimeDigits), part == Part::Desired ? section.version : 0);
  section.metadata =
      pruned(wire::merge(section.metadata, stamps(changed, stamped)), section.properties);
  return {};
}

void write_members(Writer& writer, const Value& object) {
  for (const Member& member : *object.if_object()) {
    writer.key(member.name);
    member.value.write(writer);
  }
}

enum class Notes : std::uint8_t { Version, All };

void write_section(Writer& writer, Part part, const Section& section, Notes notes) {
  writer.key(to_string(part));
  writer.begin_object();
  write_members(writer, section.properties);
  if (notes == Notes::All) {
    writer.key(kMetadata);
    section.metadata.write(writer);
  }
  writer.field(kVersion, section.version);
  writer.end_object();
}

}  // namespace

std::string_view to_string(Part part) {
  switch (part) {
    case Part::Tags:
      return "tags";
    case Part::Desired:
      return "desired";
    case Part::Reported:
      break;
  }
  return "reported";
}

Section& Twin::section(Part part) {
  switch (part) {
    case Part::Tags:
      return tags;
    case Part::Desired:
      return desired;
    case Part::Reported:
      break;
  }
  return reported;
}

std::size_t counted_bytes(const Value& value) {
  if (const auto* text = value.if_string()) return text->size() - control_bytes(*text);
  if (value.if_int() != nullptr || value.if_double() != nullptr) return 8;
  std::size_t bytes = 0;
  if (const auto* list = value.if_array()) {
    for (const Value& item : *list)
      bytes += counted_bytes(item);
    return bytes;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return 4;
  for (const Member& member : *object)
    bytes += member.name.size() + counted_bytes(member.value);
  return bytes;
}

Result<Value> check_patch(const Value& patch, const Limits& limits) {
  if (patch.if_object() == nullptr)
    return fail(Code::Invalid, "twin", -1, "expected a JSON object");
  Value::Object kept;
  for (const Member& member : *patch.if_object()) {
    if (member.name != kVersion && member.name != kMetadata) kept.push_back(member);
  }
  Value checked(std::move(kept));
  TRY(Check(limits).object(checked, 1));
  return checked;
}

Result<Value> read_patch(std::string_view json, const Limits& limits) {
  const Value patch = TRY(base::json::parse(json));
  return check_patch(patch, limits);
}

Result<void> apply_patch(Section& section, Part part, const Value& patch, base::WallTime now,
                         const Limits& limits) {
  return set(section, part, wire::merge(section.properties, patch), patch, now, limits);
}

Result<Value> replace(Section& section, Part part, const Value& document, base::WallTime now,
                      const Limits& limits) {
  Value properties = wire::merge(Value(Value::Object{}), document);
  Value patch = wire::difference(section.properties, properties);
  TRY(set(section, part, std::move(properties), patch, now, limits));
  return patch;
}

std::string device_view(const Twin& twin) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  write_section(writer, Part::Desired, twin.desired, Notes::Version);
  write_section(writer, Part::Reported, twin.reported, Notes::Version);
  writer.end_object();
  return json;
}

std::string desired_patch(const Value& patch, std::int64_t version) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  write_members(writer, patch);
  writer.field(kVersion, version);
  writer.end_object();
  return json;
}

void write_service_view(Writer& writer, const Twin& twin) {
  writer.field("version", twin.version);
  writer.key("tags");
  twin.tags.properties.write(writer);
  writer.key("properties");
  writer.begin_object();
  write_section(writer, Part::Desired, twin.desired, Notes::All);
  write_section(writer, Part::Reported, twin.reported, Notes::All);
  writer.end_object();
}

}  // namespace hub::twins
