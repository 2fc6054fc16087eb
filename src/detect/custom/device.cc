#include "detect/custom/device.h"

#include <algorithm>

#include "base/id.h"
#include "base/json.h"

namespace detect::custom {

using base::json::Value;
using base::json::Writer;

namespace {

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

std::optional<std::int64_t> integer(const Value* value) {
  const auto* number = value == nullptr ? nullptr : value->if_int();
  return number == nullptr ? std::nullopt : std::optional(*number);
}

bool read_windows(const Value* list, std::vector<Window>& out) {
  if (list == nullptr || list->if_array() == nullptr) return false;
  for (const Value& each : *list->if_array()) {
    const auto* parts = each.if_array();
    if (parts == nullptr || parts->size() != 3) return false;
    const auto index = integer(&(*parts)[0]);
    const auto count = integer(&(*parts)[1]);
    const auto told = integer(&(*parts)[2]);
    if (!index || !count || !told) return false;
    if (!out.empty() && *index <= out.back().index) return false;
    out.push_back({*index, *count, *told != 0});
  }
  return true;
}

bool read_series(const Value& object, Series& out) {
  const auto since = integer(object.find("since"));
  const auto judged = integer(object.find("judged"));
  out.rule_id = object.text_or("rule", "");
  if (!since || !judged || out.rule_id.empty()) return false;
  out.since = time_at(*since);
  out.judged = *judged;
  if (const auto first = integer(object.find("first"))) out.first = time_at(*first);
  return read_windows(object.find("windows"), out.windows);
}

void write_evidence(Writer& writer, const Evidence& evidence) {
  writer.begin_object();
  writer.field("eventId", evidence.event_id.to_string());
  writer.field("item", evidence.item);
  writer.field("time", ticks(evidence.time));
  writer.field("name", evidence.event_name);
  writer.field("details", evidence.details_json);
  writer.key("matched");
  writer.begin_array();
  for (const Match& match : evidence.matched) {
    writer.begin_array();
    for (const std::string* text : {&match.field, &match.value, &match.pattern, &match.found})
      writer.value(*text);
    writer.end_array();
  }
  writer.end_array();
  writer.end_object();
}

bool read_matches(const Value* list, std::vector<Match>& out) {
  if (list == nullptr || list->if_array() == nullptr) return false;
  for (const Value& each : *list->if_array()) {
    const auto* parts = each.if_array();
    if (parts == nullptr || parts->size() != 4) return false;
    Match match;
    std::size_t next = 0;
    for (std::string* text : {&match.field, &match.value, &match.pattern, &match.found}) {
      const auto* value = (*parts)[next++].if_string();
      if (value == nullptr) return false;
      *text = *value;
    }
    out.push_back(std::move(match));
  }
  return true;
}

bool read_evidence(const Value& object, Evidence& out) {
  const auto id = base::Guid::parse(object.text_or("eventId", ""));
  const auto time = integer(object.find("time"));
  const auto item = integer(object.find("item"));
  if (!id || !time || !item) return false;
  out.event_id = *id;
  out.item = static_cast<std::uint32_t>(*item);
  out.time = time_at(*time);
  out.event_name = object.text_or("name", "");
  out.details_json = object.text_or("details", "");
  return read_matches(object.find("matched"), out.matched);
}

}  // namespace

Window* Series::window(std::int64_t index) {
  const auto at = std::ranges::lower_bound(windows, index, {}, &Window::index);
  if (at != windows.end() && at->index == index) return &*at;
  const bool minimum = rule != nullptr && rule->definition().min > 0;
  if (windows.size() >= (minimum ? kKeptForMinimum : kKept)) {
    if (at == windows.begin()) return nullptr;
    const auto made = windows.insert(at, Window{index});
    const auto place = made - windows.begin();
    windows.erase(windows.begin());
    return &windows[static_cast<std::size_t>(place - 1)];
  }
  return &*windows.insert(at, Window{index});
}

std::int64_t Series::count(std::int64_t index) const {
  const auto at = std::ranges::lower_bound(windows, index, {}, &Window::index);
  return at != windows.end() && at->index == index ? at->count : 0;
}

std::size_t Held::bytes() const {
  return sizeof(Held) + 64 + rule_id.size() * 2 + value.size() * 2 +
         (evidence ? evidence->details_json.size() + 256 : 0);
}

std::size_t Device::measure() const {
  std::size_t out = sizeof(Device) + 128 + id.size() + group.size() + agent.size() + user_bytes;
  for (const Series& each : series)
    out += sizeof(Series) + each.rule_id.size() + each.windows.capacity() * sizeof(Window);
  for (const auto& [key, each] : held)
    out += each.bytes();
  return out;
}

void Device::set_users(std::map<std::string, std::string> all) {
  users = std::move(all);
  user_bytes = 0;
  for (const auto& [user, account] : users)
    user_bytes += 128 + user.size() + account.size();
  resized = true;
}

void Device::note_lag(base::WallTime happened, base::WallTime received) {
  constexpr std::chrono::hours kDay{24};
  if (received - lag_since > kDay) {
    lag_before = received - lag_since > 2 * kDay ? std::chrono::nanoseconds(0) : lag;
    lag = std::chrono::nanoseconds(0);
    lag_since = received;
  }
  lag = std::max(lag, std::min<std::chrono::nanoseconds>(received - happened, kDay));
}

std::string hold_key(std::string_view rule_id, std::string_view value) {
  std::string out(rule_id);
  out += '\n';
  out += value;
  return out;
}

std::string device_key(std::string_view device) {
  return "d" + std::string(device);
}

std::string held_key(std::string_view device, std::string_view hold) {
  return "h" + std::string(device) + "\n" + std::string(hold);
}

std::string device_json(const Device& device) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("agent", device.agent);
  writer.key("series");
  writer.begin_array();
  for (const Series& each : device.series) {
    writer.begin_object();
    writer.field("rule", each.rule_id);
    writer.field("since", ticks(each.since));
    if (each.first) writer.field("first", ticks(*each.first));
    writer.field("judged", each.judged);
    writer.key("windows");
    writer.begin_array();
    for (const Window& window : each.windows) {
      writer.begin_array();
      writer.value(window.index);
      writer.value(window.count);
      writer.value(window.told ? 1 : 0);
      writer.end_array();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.key("users");
  writer.begin_object();
  for (const auto& [user, account] : device.users)
    writer.field(user, account);
  writer.end_object();
  writer.end_object();
  return json;
}

std::string held_json(const Held& held) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("rule", held.rule_id);
  writer.field("value", held.value);
  writer.field("until", ticks(held.until));
  writer.field("hits", held.hits);
  writer.field("received", ticks(held.received));
  writer.field("module", held.module_id);
  if (held.evidence) {
    writer.key("evidence");
    write_evidence(writer, *held.evidence);
  }
  writer.end_object();
  return json;
}

bool read_device(std::string_view json, Device& device) {
  const auto parsed = base::json::parse(json);
  if (!parsed) return false;
  device.agent = parsed->text_or("agent", "");
  const Value* series = parsed->find("series");
  if (series == nullptr || series->if_array() == nullptr) return false;
  for (const Value& each : *series->if_array()) {
    if (!read_series(each, device.series.emplace_back())) return false;
  }
  const Value* users = parsed->find("users");
  if (users == nullptr || users->if_object() == nullptr) return false;
  std::map<std::string, std::string> accounts;
  for (const base::json::Member& member : *users->if_object()) {
    if (member.value.if_string() == nullptr) return false;
    accounts[member.name] = *member.value.if_string();
  }
  device.set_users(std::move(accounts));
  return true;
}

bool read_held(std::string_view json, Held& held) {
  const auto parsed = base::json::parse(json);
  if (!parsed) return false;
  const auto until = integer(parsed->find("until"));
  const auto hits = integer(parsed->find("hits"));
  const auto received = integer(parsed->find("received"));
  held.rule_id = parsed->text_or("rule", "");
  held.value = parsed->text_or("value", "");
  held.module_id = parsed->text_or("module", "");
  if (!until || !hits || !received || held.rule_id.empty()) return false;
  held.until = time_at(*until);
  held.hits = *hits;
  held.received = time_at(*received);
  if (const Value* evidence = parsed->find("evidence")) {
    if (!read_evidence(*evidence, held.evidence.emplace())) return false;
  }
  return true;
}

}  // namespace detect::custom
