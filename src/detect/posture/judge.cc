#include "detect/posture/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/device_checks.h"
#include "detect/posture/hub_checks.h"

namespace detect::posture {
namespace {

std::string agent_of(const Origin& origin) {
  std::string name(origin.device_id);
  return name.append("/").append(origin.module_id);
}

template <class Item>
std::span<const Item> items_of(const schema::Event& event) {
  return std::get<std::vector<Item>>(event.payload);
}

constexpr std::string_view kMessages = "messages/";

void append_text(std::string& out, const DayCount& day) {
  for (const DayCount::Hour& hour : day.hours())
    out += fmt::format("{}:{}:{} ", hour.hour, hour.count.messages, hour.count.small);
}

bool read_text(std::string_view text, DayCount& day) {
  for (const std::string_view part : base::split(base::trim(text), ' ')) {
    if (part.empty()) continue;
    const auto numbers = base::split(part, ':');
    if (numbers.size() != 3) return false;
    const auto hour = base::parse_int(numbers[0]);
    const auto messages = base::parse_int(numbers[1]);
    const auto small = base::parse_int(numbers[2]);
    // A day has no more hours; what is written here is ours, and may be damaged all the same.
    if (!hour || !messages || !small || *hour < 0 || *hour > 10'000'000 || *messages < 0 ||
        *small < 0)
      return false;
    day.add(base::WallTime(std::chrono::hours(*hour)),
            {static_cast<std::uint64_t>(*messages), static_cast<std::uint64_t>(*small)});
  }
  return true;
}

}  // namespace

Judge::Messages* Judge::messages_of(std::string_view device_id) {
  const auto known = messages_.find(device_id);
  if (known != messages_.end()) return &known->second;
  if (messages_.size() >= kMaxDevices) {
    dropped_.add();
    return nullptr;
  }
  return &messages_[std::string(device_id)];
}

Verdict Judge::verdict_of(const Messages& messages, base::WallTime now) {
  const MessageCount counted = messages.counted.sum(now);
  return judge_messages(counted.messages > 0 ? counted : messages.reported.sum(now));
}

// Classic agents write an empty picture also when they could not read the rules.
void Judge::judge_firewall_event(const schema::Event& event, const Origin& origin,
                                 std::vector<Verdict>& verdicts) {
  const auto rules = items_of<schema::FirewallConfiguration>(event);
  if (!rules.empty()) {
    verdicts = judge_firewall(rules);
  } else if (ours_.contains(agent_of(origin))) {
    verdicts = judge_no_firewall();
  }
}

void Judge::judge_statistics(const schema::Event& event, const Origin& origin,
                             std::vector<Verdict>& verdicts) {
  Messages* messages = messages_of(origin.device_id);
  if (messages == nullptr) return;
  for (const schema::MessageStatistics& item : items_of<schema::MessageStatistics>(event)) {
    if (item.messages_sent <= 0) continue;
    messages->reported.add(origin.received, {static_cast<std::uint64_t>(item.messages_sent),
                                             static_cast<std::uint64_t>(std::clamp<std::int64_t>(
                                                 item.messages_under_4kb, 0, item.messages_sent))});
  }
  changed_.emplace(origin.device_id);
  verdicts.push_back(verdict_of(*messages, origin.received));
}

void Judge::on_event(const schema::Event& event, const Origin& origin,
                     std::vector<Judgement>& out) {
  std::vector<Verdict> verdicts;
  switch (event.name()) {
    case schema::EventName::ListeningPorts:
      verdicts.push_back(judge_ports(items_of<schema::ListeningPorts>(event)));
      break;
    case schema::EventName::FirewallConfiguration:
      judge_firewall_event(event, origin, verdicts);
      break;
    case schema::EventName::OSBaseline:
      verdicts.push_back(judge_baseline(items_of<schema::OSBaseline>(event)));
      break;
    case schema::EventName::MessageStatistics:
      judge_statistics(event, origin, verdicts);
      break;
    case schema::EventName::ConfigurationError:
      for (const Kind kind : {Kind::TwinNotOptimal, Kind::TwinConflict}) {
        Verdict verdict = judge_settings(kind, items_of<schema::ConfigurationError>(event));
        // Each is told once: what was told before goes on until the twin is changed.
        verdict.partial = true;
        for (Item& item : verdict.items) {
          base::json::Value::Object facts = *item.facts.if_object();
          facts.push_back({"ModuleId", base::json::Value(std::string(origin.module_id))});
          item.facts = base::json::Value(std::move(facts));
        }
        if (!verdict.healthy()) verdicts.push_back(std::move(verdict));
      }
      break;
    case schema::EventName::Heartbeat:  // which only Vedette's own agents send
      if (ours_.size() < kMaxDevices) ours_.insert(agent_of(origin));
      return;
    default:
      return;
  }
  const base::WallTime observed = std::min(event.time.utc, origin.received);
  for (Verdict& verdict : verdicts)
    out.push_back({std::string(origin.device_id), observed, std::move(verdict)});
}

void Judge::on_operation(const store::OperationRow& operation, const Origin& origin,
                         std::vector<Judgement>& out) {
  if (operation.device_id.empty()) return;
  if (operation.operation == "deviceConnect" && operation.status_code < 400 &&
      !operation.tls_version.empty()) {
    out.push_back({std::string(operation.device_id), origin.received,
                   judge_tls(operation.tls_version, operation.tls_cipher)});
  }
  if (operation.security_messages <= 0) return;
  Messages* messages = messages_of(operation.device_id);
  if (messages == nullptr) return;
  const auto all = static_cast<std::uint64_t>(operation.security_messages);
  const auto small =
      static_cast<std::uint64_t>(std::max<std::int64_t>(operation.small_messages, 0));
  messages->counted.add(origin.received, {all, std::min(all, small)});
  changed_.emplace(operation.device_id);
  out.push_back(
      {std::string(operation.device_id), origin.received, verdict_of(*messages, origin.received)});
}

void Judge::save(std::vector<MemoryChange>& changes) {
  for (const std::string& device : changed_) {
    MemoryChange change{std::string(kMessages) + device};
    if (const auto known = messages_.find(device); known != messages_.end()) {
      std::string text;
      append_text(text, known->second.counted);
      text += '|';
      append_text(text, known->second.reported);
      change.value = std::move(text);
    }
    changes.push_back(std::move(change));
  }
  changed_.clear();
}

bool Judge::restore(std::string_view key, std::string_view value) {
  const auto bar = value.find('|');
  if (!key.starts_with(kMessages) || bar == std::string_view::npos) return false;
  Messages messages;
  if (!read_text(value.substr(0, bar), messages.counted) ||
      !read_text(value.substr(bar + 1), messages.reported))
    return false;
  if (messages_.size() >= kMaxDevices) return false;
  messages_.insert_or_assign(std::string(key.substr(kMessages.size())), std::move(messages));
  return true;
}

void Judge::tidy(base::WallTime now) {
  for (auto each = messages_.begin(); each != messages_.end();) {
    if (each->second.counted.idle(now) && each->second.reported.idle(now)) {
      changed_.insert(each->first);
      each = messages_.erase(each);
    } else {
      ++each;
    }
  }
}

void Judge::forget(const std::string& device_id) {
  if (messages_.erase(device_id) != 0) changed_.insert(device_id);
  const std::string prefix = device_id + "/";
  auto first = ours_.lower_bound(prefix);
  while (first != ours_.end() && first->starts_with(prefix))
    first = ours_.erase(first);
}

}  // namespace detect::posture
