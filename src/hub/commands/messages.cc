#include "hub/commands/messages.h"

#include <future>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "hub/commands/keeper.h"
#include "hub/commands/message_table.h"
#include "hub/commands/status.h"
#include "hub/commands/work.h"

namespace hub::commands {

using base::Code;
using base::Result;
using operations::Record;

namespace {

// Calls the asynchronous form and waits for what it is given.
template <class T, class Start>
Result<T> wait_for(const Start& start) {
  std::promise<Result<T>> promise;
  start([&promise](Result<T> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

}  // namespace

struct Messages::State {
  State(Options given, identity::Registry& identities, operations::Operations& records,
        MessageTable reading, MessageTable writing)
      : options(std::move(given)),
        registry(identities),
        operations(records),
        reader(std::move(reading)),
        keeper(options, registry, operations, counters, std::move(writing)) {}

  const Options options;
  identity::Registry& registry;
  operations::Operations& operations;
  Counters counters;

  std::mutex reader_mutex;
  MessageTable reader;  // guarded by reader_mutex

  mutable std::mutex kept_mutex;
  // Subscriptions, with their generation and QoS; guarded by kept_mutex.
  std::unordered_map<identity::Name, std::pair<std::string, std::uint8_t>, NameHash> kept;

  Keeper keeper;

  Result<void> load();
  void forget(const identity::Name& name);
  void record_refusal(const CloudMessage& message, Record record, const base::Error& error);
};

Result<void> Messages::State::load() {
  for (auto& subscription : TRY(reader.subscriptions())) {
    kept.emplace(std::move(subscription.name),
                 std::pair(std::move(subscription.generation_id), subscription.qos));
  }
  return keeper.start();
}

void Messages::State::forget(const identity::Name& name) {
  {
    const std::lock_guard lock(kept_mutex);
    std::erase_if(kept, [&name](const auto& entry) {
      return entry.first == name || (!name.is_module() && entry.first.device_id == name.device_id);
    });
  }
  // After the end the rows stay: they are of a generation that is gone.
  keeper.submit([name](Work& work) { return work.forget(name); });
}

void Messages::State::record_refusal(const CloudMessage& message, Record record,
                                     const base::Error& error) {
  const Status status = status_of(error, Of::Message);
  record.time = options.now();
  record.category = operations::Category::C2DCommands;
  record.operation = "send";
  record.status_code = status.code;
  record.sub_code = status.sub_code;
  record.level = operations::Level::Error;
  if (error.code == Code::Full) record.reason = operations::Reason::QueueFull;
  if (error.code == Code::TooLarge) record.reason = operations::Reason::Oversize;
  if (error.code == Code::NotFound) record.reason = operations::Reason::Unknown;
  record.device_id = message.to.device_id;
  record.module_id = message.to.module_id;
  record.request_id = message.message_id;
  record.bytes = size_of(message);
  record.detail = error.detail;
  counters.refused.add();
  operations.record(std::move(record));
}

Messages::Messages(std::shared_ptr<State> state) : state_(std::move(state)) {}

Messages::~Messages() {
  stop();
}

Result<std::unique_ptr<Messages>> Messages::open(Options options, identity::Registry& registry,
                                                 operations::Operations& operations) {
  auto writing = TRY(store::Sqlite::open(options.path));
  TRY(MessageTable::migrate(writing));
  auto reading = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  auto state =
      std::make_shared<State>(std::move(options), registry, operations,
                              MessageTable(std::move(reading)), MessageTable(std::move(writing)));
  TRY(state->load());
  // The registry may outlive the messages.
  registry.add_listener(
      [weak = std::weak_ptr(state)](const identity::Name& name, identity::Registry::Event event) {
        const auto alive = weak.lock();
        if (alive && event == identity::Registry::Event::Deleted) alive->forget(name);
      });
  return std::unique_ptr<Messages>(new Messages(std::move(state)));
}

void Messages::send(CloudMessage message, Record record, Done<Receipt> done) {
  State& state = *state_;
  if (const auto acceptable = check(message, state.options.max_message_bytes); !acceptable) {
    state.record_refusal(message, std::move(record), acceptable.error());
    done(std::unexpected(acceptable.error()));
    return;
  }
  const std::size_t bytes = size_of(message);
  const auto shared = std::make_shared<const std::pair<CloudMessage, Record>>(std::move(message),
                                                                              std::move(record));
  state.keeper.submit<Receipt>(
      bytes, Keeper::Weight::Usual,
      [shared](Work& work, Result<Receipt>& result) {
        return work.send(shared->first, shared->second, result);
      },
      [&state, shared, done = std::move(done)](Result<Receipt> result) {
        if (!result) state.record_refusal(shared->first, shared->second, result.error());
        done(std::move(result));
      });
}

Result<Receipt> Messages::send(CloudMessage message, Record record) {
  return wait_for<Receipt>(
      [&](Done<Receipt> done) { send(std::move(message), std::move(record), std::move(done)); });
}

bool Messages::may_receive(const identity::Name& name) const {
  return count(name) > 0;
}

std::size_t Messages::count(const identity::Name& name) const {
  return state_->keeper.length(name);
}

void Messages::receive(Client client, std::size_t most, Holder holder,
                       Done<std::vector<Locked>> done) {
  state_->keeper.submit<std::vector<Locked>>(
      0, Keeper::Weight::Usual,
      [client = std::move(client), most, holder](Work& work, Result<std::vector<Locked>>& result) {
        return work.receive(client, most, holder, result);
      },
      std::move(done));
}

Result<std::vector<Locked>> Messages::receive(Client client, std::size_t most, Holder holder) {
  return wait_for<std::vector<Locked>>([&](Done<std::vector<Locked>> done) {
    receive(std::move(client), most, holder, std::move(done));
  });
}

void Messages::settle(Client client, std::string lock_token, Settlement settlement,
                      Done<void> done) {
  state_->keeper.submit<void>(
      0, Keeper::Weight::Vital,
      [client = std::move(client), lock_token = std::move(lock_token), settlement](
          Work& work, Result<void>& result) {
        return work.settle(client, lock_token, settlement, result);
      },
      std::move(done));
}

Result<void> Messages::settle(Client client, std::string lock_token, Settlement settlement) {
  return wait_for<void>([&](Done<void> done) {
    settle(std::move(client), std::move(lock_token), settlement, std::move(done));
  });
}

Result<std::vector<Waiting>> Messages::list(const identity::Name& name) const {
  const identity::Identity identity = TRY(state_->registry.get(name));
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.list(name, identity.generation_id);
}

Result<std::uint64_t> Messages::purge(const identity::Name& name, Record record) {
  return wait_for<std::uint64_t>([&](Done<std::uint64_t> done) {
    state_->keeper.submit<std::uint64_t>(
        0, Keeper::Weight::Usual,
        [name, record = std::move(record)](Work& work, Result<std::uint64_t>& result) {
          return work.purge(name, record, result);
        },
        std::move(done));
  });
}

void Messages::receive_feedback(Done<std::optional<FeedbackBatch>> done) {
  state_->keeper.submit<std::optional<FeedbackBatch>>(
      0, Keeper::Weight::Usual,
      [](Work& work, Result<std::optional<FeedbackBatch>>& result) {
        return work.receive_feedback(result);
      },
      std::move(done));
}

Result<std::optional<FeedbackBatch>> Messages::receive_feedback() {
  return wait_for<std::optional<FeedbackBatch>>(
      [&](Done<std::optional<FeedbackBatch>> done) { receive_feedback(std::move(done)); });
}

void Messages::settle_feedback(std::string lock_token, Settlement settlement, Done<void> done) {
  state_->keeper.submit<void>(
      0, Keeper::Weight::Vital,
      [lock_token = std::move(lock_token), settlement](Work& work, Result<void>& result) {
        return work.settle_feedback(lock_token, settlement, result);
      },
      std::move(done));
}

Result<void> Messages::settle_feedback(std::string lock_token, Settlement settlement) {
  return wait_for<void>([&](Done<void> done) {
    settle_feedback(std::move(lock_token), settlement, std::move(done));
  });
}

std::optional<std::uint8_t> Messages::kept_subscription(const identity::Name& name,
                                                        std::string_view generation_id) const {
  const std::lock_guard lock(state_->kept_mutex);
  const auto found = state_->kept.find(name);
  if (found == state_->kept.end() || found->second.first != generation_id) return std::nullopt;
  return found->second.second;
}

void Messages::keep_subscription(const identity::Name& name, const std::string& generation_id,
                                 std::optional<std::uint8_t> kept) {
  {
    const std::lock_guard lock(state_->kept_mutex);
    const auto found = state_->kept.find(name);
    const bool there = found != state_->kept.end() && found->second.first == generation_id;
    if (kept ? there && found->second.second == *kept : !there) return;
    if (kept)
      state_->kept[name] = {generation_id, *kept};
    else
      state_->kept.erase(found);
  }
  state_->keeper.submit([name, generation_id, kept](Work& work) {
    return work.keep({name, generation_id, kept.value_or(0)}, kept.has_value());
  });
}

void Messages::add_listener(std::function<void(const identity::Name&)> listener) {
  state_->keeper.add_listener(std::move(listener));
}

void Messages::add_feedback_listener(std::function<void()> listener) {
  state_->keeper.add_feedback_listener(std::move(listener));
}

void Messages::sweep() {
  state_->keeper.sweep();
}

const Options& Messages::options() const {
  return state_->options;
}

const Counters& Messages::counters() const {
  return state_->counters;
}

void Messages::stop() {
  state_->keeper.stop();
}

}  // namespace hub::commands
