#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "hub/commands/messages.h"
#include "hub/link/member.h"
#include "hub/link/session.h"

namespace hub::listen {

// The properties of a message as they stand at the end of its topic.
std::string command_bag(const commands::CloudMessage& message);

// The messages to one MQTT session: fetches, publishes and settles them.
//
// QoS 1: a message is completed by its PUBACK. Published again under its packet id if its lock
// ended meanwhile; given back when the session ends. QoS 0: completed as soon as it is published.
// Threads: those of the session.
class MqttCommands {
 public:
  // All must outlive it, and tasks that are delivered to the host must run while it lives, or not
  // at all. Packets are appended to `out`.
  MqttCommands(link::Service& service, link::Host& host, std::uint32_t connection,
               const link::Member& member, base::ByteVec& out)
      : service_(service), host_(host), connection_(connection), member_(member), out_(out) {}

  void subscribed(std::uint8_t qos) { qos_ = qos; }
  // What was published can still be acknowledged.
  void unsubscribed() { qos_.reset(); }
  std::optional<std::uint8_t> qos() const { return qos_; }

  // There may be something to fetch.
  void look();
  void acknowledged(std::uint16_t packet_id);
  // Looks again where there was no room.
  void tick();
  // Gives back what was not acknowledged.
  void end();

 private:
  struct Batch;
  struct Unsettled {
    std::int64_t sequence = 0;
    std::string lock_token;
    base::MonoTime lock_ends;
  };

  commands::Client client() const;
  std::size_t held() const;
  bool has_room() const;
  void take(Batch& batch);
  void publish(const commands::Locked& locked);
  std::uint16_t packet_id_for(std::int64_t sequence, bool& again);
  void settle(std::string lock_token, commands::Settlement settlement);

  link::Service& service_;
  link::Host& host_;
  std::uint32_t connection_;
  const link::Member& member_;
  base::ByteVec& out_;
  std::optional<std::uint8_t> qos_;  // subscribed with
  bool fetching_ = false;
  std::size_t asked_ = 0;    // for so many, at most
  bool look_again_ = false;  // there may be more, and it could not be fetched at once
  std::uint16_t last_packet_id_ = 0;
  // By packet id; those whose lock has ended are kept for a while, as they may be published again.
  std::map<std::uint16_t, Unsettled> unsettled_;
};

}  // namespace hub::listen
