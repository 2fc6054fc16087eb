#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/counter.h"
#include "base/time.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/identity/registry.h"
#include "hub/limits/limits.h"
#include "hub/link/session_table.h"
#include "hub/link/sink.h"
#include "hub/operations/operations.h"
#include "hub/twins/twins.h"

namespace hub::provisioning {
class Provisioning;
}

namespace hub::link {

// What holds for every session, whatever its protocol.
struct Options {
  std::size_t max_connections = 20'000;
  std::size_t max_pending_logins = 2'000;           // connections that have not logged in yet
  std::chrono::milliseconds login_timeout{10'000};  // from accept to the end of the login
  std::size_t max_message_bytes = 256 * 1024;       // properties and payload
  std::size_t max_subscriptions = 5;                // MQTT
  std::size_t max_unacknowledged = 4'096;  // messages of one connection on their way to the journal
  std::size_t max_unacknowledged_bytes = 4U << 20U;  // the same, in bytes
  std::size_t max_unsettled = 8;       // messages to one connection that it has not settled yet
  std::size_t max_twin_requests = 32;  // of one connection, waiting for their answers
  std::chrono::seconds max_silence{1'767};  // also where a client asks for no keep-alive
  std::chrono::milliseconds tick{500};      // how often timeouts and expiries are looked at
  limits::Settings limits;                  // rates and the day's quota
  // Time as a parameter, for tests. Tokens expire by the wall clock; everything else goes by the
  // steady one, so that a step of the wall clock cuts nobody off who holds a valid token.
  std::function<base::WallTime()> wall_now = base::wall_now;
  std::function<base::MonoTime()> mono_now = base::mono_now;
};

// Since start; read by the API.
struct Counters {
  base::Counter accepted;       // TCP connections
  base::Counter refused_limit;  // closed at once: too many connections or pending logins
  base::Counter tls_failed;     // handshakes that failed
  base::Counter login_timeouts;
  base::Counter logins;           // accepted
  base::Counter logins_refused;   // reasons: operations
  base::Counter taken_over;       // older connections of the same identity, cut
  base::Counter token_renewals;   // logins that only brought a newer token
  base::Counter refused_address;  // closed at once: the rules about addresses
  base::Counter token_expired;    // cut in mid-session
  base::Counter keep_alive_expired;
  base::Counter malformed;      // connections cut for a violation of their protocol
  base::Counter oversize;       // connections cut for a message above the limit
  base::Counter qos2;           // connections cut for a QoS 2 publish
  base::Counter unknown_topic;  // connections cut for a topic that is not served
  base::Counter too_many_subscriptions;
  base::Counter messages;           // device-to-cloud messages taken
  base::Counter security_messages;  // of these
  base::Counter message_bytes;      // properties and payload
  base::Counter pubacks;            // messages that were acknowledged, in whatever way
  base::Counter not_durable;    // messages that the sink could not store; their connections are cut
  base::Counter paused;         // times that reading stopped because the sink had no room
  base::Counter wills;          // messages sent for those who went without a DISCONNECT
  base::Counter wills_dropped;  // the sink had no room for them
  base::Counter twin_requests;  // reads of twins, patches of reported properties
  base::Counter twin_requests_refused;  // of these: too many at once, answered 429
  base::Counter twin_changes_told;      // of desired properties, to those who are connected
};

// What the sessions of a hub share: who may connect, where messages go, who is connected.
//
// Cuts the sessions of identities that are disabled or deleted, and tells those that are connected
// of changes of their desired properties and of messages that wait for them, from start() on.
// Threads: any.
struct Service {
  // All must outlive it. No Done of a message that the sink took, or of a request that the twins or
  // the commands took, may be called after the hosts of the sessions are gone: stop those first.
  Service(Options given, identity::Registry& identities, twins::Twins& documents,
          commands::Messages& commands, commands::Methods& calls, operations::Operations& records,
          Sink& destination);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Cuts the session of an identity, and with a device's those of its modules.
  void revoke(const identity::Name& name, operations::Reason reason);

  const Options options;
  identity::Registry& registry;
  twins::Twins& twins;
  commands::Messages& messages;
  commands::Methods& methods;
  operations::Operations& operations;
  Sink& sink;
  // Where devices without an identity register; none: nullptr. Set before serving; outlives it.
  provisioning::Provisioning* provisioning = nullptr;
  Counters counters;
  limits::Limits limits;
  SessionTable sessions;
  // Raised by each deletion and each disabling, before the table is searched: a login that began
  // before one and is entered after it looks again.
  std::atomic<std::uint64_t> revocations{0};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> pending_logins{0};

 private:
  struct Watch;  // what the registry and the twins call, which may outlive the service
  std::shared_ptr<Watch> watch_;
};

}  // namespace hub::link
