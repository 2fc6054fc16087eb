#include "hub/api/alert_json.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kMaxComment = 4096;
constexpr std::size_t kMaxText = 256;
constexpr std::size_t kMaxIds = 1000;

constexpr std::array<std::string_view, 13> kFilterNames = {
    "status",   "severity", "device", "rule",  "entity", "technique",  "tactic",
    "assignee", "verdict",  "from",   "until", "hidden", "suppression"};

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

void text_or_null(Writer& writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty()) {
    writer.null();
  } else {
    writer.value(text);
  }
}

void write_evidence(Writer& writer, const detect::Evidence& evidence) {
  writer.begin_object();
  writer.field("eventId", evidence.event_id.to_string());
  time_field(writer, "time", evidence.time);
  writer.field("name", evidence.event_name);
  writer.key("details");
  writer.raw(evidence.details_json.empty() ? "{}" : evidence.details_json);
  writer.key("matched");
  writer.begin_array();
  for (const detect::Match& match : evidence.matched) {
    writer.begin_object();
    writer.field("field", match.field);
    writer.field("value", match.value);
    writer.field("pattern", match.pattern);
    writer.field("found", match.found);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

// The text of a member; nullopt: absent.
using Getter = std::function<std::optional<std::string>(std::string_view)>;
using Read = std::expected<void, Response>;

template <class T>
Read read_choice(const Call& call, const Getter& get, std::string_view name,
                 std::optional<T> (*parse)(std::string_view), std::string_view expected,
                 std::optional<T>& out) {
  const auto text = get(name);
  if (!text || text->empty()) return {};
  out = parse(*text);
  if (!out) return std::unexpected(bad_member(call, name, expected, *text));
  return {};
}

// A time, or how long ago: PT24H.
Read read_time(const Call& call, const Getter& get, std::string_view name,
               std::optional<base::WallTime>& out) {
  const auto text = get(name);
  if (!text || text->empty()) return {};
  if (const auto time = base::parse_rfc3339(*text)) {
    out = time->utc;
    return {};
  }
  if (const auto ago = base::parse_duration(*text)) {
    out = call.now - *ago;
    return {};
  }
  return std::unexpected(
      bad_member(call, name, "a time such as 2026-01-31T08:00:00Z, or how long ago: PT24H", *text));
}

Read read_texts(const Call& call, const Getter& get, detect::AlertFilter& filter) {
  struct Text {
    std::string_view name;
    std::string* out;
  };
  for (const Text text : {Text{"device", &filter.device_id}, Text{"search", &filter.search},
                          Text{"rule", &filter.rule_id}, Text{"entity", &filter.entity},
                          Text{"technique", &filter.technique}, Text{"tactic", &filter.tactic},
                          Text{"suppression", &filter.suppression}}) {
    *text.out = get(text.name).value_or("");
    // An entity may be a long path; it is compared, not looked for.
    if (text.out->size() > (text.name == "entity" ? 16 * kMaxText : kMaxText))
      return std::unexpected(bad_member(call, text.name, "at most 256 bytes", "more"));
  }
  return {};
}

std::optional<detect::Verdict> filtered_verdict(std::string_view text) {
  return base::equal_ignore_case(text, "none") ? detect::Verdict::None
                                               : detect::parse_verdict(text);
}

std::optional<detect::Hidden> parse_hidden(std::string_view text) {
  if (text == "exclude") return detect::Hidden::No;
  if (text == "only") return detect::Hidden::Only;
  if (text == "include") return detect::Hidden::Too;
  return std::nullopt;
}

std::expected<detect::AlertFilter, Response> filter_from(const Call& call, const Getter& get) {
  detect::AlertFilter filter;
  filter.open_only = get("status") == "open";
  std::optional<detect::Hidden> hidden;
  Read read;
  if (!filter.open_only) {
    read = read_choice(call, get, "status", detect::parse_status, "new, active, closed or open",
                       filter.status);
  }
  if (read) {
    read = read_choice(call, get, "severity", detect::parse_severity,
                       "High, Medium, Low or Informational", filter.severity);
  }
  if (read) {
    read = read_choice(call, get, "verdict", filtered_verdict,
                       "truePositive, benign, falsePositive, undetermined, resolved or none",
                       filter.verdict);
  }
  if (read)
    read = read_choice(call, get, "hidden", parse_hidden, "exclude, only or include", hidden);
  if (read) read = read_texts(call, get, filter);
  if (read) read = read_time(call, get, "from", filter.from);
  if (read) read = read_time(call, get, "until", filter.until);
  if (!read) return std::unexpected(std::move(read.error()));
  filter.hidden = hidden.value_or(detect::Hidden::No);
  if (const auto assignee = get("assignee"); assignee && !assignee->empty())
    filter.assignee = *assignee == "none" ? std::string() : *assignee;
  return filter;
}

std::expected<std::vector<std::string>, Response> read_ids(const Call& call, const Value& object) {
  std::vector<std::string> ids;
  const Value* list = object.find("ids");
  if (list == nullptr) return ids;
  const auto wrong = [&] {
    return std::unexpected(bad_member(call, "ids", fmt::format("a list of 1 to {} ids", kMaxIds),
                                      list->to_json().substr(0, 64)));
  };
  const auto* array = list->if_array();
  if (array == nullptr || array->empty() || array->size() > kMaxIds) return wrong();
  for (const Value& id : *array) {
    if (id.if_string() == nullptr) return wrong();
    ids.push_back(*id.if_string());
  }
  return ids;
}

// Somebody who can sign in and may change alerts, or who asks.
bool may_be_assigned(const Call& call, const std::string& name) {
  if (name == call.principal.name) return true;
  const auto users = call.accounts.users();
  return users && std::ranges::any_of(*users, [&](const User& user) {
           return user.name == name && user.role != Role::Reader;
         });
}

Read read_assignee(const Call& call, const Value& object, detect::AlertUpdate& update) {
  const Value* member = object.find("assignee");
  if (member == nullptr) return {};
  const std::string* name = member->if_string();
  if (name == nullptr && !member->is_null())
    return std::unexpected(
        bad_member(call, "assignee", "a user's name or null", member->to_json().substr(0, 64)));
  update.assignee = name == nullptr ? std::string() : *name;
  if (!update.assignee->empty() && !may_be_assigned(call, *update.assignee)) {
    return std::unexpected(
        bad_member(call, "assignee", "a user who may change alerts", *update.assignee));
  }
  return {};
}

}  // namespace

Response bad_member(const Call& call, std::string_view name, std::string_view expected,
                    std::string_view found) {
  return problem(
      call.request, Problem::BadRequest,
      fmt::format("{}: expected {}, found {}", name, expected, base::json::quoted(found)));
}

void write_alert(Writer& writer, const detect::Alert& alert) {
  writer.field("id", alert.id);
  writer.key("rule");
  writer.begin_object();
  writer.field("id", alert.rule.id);
  writer.field("title", alert.rule.title);
  if (!alert.rule.url.empty()) writer.field("url", alert.rule.url);
  if (!alert.rule.author.empty()) writer.field("author", alert.rule.author);
  if (!alert.rule.license.empty()) writer.field("license", alert.rule.license);
  writer.end_object();
  writer.field("title", alert.title);
  writer.field("severity", detect::to_string(alert.severity));
  writer.field("status", detect::to_string(alert.status));
  text_or_null(writer, "verdict", detect::to_string(alert.verdict));
  text_or_null(writer, "assignee", alert.assignee);
  writer.field("deviceId", alert.device_id);
  writer.field("moduleId", alert.module_id);
  writer.field("entity", alert.entity);
  time_field(writer, "firstSeen", alert.first_seen);
  time_field(writer, "lastSeen", alert.last_seen);
  time_field(writer, "closed", alert.closed);
  writer.field("hitCount", alert.hit_count);
  text_or_null(writer, "suppressionId", alert.suppression);
  writer.field("description", alert.rule.description);
  writer.field("whyFlagged", alert.why_flagged);
  write_texts(writer, "remediation", alert.rule.remediation);
  write_texts(writer, "falsePositives", alert.rule.false_positives);
  write_texts(writer, "aliases", alert.rule.aliases);
  write_texts(writer, "tactics", alert.rule.tactics);
  write_texts(writer, "techniques", alert.rule.techniques);
  writer.field("etag", std::to_string(alert.version));
}

std::string alert_detail_json(const detect::Alert& alert) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_alert(writer, alert);
  writer.key("evidence");
  writer.begin_array();
  for (const detect::Evidence& evidence : alert.evidence)
    write_evidence(writer, evidence);
  writer.end_array();
  writer.field("query", alert.query);
  writer.key("history");
  writer.begin_array();
  for (const detect::HistoryEntry& entry : alert.history) {
    writer.begin_object();
    time_field(writer, "time", entry.time);
    writer.field("actor", entry.actor);
    writer.field("action", entry.action);
    writer.field("detail", entry.detail);
    writer.field("comment", entry.comment);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return body;
}

void write_severities(Writer& writer, std::string_view name,
                      const std::array<std::int64_t, 4>& counts) {
  writer.key(name);
  writer.begin_object();
  for (const auto severity : {detect::Severity::High, detect::Severity::Medium,
                              detect::Severity::Low, detect::Severity::Informational})
    writer.field(detect::to_string(severity), counts[static_cast<std::size_t>(severity)]);
  writer.end_object();
}

void write_statuses(Writer& writer, std::string_view name,
                    const std::array<std::int64_t, 3>& counts) {
  writer.key(name);
  writer.begin_object();
  for (const auto status : {detect::Status::New, detect::Status::Active, detect::Status::Closed})
    writer.field(detect::to_string(status), counts[static_cast<std::size_t>(status)]);
  writer.end_object();
}

std::vector<std::string_view> filter_parameters(std::initializer_list<std::string_view> more) {
  std::vector<std::string_view> names(kFilterNames.begin(), kFilterNames.end());
  names.emplace_back("search");
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

std::expected<detect::AlertFilter, Response> read_alert_filter(const Call& call) {
  return filter_from(call, [&call](std::string_view name) -> std::optional<std::string> {
    const std::string* value = call.target.parameter(name);
    return value == nullptr ? std::nullopt : std::optional(*value);
  });
}

std::expected<detect::AlertFilter, Response> read_alert_filter(const Call& call,
                                                               const Value& object) {
  const auto* members = object.if_object();
  if (members == nullptr)
    return std::unexpected(bad_member(call, "filter", "an object", object.to_json().substr(0, 64)));
  const auto known = filter_parameters({"ids"});
  for (const auto& member : *members) {
    if (std::ranges::find(known, member.name) == known.end())
      return std::unexpected(bad_member(call, "filter", "the members of a filter", member.name));
    if (member.name != "ids" && member.value.if_string() == nullptr)
      return std::unexpected(
          bad_member(call, member.name, "a text", member.value.to_json().substr(0, 64)));
  }
  auto filter = filter_from(call, [&object](std::string_view name) -> std::optional<std::string> {
    const Value* member = object.find(name);
    return member == nullptr ? std::nullopt : std::optional(*member->if_string());
  });
  if (!filter) return filter;
  auto ids = read_ids(call, object);
  if (!ids) return std::unexpected(std::move(ids.error()));
  filter->ids = std::move(*ids);
  return filter;
}

std::expected<detect::AlertUpdate, Response> read_alert_update(const Call& call,
                                                               const Value& object) {
  detect::AlertUpdate update;
  for (const std::string_view name : {"status", "verdict", "severity"}) {
    auto text = text_field(call, object, name, 32);
    if (!text) return std::unexpected(std::move(text.error()));
    if (!*text) continue;
    const std::string& found = **text;
    if (name == "status") update.status = detect::parse_status(found);
    if (name == "severity") update.severity = detect::parse_severity(found);
    if (name == "verdict") update.verdict = detect::parse_verdict(found);
    if (name == "status" && !update.status)
      return std::unexpected(bad_member(call, name, "new, active or closed", found));
    if (name == "severity" && !update.severity)
      return std::unexpected(bad_member(call, name, "High, Medium, Low or Informational", found));
    // That something ended by itself is for detectors to say.
    if (name == "verdict" && (!update.verdict || *update.verdict == detect::Verdict::Resolved)) {
      return std::unexpected(
          bad_member(call, name, "truePositive, benign, falsePositive or undetermined", found));
    }
  }
  if (auto read = read_assignee(call, object, update); !read)
    return std::unexpected(std::move(read.error()));
  auto comment = text_field(call, object, "comment", kMaxComment);
  if (!comment) return std::unexpected(std::move(comment.error()));
  update.comment = comment->value_or("");
  return update;
}

}  // namespace hub::api
