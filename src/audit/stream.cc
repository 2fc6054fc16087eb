#include "audit/stream.h"

#include <algorithm>
#include <list>
#include <utility>

#include "audit/assembler.h"
#include "audit/gaps.h"
#include "audit/house.h"
#include "audit/names.h"
#include "audit/record.h"
#include "audit/socket.h"
#include "base/log.h"
#include "os/gather.h"

namespace audit {

using base::Result;

namespace {

// Records come one by one, four or more for one event.
constexpr os::GatherPace::Options kGather{.first = std::chrono::milliseconds(2)};
constexpr std::size_t kTurn = 1024;  // records in one turn of the loop
constexpr auto kReopen = std::chrono::seconds(10);
// Whoever removes one rule usually removes all, and then loads others.
constexpr auto kRestore = std::chrono::milliseconds(250);

struct Subscriber {
  std::vector<RecordType> types;  // ascending; empty: all
  Stream::Callback callback;
  bool ended = false;

  bool wants(const Event& event) const {
    return types.empty() || std::ranges::any_of(event.records, [this](const Record& record) {
             return std::ranges::binary_search(types, record.type);
           });
  }
};

struct Watcher {
  std::vector<Rule> rules;
  Stream::Failed on_failed;
};

// A record that says that a rule of ours was taken out.
bool removes_ours(RecordType type, std::string_view body) {
  if (type != types::kConfigChange) return false;
  const Fields fields(body);
  return fields.text("op") == "remove_rule" && fields.text("key") == kKey;
}

}  // namespace

struct Stream::State : std::enable_shared_from_this<Stream::State> {
  os::Loop& loop;
  Options options;
  std::optional<Listener> listener;
  os::Gather gather;  // of the listener's descriptor
  Assembler assembler;
  SerialGaps gaps;
  std::list<std::shared_ptr<Subscriber>> subscribers;
  std::optional<House> house;
  std::list<std::shared_ptr<Watcher>> watchers;
  os::TimerId reopen_timer = 0;
  os::TimerId expiry_timer = 0;
  os::TimerId status_timer = 0;
  os::TimerId place_timer = 0;
  os::TimerId check_timer = 0;
  bool receiving = false;
  std::uint64_t earlier_lost = 0;  // of houses that were left
  StreamStats stats;

  State(os::Loop& owner, Options given)
      : loop(owner),
        options(std::move(given)),
        gather(owner, kGather),
        assembler({.timeout = options.assembly_time}, [this](const Event& event) { tell(event); }) {
  }
  ~State() { stop_listening(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<void> listen() {
    if (listener) return {};
    listener = TRY(Listener::open(options.socket_bytes));
    const auto watched = gather.begin(
        listener->fd(), [this] { return receive(); },
        [](const base::Error& error) {
          LOG_ERROR("audit.watch_failed").field("error", error.to_string());
        });
    if (!watched) {
      listener.reset();
      return watched;
    }
    gaps.restart();
    expiry_timer = loop.every(options.assembly_time / 4, [this] {
      if (assembler.open() > 0) assembler.expire(base::mono_now());
    });
    return {};
  }

  void stop_listening() {
    loop.cancel(std::exchange(reopen_timer, 0));
    loop.cancel(std::exchange(expiry_timer, 0));
    if (!listener) return;
    gather.end();
    listener.reset();
    assembler.flush();
  }

  os::Gather::Taken receive() {
    const base::MonoTime now = base::mono_now();
    receiving = true;
    const auto received = listener->receive(
        kTurn, [&](RecordType type, std::string_view text) { take(type, text, now); });
    receiving = false;
    if (!received) {
      LOG_ERROR("audit.failed").field("error", received.error().to_string());
      stop_listening();
      reopen();
      return {};
    }
    if (received->overrun) ++stats.overruns;
    return {received->messages, received->more};
  }

  void reopen() {
    reopen_timer = loop.after(kReopen, [this] {
      reopen_timer = 0;
      if (!subscribers.empty() && !listen()) reopen();
    });
  }

  void take(RecordType type, std::string_view text, base::MonoTime now) {
    ++stats.records;
    const auto head = read_head(text);
    if (!head) {
      ++stats.malformed;
      return;
    }
    gaps.saw(head->serial);
    if (house && check_timer == 0 && removes_ours(type, head->body))
      check_timer = loop.after(kRestore, [this] { check(); });
    assembler.add(type, *head, now);
  }

  void tell(const Event& event) {
    ++stats.events;
    for (auto next = subscribers.begin(); next != subscribers.end();) {
      const std::shared_ptr<Subscriber> subscriber = *next;
      if (!subscriber->ended && subscriber->wants(event)) subscriber->callback(event);
      next = subscriber->ended ? subscribers.erase(next) : std::next(next);
    }
  }

  void end_subscription(const std::shared_ptr<Subscriber>& subscriber) {
    subscriber->ended = true;
    // Not now: this may be within its own callback.
    loop.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->forget_ended();
    });
  }
  void forget_ended() {
    std::erase_if(subscribers, [](const auto& one) { return one->ended; });
    if (subscribers.empty()) stop_listening();
  }

  Result<void> enter() {
    if (house) return {};
    auto entered = TRY(House::enter({.may_enable = options.may_enable, .proc = options.proc}));
    house.emplace(std::move(entered));
    status_timer = loop.every(options.status_interval, [this] {
      look_at_losses();
      check();
    });
    place_timer = loop.every(std::chrono::seconds(1), [this] { house->look(); });
    return {};
  }
  void look_at_losses() {
    if (const auto lost = house->lost()) stats.kernel_lost = earlier_lost + *lost;
  }
  void check() {
    loop.cancel(std::exchange(check_timer, 0));
    const auto checked = house->check();
    if (checked) return;
    LOG_ERROR("audit.rules_lost").field("error", checked.error().to_string());
    for (const std::shared_ptr<Watcher>& watcher : std::list(watchers)) {
      if (watcher->on_failed) watcher->on_failed(checked.error());
    }
  }
  void remove(const std::shared_ptr<Watcher>& watcher) {
    watchers.remove(watcher);
    if (!house) return;
    // What another one asked for as well stays.
    std::vector<Rule> rules = watcher->rules;
    std::erase_if(rules, [this](const Rule& rule) {
      return std::ranges::any_of(watchers, [&](const auto& other) {
        return std::ranges::find(other->rules, rule) != other->rules.end();
      });
    });
    house->remove(rules);
    leave_if_empty();
  }
  void leave_if_empty() {
    if (!house || !watchers.empty()) return;
    look_at_losses();
    earlier_lost = stats.kernel_lost;
    leave();
  }
  void leave() {
    loop.cancel(std::exchange(status_timer, 0));
    loop.cancel(std::exchange(place_timer, 0));
    loop.cancel(std::exchange(check_timer, 0));
    house.reset();
  }
};

Stream::Stream(os::Loop& loop, Options options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Stream::~Stream() {
  state_->watchers.clear();
  state_->leave();
  state_->subscribers.clear();
  state_->stop_listening();
}

Result<Stream::Lease> Stream::subscribe(std::vector<RecordType> types, Callback callback) {
  TRY(state_->listen());
  auto subscriber = std::make_shared<Subscriber>();
  std::ranges::sort(types);
  subscriber->types = std::move(types);
  subscriber->callback = std::move(callback);
  state_->subscribers.push_back(subscriber);
  return Lease([weak = std::weak_ptr(state_), subscriber] {
    if (const auto state = weak.lock()) state->end_subscription(subscriber);
  });
}

Result<Stream::Lease> Stream::watch(const std::vector<Rule>& rules, Failed on_failed) {
  TRY(state_->enter());
  auto watcher = std::make_shared<Watcher>(Watcher{rules, std::move(on_failed)});
  state_->watchers.push_back(watcher);
  const auto added = state_->house->add(rules);
  if (!added) {
    state_->remove(watcher);
    return std::unexpected(added.error());
  }
  return Lease([weak = std::weak_ptr(state_), watcher] {
    if (const auto state = weak.lock()) state->remove(watcher);
  });
}

std::optional<bool> Stream::enabled() const {
  auto control = Control::open();
  if (!control) return std::nullopt;
  const auto status = control->status();
  if (!status) return std::nullopt;
  return status->enabled != 0;
}

std::string Stream::note() const {
  return state_->house ? state_->house->note() : std::string();
}

bool Stream::drain() {
  if (state_->receiving) return false;
  while (state_->listener && state_->receive().more) {
  }
  return true;
}

StreamStats Stream::stats() const {
  StreamStats stats = state_->stats;
  stats.gaps = state_->gaps.lost();
  stats.incomplete = state_->assembler.incomplete();
  return stats;
}

}  // namespace audit
