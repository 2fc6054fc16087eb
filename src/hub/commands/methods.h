#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"

namespace hub::commands {

// The defaults are IoT Hub's.
struct MethodOptions {
  std::size_t max_payload_bytes = 128 * 1024;  // of a call, and of an answer
  std::size_t max_name_bytes = 100;
  std::size_t max_waiting = 10'000;         // calls without an answer, in the whole hub,
  std::size_t max_waiting_per_device = 64;  // and of one receiver
  std::chrono::seconds default_response_timeout{30};
  std::chrono::seconds least_response_timeout{5};
  std::chrono::seconds most_response_timeout{300};
  std::chrono::seconds most_connect_timeout{300};
  std::size_t meter_block = 4096;  // bytes that one metered unit covers
  std::function<base::WallTime()> wall_now = base::wall_now;
  std::function<base::MonoTime()> mono_now = base::mono_now;
};

// A direct method, as somebody calls it.
struct MethodCall {
  identity::Name to;
  std::string method;
  std::string payload;                                 // JSON; empty: null
  std::chrono::milliseconds connect_timeout{0};        // how long to wait for the device to come
  std::chrono::milliseconds response_timeout{30'000};  // how long to wait for its answer
  operations::Record record;  // the caller's: protocol, ip, actor, request_id
};

// What the device said; `status` is its own affair.
struct MethodAnswer {
  int status = 200;
  std::string payload;  // JSON; empty: none
};

// As a connection is to carry it to the device.
struct MethodRequest {
  std::string request_id;
  std::string method;
  std::string payload;
};

struct MethodCounters {
  base::Counter calls;
  base::Counter answered;
  base::Counter refused;     // not acceptable, or too many
  base::Counter not_online;  // nobody served methods there in time
  base::Counter timed_out;
  base::Counter unasked;  // answers to calls that are over, or never were
};

// Direct methods: calls in memory, from whoever calls to the connection that serves them and back.
// Each is recorded in `operations` when it is over (DirectMethods, invoke).
// `registry` and `operations` must outlive it. Threads: any.
class Methods {
 public:
  // Called once for each call: on the thread that answered, that cut or that calls; or on the
  // methods' own for a timeout. Cheap.
  //
  // Errors: NotFound (no such identity), Closed (nobody there serves methods, or came to do so in
  // time), Expired (no answer in time), Invalid and TooLarge (name, payload, timeouts), Malformed
  // (the answer is no JSON, or above the limit), Full (too many calls wait), Unavailable (the hub
  // stops); status_of() has their numbers.
  using Done = std::function<void(base::Result<MethodAnswer>)>;
  // Carries a request to the device; cheap, and calls nothing of Methods.
  using Carrier = std::function<void(const MethodRequest&)>;

  Methods(MethodOptions options, identity::Registry& registry, operations::Operations& operations);
  ~Methods();  // stops
  Methods(const Methods&) = delete;
  Methods& operator=(const Methods&) = delete;

  void invoke(MethodCall call, Done done);
  // The same, and waits. Not on a thread that serves connections.
  base::Result<MethodAnswer> invoke(MethodCall call);

  // From the connections. That identity serves methods from now on; gives a number that leave()
  // must bring back. A newer one replaces it.
  std::uint64_t serve(const identity::Name& name, Carrier carrier);
  // It does no more. Calls without an answer go on waiting: the device may come back and answer.
  void leave(const identity::Name& name, std::uint64_t served);
  // The answer of that identity; `client` has the device's side for the record. False: nobody
  // asked, or it came too late. An answer above the limit, or one that is no JSON, ends its call
  // with an error.
  bool answer(const identity::Name& name, std::string_view request_id, int status,
              std::string_view payload, operations::Record client);

  // Ends what is overdue. For tests; it happens by itself.
  void expire();

  const MethodOptions& options() const;
  const MethodCounters& counters() const;

  // Ends all calls, takes no more. Idempotent.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hub::commands
