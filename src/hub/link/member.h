#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "base/time.h"
#include "hub/link/service.h"
#include "hub/link/session.h"
#include "hub/link/sink.h"

namespace hub::link {

// JSON as messages carry it: scope, type, issuer.
std::string auth_json(const operations::Auth& auth);

// The Done of a message, for a session's report. Sixteen bytes of plain data: std::function keeps
// them without allocating.
struct Report {
  Host* host;
  std::uint32_t connection;
  std::uint16_t packet_id;
  std::uint16_t kibibytes;

  void operator()(bool durable) const { host->report({connection, packet_id, kibibytes, durable}); }
};
static_assert(sizeof(Report) == 16 && std::is_trivially_copyable_v<Report>);

// The part of a session that all protocols have: who it is, from the login to the end, with what
// is recorded, counted and told to the registry about that.
// Threads: those of the session.
class Member {
 public:
  // `service` and `host` must outlive it.
  Member(Service& service, Host& host, std::uint32_t connection, Transport transport);

  // Asks `authenticate`, enters the identity in the table (which cuts an older connection of it)
  // and asks again if identities were disabled or deleted meanwhile. Nothing is recorded yet.
  using Authenticate = std::function<std::expected<identity::Grant, identity::Refusal>()>;
  std::optional<identity::Refusal> log_in(const Authenticate& authenticate);
  // Records that it came.
  void welcome();
  // Counts and records that it was not let in.
  void refused(const identity::Refusal& refusal);
  // The same of one that broke the protocol before it said who it is.
  void refused_unknown(operations::Reason reason, const std::string& detail);
  // The same identity showed a newer proof.
  void renew(const identity::Grant& grant);

  bool logged_in() const { return peer_ != nullptr; }
  const identity::Name& name() const { return name_; }
  const Peer& peer() const { return *peer_; }  // after the login
  const Transport& transport() const { return transport_; }

  // A message was taken.
  void count_message(std::size_t bytes, bool security);
  // Tells the registry what was heard since the last call.
  void tell_activity();
  // Records the messages of the last while, when it is time to; see kTrafficPeriod. Called often.
  void tick();
  // Why it must end now by its proof, and the words for that.
  struct Expiry {
    operations::Reason reason;
    std::string detail;
  };
  std::optional<Expiry> expired() const;
  // Counts an operation towards the limits. nullopt: it may be done, though the sender may have to
  // slow down, see held_back(). Else why it may not.
  std::optional<Expiry> charge(limits::Kind kind, std::size_t bytes);
  // Nothing more is to be read from it for a while: it is too fast.
  bool held_back() const;

  // Frees the identity. Call record_end() after it.
  void leave();
  void record_end(operations::Reason reason, const std::string& detail);
  // With all that is known of the connection.
  operations::Record new_record(const char* operation) const;

  // Messages of so long make one record, as there may be too many for one each.
  static constexpr std::chrono::seconds kTrafficPeriod{60};
  // Security messages shorter than that waste what a meter unit holds. Azure's recommendation.
  static constexpr std::size_t kSmallMessage = 4096;

 private:
  void record_traffic();
  identity::Refusal too_much(const identity::Grant& grant, const Expiry& refused);

  Service& service_;
  Host& host_;
  std::uint32_t connection_;
  Transport transport_;
  base::MonoTime opened_;

  // After login.
  identity::Name name_;
  std::unique_ptr<const Peer> peer_;
  operations::Auth auth_;
  std::uint64_t presence_ = 0;
  base::WallTime expires_;
  std::string authority_;  // that vouched for the certificate
  bool renewal_ = false;   // it came only to bring a newer token
  std::optional<base::MonoTime> held_until_;
  std::uint64_t message_bytes_ = 0;  // since login
  std::uint64_t tick_messages_ = 0;  // not told to the registry yet
  std::uint64_t tick_security_messages_ = 0;
  std::uint64_t tick_small_messages_ = 0;
  // Messages that are not recorded yet.
  struct Traffic {
    std::uint64_t messages = 0;
    std::uint64_t security_messages = 0;
    std::uint64_t small_messages = 0;
    std::uint64_t bytes = 0;
    std::uint64_t units = 0;
    base::MonoTime since;
  };
  Traffic traffic_;
};

}  // namespace hub::link
