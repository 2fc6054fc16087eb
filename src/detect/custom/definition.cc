#include "detect/custom/definition.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/id.h"
#include "base/text.h"

namespace detect::custom {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

constexpr std::array<std::string_view, 12> kKeys = {"group",  "type",     "metric",  "protocol",
                                                    "window", "min",      "max",     "allow",
                                                    "deny",   "severity", "enabled", "description"};

std::unexpected<base::Error> wrong(std::string detail) {
  return fail(Code::Invalid, "custom alert", -1, std::move(detail));
}

Result<void> check_keys(const Value& object) {
  if (object.if_object() == nullptr) return wrong("expected an object");
  for (const base::json::Member& member : *object.if_object()) {
    if (std::ranges::find(kKeys, member.name) != kKeys.end()) continue;
    const auto meant = base::nearest(member.name, kKeys);
    return wrong(fmt::format("there is no '{}'{}", member.name,
                             meant ? fmt::format(" (did you mean '{}'?)", *meant) : ""));
  }
  return {};
}

Result<std::optional<std::string>> read_text(const Value& object, std::string_view name) {
  const Value* found = object.find(name);
  if (found == nullptr || found->is_null()) return std::optional<std::string>();
  if (found->if_string() == nullptr) return wrong(fmt::format("{}: expected a text", name));
  return std::optional<std::string>(*found->if_string());
}

Result<std::optional<std::int64_t>> read_number(const Value& object, std::string_view name) {
  const Value* found = object.find(name);
  if (found == nullptr || found->is_null()) return std::optional<std::int64_t>();
  if (found->if_int() == nullptr) return wrong(fmt::format("{}: expected a whole number", name));
  return std::optional<std::int64_t>(*found->if_int());
}

Result<Type> read_type(const Value& object) {
  const auto name = TRY(read_text(object, "type"));
  const auto metric = TRY(read_text(object, "metric"));
  const auto protocol = TRY(read_text(object, "protocol"));
  if (name) {
    if (const auto type = parse_type(*name)) return *type;
    std::vector<std::string_view> names;
    for (const TypeInfo& info : types())
      names.push_back(info.name);
    const auto meant = base::nearest(*name, names);
    return wrong(fmt::format("type: there is no '{}'{}", *name,
                             meant ? fmt::format(" (did you mean '{}'?)", *meant) : ""));
  }
  if (!metric) return wrong("type: expected one, such as ActiveConnectionsNotInAllowedRange");
  if (const auto type = type_of_metric(*metric, protocol.value_or(""))) return *type;
  return wrong(fmt::format("metric: the hub counts no '{}'{}", *metric,
                           protocol ? fmt::format(" over '{}'", *protocol) : ""));
}

Result<std::vector<std::string>> read_values(const Value& list, std::string_view name) {
  std::vector<std::string> out;
  if (list.if_array() == nullptr) return wrong(fmt::format("{}: expected a list of texts", name));
  for (const Value& value : *list.if_array()) {
    if (value.if_string() == nullptr)
      return wrong(fmt::format("{}: expected a list of texts", name));
    out.emplace_back(base::trim(*value.if_string()));
  }
  return out;
}

Result<void> read_list(const Value& object, Definition& out) {
  for (const char* name : {"window", "min", "max"}) {
    const Value* found = object.find(name);
    if (found != nullptr && !found->is_null())
      return wrong(fmt::format("{}: {} has a list, and no range", name, out.info().name));
  }
  const Value* allow = object.find("allow");
  const Value* deny = object.find("deny");
  if ((allow == nullptr) == (deny == nullptr))
    return wrong(fmt::format("{}: expected either 'allow' or 'deny'", out.info().name));
  out.mode = allow != nullptr ? ListMode::Allow : ListMode::Deny;
  out.values =
      TRY(read_values(allow != nullptr ? *allow : *deny, allow != nullptr ? "allow" : "deny"));
  return {};
}

Result<void> read_range(const Value& object, Definition& out) {
  if (object.find("allow") != nullptr || object.find("deny") != nullptr)
    return wrong(fmt::format("{} has a range, and no list", out.info().name));
  out.min = TRY(read_number(object, "min")).value_or(0);
  out.max = TRY(read_number(object, "max"));
  if (const auto text = TRY(read_text(object, "window"))) {
    const auto window = base::parse_duration(*text);
    if (!window) return wrong("window: expected a duration of ISO 8601, such as PT1H");
    out.window = std::chrono::duration_cast<std::chrono::seconds>(*window);
    if (out.window != *window) return wrong("window: expected whole seconds");
  }
  return {};
}

// A text that a person can read in one line.
bool is_line(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most || base::trim(text) != text) return false;
  const auto plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; };
  return std::ranges::all_of(text, plain) && base::is_utf8(text);
}

Result<void> check_list(const Definition& definition) {
  if (definition.values.empty()) {
    return wrong(definition.mode == ListMode::Allow
                     ? "allow: the list is empty; everything would raise an alert"
                     : "deny: the list is empty; nothing would raise an alert");
  }
  if (definition.values.size() > kMaxValues)
    return wrong(fmt::format("expected at most {} values", kMaxValues));
  for (const std::string& value : definition.values) {
    if (!is_line(value, kMaxValue))
      return wrong(fmt::format("expected values of one line and up to {} bytes", kMaxValue));
    if (definition.info().item == Item::Address && !parse_block(value)) {
      return wrong(fmt::format(
          "'{}' is no address and no block of them, such as 192.0.2.7 or 10.0.0.0/8", value));
    }
  }
  return {};
}

Result<void> check_range(const Definition& definition) {
  if (definition.window < kShortest || definition.window > kLongest)
    return wrong("window: expected PT5M to P1D");
  if (definition.min < 0) return wrong("min: expected 0 or more");
  if (definition.max && *definition.max < definition.min)
    return wrong("max: expected as much as min, or more");
  if (!definition.max && definition.min == 0)
    return wrong("expected a 'max', or a 'min' above 0: any count would be in the range");
  return {};
}

RuleInfo alert_of(const Definition& definition) {
  const TypeInfo& info = definition.info();
  RuleInfo out;
  out.id = info.id;
  out.title = info.title;
  out.description =
      definition.description.empty()
          ? fmt::format("What devices of the group '{}' may do was said in a custom alert.",
                        definition.group)
          : definition.description;
  out.author = "Vedette";
  out.severity = definition.severity;
  out.remediation = {std::string(info.remediation)};
  out.tactics = {std::string(info.tactic)};
  out.techniques = {std::string(info.technique)};
  out.aliases = {std::string(info.alias), std::string(info.name)};
  return out;
}

}  // namespace

std::string id_of(const Definition& definition) {
  const std::string which = definition.info().kind == Kind::Range
                                ? std::to_string(definition.window.count())
                            : definition.mode == ListMode::Allow ? std::string("allow")
                                                                 : std::string("deny");
  return base::Guid::derived("custom alert", fmt::format("{}\n{}\n{}", definition.info().name,
                                                         which, definition.group))
      .to_string();
}

Result<Definition> read_definition(const Value& object) {
  TRY(check_keys(object));
  Definition out;
  out.type = TRY(read_type(object));
  if (const auto group = TRY(read_text(object, "group"))) out.group = base::trim(*group);
  out.description = base::trim(TRY(read_text(object, "description")).value_or(""));
  if (const auto text = TRY(read_text(object, "severity"))) {
    const auto severity = parse_severity(*text);
    if (!severity) return wrong("severity: expected Informational, Low, Medium or High");
    out.severity = *severity;
  }
  if (const Value* enabled = object.find("enabled")) {
    if (enabled->if_bool() == nullptr) return wrong("enabled: expected true or false");
    out.enabled = *enabled->if_bool();
  }
  if (out.info().kind == Kind::List) {
    TRY(read_list(object, out));
  } else {
    TRY(read_range(object, out));
  }
  TRY(check(out));
  return out;
}

void write_members(base::json::Writer& writer, const Definition& definition) {
  writer.field("group", definition.group);
  writer.field("type", definition.info().name);
  if (definition.info().kind == Kind::Range) {
    writer.field("window", base::format_duration(definition.window));
    writer.field("min", definition.min);
    if (definition.max) writer.field("max", *definition.max);
  } else {
    writer.key(definition.mode == ListMode::Allow ? "allow" : "deny");
    writer.begin_array();
    for (const std::string& value : definition.values)
      writer.value(value);
    writer.end_array();
  }
  writer.field("severity", to_string(definition.severity));
  writer.field("enabled", definition.enabled);
  writer.field("description", definition.description);
}

Result<void> check(const Definition& definition) {
  if (!is_line(definition.group, kMaxGroup))
    return wrong(fmt::format("group: expected one line of up to {} bytes", kMaxGroup));
  if (definition.description.size() > kMaxDescription)
    return wrong(fmt::format("description: at most {} bytes", kMaxDescription));
  if (!base::is_utf8(definition.description)) return wrong("description: expected UTF-8");
  return definition.info().kind == Kind::List ? check_list(definition) : check_range(definition);
}

Rule::Rule(std::string id, Definition definition, base::WallTime since)
    : id_(std::move(id)),
      definition_(std::move(definition)),
      since_(since),
      alert_(alert_of(definition_)) {
  for (std::size_t i = 0; i < definition_.values.size(); ++i) {
    if (info().item != Item::Address) {
      values_.emplace(definition_.values[i], i);
    } else if (const auto block = parse_block(definition_.values[i])) {
      addresses_.add(*block);
    }
  }
}

std::int64_t Rule::window_of(base::WallTime time) const {
  const std::int64_t length = std::chrono::nanoseconds(definition_.window).count();
  const std::int64_t since = (time - since_).count();
  return since >= 0 ? since / length : -((-since - 1) / length) - 1;
}

base::WallTime Rule::start_of(std::int64_t window) const {
  return since_ + definition_.window * window;
}

// What on the list stands for the value.
std::optional<std::string> Rule::listed_as(std::string_view value) const {
  if (info().item == Item::Address) {
    const auto address = parse_address(value);
    const Block* block = address ? addresses_.find(*address) : nullptr;
    if (block == nullptr) return std::nullopt;
    const unsigned bits =
        block->address.is_v4() && block->bits >= 96 ? block->bits - 96 : block->bits;
    return fmt::format("{}/{}", block->address.to_string(), bits);
  }
  if (const auto found = values_.find(std::string(value)); found != values_.end())
    return found->first;
  if (info().item != Item::Process) return std::nullopt;
  const auto found = values_.find(std::string(value.substr(value.rfind('/') + 1)));
  return found != values_.end() ? std::optional(found->first) : std::nullopt;
}

std::optional<Match> Rule::judge(std::string_view value) const {
  const auto listed = listed_as(value);
  if ((definition_.mode == ListMode::Allow) == listed.has_value()) return std::nullopt;
  Match out;
  out.value = value;
  if (listed) {
    out.pattern = fmt::format("on the list of what is not allowed: '{}'", *listed);
    out.found = value;
  } else {
    out.pattern =
        fmt::format("not on the list of what is allowed ({} {})", definition_.values.size(),
                    definition_.values.size() == 1 ? "entry" : "entries");
  }
  return out;
}

std::string Rule::range_text() const {
  if (!definition_.max) return fmt::format("allowed are {} or more", definition_.min);
  if (*definition_.max == definition_.min) return fmt::format("allowed are {}", definition_.min);
  return fmt::format("allowed are {} to {}", definition_.min, *definition_.max);
}

}  // namespace detect::custom
