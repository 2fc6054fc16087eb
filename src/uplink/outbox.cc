#include "uplink/outbox.h"

#include <algorithm>
#include <concepts>
#include <iterator>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "schema/message.h"

namespace uplink {

using base::MonoTime;

namespace {

// An item that must name a process; where it may be missing, it tells events apart.
template <class Item>
concept OfProcess = requires(Item& item) {
  { item.process_id } -> std::same_as<std::int64_t&>;
};

template <class Visit>
void with_item(schema::Event& event, Visit&& visit) {
  std::visit([&](auto& items) { visit(items.front()); }, event.payload);
}

// What differs between two events that are the same to a reader.
struct Differences {
  std::int64_t process_id = 0;
  std::int64_t parent_process_id = 0;
  std::string remote_port;
  std::optional<std::string> local_port;
  schema::ExtraDetails details;
};

template <class Item>
concept WithProcess = requires(Item item) {
  { item.process_id } -> std::same_as<std::int64_t&>;
};
template <class Item>
concept WithPorts = requires(Item item) {
  item.direction;
  { item.remote_port } -> std::same_as<std::string&>;
  { item.local_port } -> std::same_as<std::optional<std::string>&>;
};

// Takes them out, and gives back what they were.
Differences take_out(schema::Event& event) {
  Differences out;
  with_item(event, [&](auto& item) {
    if constexpr (requires { item.parent_process_id; })
      out.parent_process_id = std::exchange(item.parent_process_id, 0);
    using Item = std::remove_cvref_t<decltype(item)>;
    if constexpr (WithProcess<Item>) out.process_id = std::exchange(item.process_id, 0);
    if constexpr (WithPorts<Item>) {
      if (item.direction == schema::Direction::In) {
        out.remote_port = std::exchange(item.remote_port, "0");
      } else if (item.local_port) {
        out.local_port = std::exchange(item.local_port, "0");
      }
    }
  });
  return out;
}

void put_back(schema::Event& event, Differences out) {
  with_item(event, [&](auto& item) {
    using Item = std::remove_cvref_t<decltype(item)>;
    if constexpr (requires { item.parent_process_id; })
      item.parent_process_id = out.parent_process_id;
    if constexpr (WithProcess<Item>) item.process_id = out.process_id;
    if constexpr (WithPorts<Item>) {
      if (!out.remote_port.empty()) item.remote_port = std::move(out.remote_port);
      if (out.local_port) item.local_port = std::move(out.local_port);
    }
  });
}

std::int64_t process_id_of(schema::Event& event) {
  std::int64_t process_id = 0;
  with_item(event, [&](auto& item) {
    if constexpr (WithProcess<std::remove_cvref_t<decltype(item)>>) process_id = item.process_id;
  });
  return process_id;
}

schema::ExtraDetails& details_of(schema::Event& event) {
  schema::ExtraDetails* details = nullptr;
  with_item(event, [&](auto& item) { details = &item.extra_details; });
  return *details;
}

std::string local_text(const base::OffsetTime& time) {
  return base::format_rfc3339(time.utc, time.offset);
}

struct KeyHash {
  std::size_t operator()(const std::string& key) const {
    return base::table_hash(base::as_bytes(key));
  }
};

}  // namespace

struct Outbox::State {
  // A window that began with an event that was emitted.
  struct Window {
    Priority priority = Priority::High;
    schema::EventName name{};
    const std::string* key = nullptr;     // in the table
    std::int64_t hits = 0;                // held back
    std::optional<schema::Event> repeat;  // the first of them
    base::OffsetTime last_time;
    std::int64_t last_process_id = 0;
    std::map<std::string, std::uint64_t, std::less<>> sums;
  };
  using Windows = std::multimap<MonoTime, Window>;  // by their ends

  Options options;
  Emit emit;
  Windows windows;
  std::unordered_map<std::string, Windows::iterator, KeyHash> by_key;
  std::size_t bytes = 0;
  OutboxStats stats;

  std::string key_of(schema::Event& event, Priority priority) const;
  void begin(std::string key, schema::EventName name, Priority priority, MonoTime end);
  void hold(Window& window, schema::Event event);
  void end(Windows::iterator at);
  static std::size_t cost(const std::string& key) { return key.size() + sizeof(Window) + 128; }
};

std::string Outbox::State::key_of(schema::Event& event, Priority priority) const {
  Differences differences = take_out(event);
  schema::ExtraDetails& details = details_of(event);
  differences.details = details;
  std::erase_if(details, [&](const auto& detail) {
    return options.ignored_details.contains(detail.first) ||
           options.summed_details.contains(detail.first);
  });
  std::string key = schema::event_details_json(event, 0);
  key.push_back(static_cast<char>(event.payload.index()));
  key.push_back(priority == Priority::High ? 'H' : 'L');
  details = std::move(differences.details);
  put_back(event, std::move(differences));
  return key;
}

void Outbox::State::begin(std::string key, schema::EventName name, Priority priority,
                          MonoTime end_at) {
  bytes += cost(key);
  Window window;
  window.priority = priority;
  window.name = name;
  const auto at = windows.emplace(end_at, std::move(window));
  const auto entry = by_key.emplace(std::move(key), at).first;
  at->second.key = &entry->first;
  while (windows.size() > options.max_entries ||
         (bytes > options.max_bytes && windows.size() > 1)) {
    ++stats.evicted_early;
    end(windows.begin());
  }
}

void Outbox::State::hold(Window& window, schema::Event event) {
  ++window.hits;
  ++stats.merged;
  ++stats.held;
  window.last_time = event.time;
  window.last_process_id = process_id_of(event);
  for (const auto& [name, value] : details_of(event)) {
    if (!options.summed_details.contains(name)) continue;
    const auto number = base::parse_int(value);
    if (number && *number > 0) window.sums[name] += static_cast<std::uint64_t>(*number);
  }
  if (!window.repeat) window.repeat = std::move(event);
}

// Ends a window; what it held becomes one event.
void Outbox::State::end(Windows::iterator at) {
  Window window = std::move(at->second);
  bytes -= cost(*window.key);
  by_key.erase(by_key.find(*window.key));
  windows.erase(at);
  if (!window.repeat) return;
  stats.held -= static_cast<std::uint64_t>(window.hits);
  schema::Event event = std::move(*window.repeat);
  if (window.hits > 1) {
    const std::int64_t first_process_id = take_out(event).process_id;
    schema::ExtraDetails& details = details_of(event);
    schema::set(details, "HitCount", std::to_string(window.hits));
    schema::set(details, "StartTimeUtc", base::format_rfc3339(event.time.utc));
    schema::set(details, "StartTimeLocal", local_text(event.time));
    schema::set(details, "EndTimeUtc", base::format_rfc3339(window.last_time.utc));
    schema::set(details, "EndTimeLocal", local_text(window.last_time));
    if (window.last_process_id != 0) {
      schema::set(details, "FirstProcessId", std::to_string(first_process_id));
      schema::set(details, "LastProcessId", std::to_string(window.last_process_id));
    }
    for (const auto& [name, sum] : window.sums)
      schema::set(details, name, std::to_string(sum));
  }
  emit(event, window.priority);
}

Outbox::Outbox(Options options, Emit emit) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->emit = std::move(emit);
}
Outbox::~Outbox() = default;

void Outbox::submit(schema::Event event, Priority priority, MonoTime now) {
  State& s = *state_;
  const auto length = s.options.windows.find(event.name());
  if (length == s.options.windows.end() || event.item_count() != 1) {
    s.emit(event, priority);
    return;
  }
  std::string key = s.key_of(event, priority);
  const auto known = s.by_key.find(key);
  if (known != s.by_key.end() && known->second->first > now) {
    s.hold(known->second->second, std::move(event));
    return;
  }
  expire(now);
  s.emit(event, priority);
  s.begin(std::move(key), event.name(), priority, now + length->second);
}

void Outbox::expire(MonoTime now) {
  while (!state_->windows.empty() && state_->windows.begin()->first <= now)
    state_->end(state_->windows.begin());
}

void Outbox::flush() {
  while (!state_->windows.empty())
    state_->end(state_->windows.begin());
}

void Outbox::set_windows(Windows windows) {
  State& s = *state_;
  const auto length_of = [](const Windows& all, schema::EventName name) {
    const auto found = all.find(name);
    return found == all.end() ? std::chrono::nanoseconds(0) : found->second;
  };
  for (auto at = s.windows.begin(); at != s.windows.end();) {
    const auto next = std::next(at);
    const schema::EventName name = at->second.name;
    if (length_of(windows, name) != length_of(s.options.windows, name)) s.end(at);
    at = next;
  }
  s.options.windows = std::move(windows);
}

MonoTime Outbox::next_expiry() const {
  return state_->windows.empty() ? MonoTime::max() : state_->windows.begin()->first;
}

OutboxStats Outbox::stats() const {
  return state_->stats;
}

}  // namespace uplink
