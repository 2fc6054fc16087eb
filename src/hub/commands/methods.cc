#include "hub/commands/methods.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "hub/commands/message.h"
#include "hub/commands/status.h"

namespace hub::commands {

using base::Code;
using base::fail;
using base::MonoTime;
using base::Result;
using operations::Record;

namespace {

// It is a level of a topic, and a line of a record.
bool is_method_name(std::string_view name, std::size_t most) {
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '+' || c == '#';
  };
  return !name.empty() && name.size() <= most && base::is_utf8(name) &&
         std::ranges::none_of(name, bad);
}

std::string seconds(std::chrono::seconds duration) {
  return std::to_string(duration.count()) + " s";
}

Result<void> check_call(const MethodCall& call, const MethodOptions& options) {
  if (!is_method_name(call.method, options.max_name_bytes)) {
    return fail(Code::Invalid, "method", -1,
                "a method's name has 1 to " + std::to_string(options.max_name_bytes) +
                    " bytes, no control characters and none of / + #");
  }
  if (call.payload.size() > options.max_payload_bytes) {
    return fail(Code::TooLarge, "method", -1,
                "the payload has " + std::to_string(call.payload.size()) + " bytes; the limit is " +
                    std::to_string(options.max_payload_bytes));
  }
  if (call.response_timeout < options.least_response_timeout ||
      call.response_timeout > options.most_response_timeout) {
    return fail(Code::Invalid, "method", -1,
                "the response timeout is " + seconds(options.least_response_timeout) + " to " +
                    seconds(options.most_response_timeout));
  }
  if (call.connect_timeout < std::chrono::seconds(0) ||
      call.connect_timeout > options.most_connect_timeout) {
    return fail(Code::Invalid, "method", -1,
                "the connect timeout is 0 s to " + seconds(options.most_connect_timeout));
  }
  return {};
}

std::uint64_t random_start() {
  std::array<std::uint8_t, 6> bytes{};
  base::random_bytes(bytes);
  std::uint64_t start = 1;
  for (const std::uint8_t byte : bytes)
    start = (start << 8U) | byte;
  return start;
}

}  // namespace

struct Methods::State {
  State(MethodOptions given, identity::Registry& identities, operations::Operations& records)
      : options(std::move(given)), registry(identities), operations(records) {}

  struct Waiting {
    MethodCall call;
    Done done;
    MonoTime begun;
    MonoTime deadline;
    bool sent = false;  // else it waits for the device to come
  };
  struct Served {
    std::uint64_t number = 0;
    Carrier carrier;
  };
  using Calls = std::map<std::string, Waiting, std::less<>>;

  const MethodOptions options;
  identity::Registry& registry;
  operations::Operations& operations;
  MethodCounters counters;

  std::mutex mutex;  // guards all below
  std::condition_variable wake;
  Calls calls;  // by request id
  std::set<std::pair<MonoTime, std::string>> deadlines;
  std::map<identity::Name, std::set<std::string>> by_name;
  std::map<identity::Name, Served> served;
  std::uint64_t next_request = random_start();
  std::uint64_t next_served = 1;
  bool stopping = false;
  std::thread thread;

  Result<void> enter(MethodCall& call, Done& done, std::optional<MethodRequest>& request,
                     Carrier& carrier);
  void set_deadline(const std::string& id, Waiting& waiting, MonoTime deadline);
  Waiting take(Calls::iterator found);
  void finish(Waiting& waiting, Result<MethodAnswer> result, const Record* client);
  void expire(MonoTime now);
  void run();
};

Result<void> Methods::State::enter(MethodCall& call, Done& done,
                                   std::optional<MethodRequest>& request, Carrier& carrier) {
  const MonoTime now = options.mono_now();
  const std::lock_guard lock(mutex);
  if (stopping) return fail(Code::Unavailable, "method", -1, "the hub is stopping");
  auto& own = by_name[call.to];
  if (calls.size() >= options.max_waiting || own.size() >= options.max_waiting_per_device) {
    if (own.empty()) by_name.erase(call.to);
    return fail(Code::Full, "method", -1, "too many calls wait for their answers");
  }
  const auto server = served.find(call.to);
  if (server == served.end() && call.connect_timeout.count() == 0) {
    if (own.empty()) by_name.erase(call.to);
    return fail(Code::Closed, "method", -1,
                call.to.to_string() + " is not connected, or serves no methods");
  }
  const std::string id = base::hex_encode(base::as_bytes(std::to_string(next_request++)));
  Waiting waiting;
  waiting.begun = now;
  waiting.sent = server != served.end();
  waiting.deadline = now + (waiting.sent ? call.response_timeout : call.connect_timeout);
  if (waiting.sent) {
    request = MethodRequest{id, call.method, call.payload};
    carrier = server->second.carrier;
  }
  waiting.call = std::move(call);
  waiting.done = std::move(done);
  own.insert(id);
  deadlines.emplace(waiting.deadline, id);
  calls.emplace(id, std::move(waiting));
  wake.notify_one();
  return {};
}

void Methods::State::set_deadline(const std::string& id, Waiting& waiting, MonoTime deadline) {
  deadlines.erase({waiting.deadline, id});
  waiting.deadline = deadline;
  deadlines.emplace(deadline, id);
}

Methods::State::Waiting Methods::State::take(Calls::iterator found) {
  Waiting waiting = std::move(found->second);
  deadlines.erase({waiting.deadline, found->first});
  const auto own = by_name.find(waiting.call.to);
  own->second.erase(found->first);
  if (own->second.empty()) by_name.erase(own);
  calls.erase(found);
  return waiting;
}

void Methods::State::finish(Waiting& waiting, Result<MethodAnswer> result, const Record* client) {
  Record record = std::move(waiting.call.record);
  record.time = options.wall_now();
  record.category = operations::Category::DirectMethods;
  record.operation = "invoke";
  record.device_id = waiting.call.to.device_id;
  record.module_id = waiting.call.to.module_id;
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.mono_now() - waiting.begun);
  record.bytes = waiting.call.payload.size();
  record.meter_units = meter_units(waiting.call.payload.size(), options.meter_block);
  record.detail = waiting.call.method;
  if (client != nullptr) {
    record.sdk_version = client->sdk_version;
    record.generation_id = client->generation_id;
  }
  if (result) {
    record.bytes += result->payload.size();
    record.meter_units += meter_units(result->payload.size(), options.meter_block);
    record.detail += ": " + std::to_string(result->status);
    counters.answered.add();
  } else {
    const Status status = status_of(result.error(), Of::Method);
    record.status_code = status.code;
    record.sub_code = status.sub_code;
    record.level = operations::Level::Error;
    record.detail += ": " + result.error().detail;
    switch (result.error().code) {
      case Code::NotFound:
        record.reason = operations::Reason::Unknown;
        counters.refused.add();
        break;
      case Code::Closed:
        record.reason = operations::Reason::NotOnline;
        counters.not_online.add();
        break;
      case Code::Expired:
        record.reason = operations::Reason::NoAnswer;
        counters.timed_out.add();
        break;
      default:
        counters.refused.add();
    }
  }
  operations.record(std::move(record));
  waiting.done(std::move(result));
}

void Methods::State::expire(MonoTime now) {
  std::vector<Waiting> over;
  {
    const std::lock_guard lock(mutex);
    while (!deadlines.empty() && deadlines.begin()->first <= now)
      over.push_back(take(calls.find(deadlines.begin()->second)));
  }
  for (Waiting& waiting : over) {
    const std::string name = waiting.call.to.to_string();
    if (waiting.sent) {
      finish(waiting, fail(Code::Expired, "method", -1, name + " did not answer in time"), nullptr);
    } else {
      finish(waiting, fail(Code::Closed, "method", -1, name + " did not connect in time"), nullptr);
    }
  }
}

void Methods::State::run() {
  // Signals are the main thread's.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "methods");
  for (;;) {
    {
      std::unique_lock lock(mutex);
      if (stopping) return;
      if (deadlines.empty()) {
        wake.wait(lock);
      } else {
        const auto wait = deadlines.begin()->first - options.mono_now();
        if (wait > MonoTime::duration::zero()) wake.wait_for(lock, wait);
      }
    }
    expire(options.mono_now());
  }
}

Methods::Methods(MethodOptions options, identity::Registry& registry,
                 operations::Operations& operations)
    : state_(std::make_unique<State>(std::move(options), registry, operations)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Methods::~Methods() {
  stop();
}

void Methods::invoke(MethodCall call, Done done) {
  State& state = *state_;
  state.counters.calls.add();
  State::Waiting refused;
  std::optional<MethodRequest> request;
  Carrier carrier;
  auto entered = check_call(call, state.options);
  if (entered) {
    if (const auto identity = state.registry.get(call.to); !identity) {
      // What the store says is not the caller's business.
      entered = identity.error().code == Code::NotFound
                    ? Result<void>(
                          fail(Code::NotFound, "method", -1, "there is no " + call.to.to_string()))
                    : fail(Code::Unavailable, "method", -1, "the registry cannot be read now");
    }
  }
  if (entered) entered = state.enter(call, done, request, carrier);
  if (!entered) {
    refused.begun = state.options.mono_now();
    refused.call = std::move(call);
    refused.done = std::move(done);
    state.finish(refused, std::unexpected(entered.error()), nullptr);
    return;
  }
  if (request) carrier(*request);
}

Result<MethodAnswer> Methods::invoke(MethodCall call) {
  std::promise<Result<MethodAnswer>> promise;
  invoke(std::move(call),
         [&promise](Result<MethodAnswer> answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

std::uint64_t Methods::serve(const identity::Name& name, Carrier carrier) {
  State& state = *state_;
  std::vector<MethodRequest> requests;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(state.mutex);
    number = state.next_served++;
    state.served[name] = {number, carrier};
    const MonoTime now = state.options.mono_now();
    const auto own = state.by_name.find(name);
    if (own != state.by_name.end()) {
      for (const std::string& id : own->second) {
        State::Waiting& waiting = state.calls.find(id)->second;
        if (waiting.sent) continue;
        waiting.sent = true;
        state.set_deadline(id, waiting, now + waiting.call.response_timeout);
        requests.push_back({id, waiting.call.method, waiting.call.payload});
      }
    }
  }
  for (const MethodRequest& request : requests)
    carrier(request);
  return number;
}

void Methods::leave(const identity::Name& name, std::uint64_t served) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->served.find(name);
  if (found != state_->served.end() && found->second.number == served) state_->served.erase(found);
}

bool Methods::answer(const identity::Name& name, std::string_view request_id, int status,
                     std::string_view payload, Record client) {
  State& state = *state_;
  State::Waiting waiting;
  {
    const std::lock_guard lock(state.mutex);
    const auto found = state.calls.find(request_id);
    if (found == state.calls.end() || !found->second.sent || found->second.call.to != name) {
      state.counters.unasked.add();
      return false;
    }
    waiting = state.take(found);
  }
  if (payload.size() > state.options.max_payload_bytes) {
    state.finish(waiting,
                 fail(Code::Malformed, "method", -1,
                      "the answer has " + std::to_string(payload.size()) + " bytes"),
                 &client);
  } else if (!payload.empty() && !base::json::parse(payload)) {
    state.finish(waiting, fail(Code::Malformed, "method", -1, "the answer is no JSON"), &client);
  } else {
    state.finish(waiting, MethodAnswer{status, std::string(payload)}, &client);
  }
  return true;
}

void Methods::expire() {
  state_->expire(state_->options.mono_now());
}

const MethodOptions& Methods::options() const {
  return state_->options;
}

const MethodCounters& Methods::counters() const {
  return state_->counters;
}

void Methods::stop() {
  std::vector<State::Waiting> over;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    while (!state_->calls.empty())
      over.push_back(state_->take(state_->calls.begin()));
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  for (State::Waiting& waiting : over)
    state_->finish(waiting, fail(Code::Unavailable, "method", -1, "the hub is stopping"), nullptr);
}

}  // namespace hub::commands
