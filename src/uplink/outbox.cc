#include "uplink/outbox.h"

#include <algorithm>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "schema/message.h"

namespace uplink {

using base::MonoTime;

namespace {

// What differs between two events that are the same to a reader: process ids and some details.
// Taken out of the event while its key is made, and put back.
class Normalised {
 public:
  Normalised(schema::Event& event, const std::set<std::string, std::less<>>& ignored)
      : event_(event) {
    with_item(event_, [&](auto& item) {
      if constexpr (requires { item.process_id; }) process_id_ = std::exchange(item.process_id, 0);
      if constexpr (requires { item.parent_process_id; }) {
        parent_process_id_ = std::exchange(item.parent_process_id, 0);
      }
      details_ = item.extra_details;
      std::erase_if(item.extra_details,
                    [&](const auto& detail) { return ignored.contains(detail.first); });
    });
  }
  ~Normalised() {
    with_item(event_, [&](auto& item) {
      if constexpr (requires { item.process_id; }) item.process_id = process_id_;
      if constexpr (requires { item.parent_process_id; })
        item.parent_process_id = parent_process_id_;
      item.extra_details = std::move(details_);
    });
  }
  Normalised(const Normalised&) = delete;
  Normalised& operator=(const Normalised&) = delete;

  template <class Visit>
  static void with_item(schema::Event& event, Visit&& visit) {
    std::visit([&](auto& items) { visit(items.front()); }, event.payload);
  }

 private:
  schema::Event& event_;
  std::int64_t process_id_ = 0;
  std::int64_t parent_process_id_ = 0;
  schema::ExtraDetails details_;
};

std::int64_t process_id_of(schema::Event& event) {
  std::int64_t process_id = 0;
  Normalised::with_item(event, [&](auto& item) {
    if constexpr (requires { item.process_id; }) process_id = item.process_id;
  });
  return process_id;
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
    MonoTime end;
    Priority priority = Priority::High;
    const std::string* key = nullptr;     // in the table
    std::int64_t hits = 0;                // held back
    std::optional<schema::Event> repeat;  // the first of them
    base::OffsetTime last_time;
    std::int64_t last_process_id = 0;
  };
  using Windows = std::list<Window>;  // oldest first, which end first

  Options options;
  Emit emit;
  Windows windows;
  std::unordered_map<std::string, Windows::iterator, KeyHash> by_key;
  std::size_t bytes = 0;
  OutboxStats stats;

  std::string key_of(schema::Event& event, Priority priority) const;
  void begin(std::string key, Priority priority, MonoTime now);
  void hold(Window& window, schema::Event event);
  void end_oldest();
  static std::size_t cost(const std::string& key) { return key.size() + sizeof(Window) + 128; }
};

std::string Outbox::State::key_of(schema::Event& event, Priority priority) const {
  const Normalised normalised(event, options.ignored_details);
  std::string key = schema::event_details_json(event, 0);
  key.push_back(static_cast<char>(event.payload.index()));
  key.push_back(priority == Priority::High ? 'H' : 'L');
  return key;
}

void Outbox::State::begin(std::string key, Priority priority, MonoTime now) {
  bytes += cost(key);
  const auto window = windows.insert(windows.end(), Window{.end = now + options.window,
                                                           .priority = priority,
                                                           .key = nullptr,
                                                           .hits = 0,
                                                           .repeat = std::nullopt,
                                                           .last_time = {},
                                                           .last_process_id = 0});
  const auto entry = by_key.emplace(std::move(key), window).first;
  window->key = &entry->first;
  while (windows.size() > options.max_entries ||
         (bytes > options.max_bytes && windows.size() > 1)) {
    ++stats.evicted_early;
    end_oldest();
  }
}

void Outbox::State::hold(Window& window, schema::Event event) {
  ++window.hits;
  ++stats.merged;
  ++stats.held;
  window.last_time = event.time;
  window.last_process_id = process_id_of(event);
  if (!window.repeat) window.repeat = std::move(event);
}

// Ends the oldest window; what it held becomes one event.
void Outbox::State::end_oldest() {
  Window window = std::move(windows.front());
  bytes -= cost(*window.key);
  by_key.erase(by_key.find(*window.key));
  windows.pop_front();
  if (!window.repeat) return;
  stats.held -= static_cast<std::uint64_t>(window.hits);
  schema::Event event = std::move(*window.repeat);
  const base::OffsetTime first = event.time;
  if (window.hits > 1) {
    Normalised::with_item(event, [&](auto& item) {
      schema::ExtraDetails& details = item.extra_details;
      schema::set(details, "HitCount", std::to_string(window.hits));
      schema::set(details, "StartTimeUtc", base::format_rfc3339(first.utc));
      schema::set(details, "StartTimeLocal", local_text(first));
      schema::set(details, "EndTimeUtc", base::format_rfc3339(window.last_time.utc));
      schema::set(details, "EndTimeLocal", local_text(window.last_time));
      if (window.last_process_id != 0) {
        schema::set(details, "LastProcessId", std::to_string(window.last_process_id));
      }
    });
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
  if (!s.options.aggregate.contains(event.name()) || event.item_count() != 1) {
    s.emit(event, priority);
    return;
  }
  std::string key = s.key_of(event, priority);
  const auto known = s.by_key.find(key);
  if (known != s.by_key.end() && known->second->end > now) {
    s.hold(*known->second, std::move(event));
    return;
  }
  expire(now);
  s.emit(event, priority);
  s.begin(std::move(key), priority, now);
}

void Outbox::expire(MonoTime now) {
  while (!state_->windows.empty() && state_->windows.front().end <= now)
    state_->end_oldest();
}

void Outbox::flush() {
  while (!state_->windows.empty())
    state_->end_oldest();
}

MonoTime Outbox::next_expiry() const {
  return state_->windows.empty() ? MonoTime::max() : state_->windows.front().end;
}

OutboxStats Outbox::stats() const {
  return state_->stats;
}

}  // namespace uplink
