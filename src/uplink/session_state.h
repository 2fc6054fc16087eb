#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "os/connect.h"
#include "os/tls.h"
#include "uplink/backoff.h"
#include "uplink/module_key.h"
#include "uplink/packet_ids.h"
#include "uplink/session.h"
#include "wire/mqtt.h"
#include "wire/topics.h"

// What a session knows. session.cc connects and ends, session_exchange.cc talks in between. Private
// to these two.
namespace uplink {

struct Session::State {
  enum class Phase : std::uint8_t { Stopped, Waiting, Connecting, Online, Renewing };
  struct InFlight {
    Message message;
    std::uint16_t packet_id = 0;
    bool on_this_connection = false;
    base::MonoTime sent_at;
  };

  os::Loop& loop;
  Options options;
  Callbacks callbacks;
  os::TlsClient tls;
  // For asking for the module's key, where that is needed.
  std::optional<os::TlsClient> device_tls;
  std::string module_key;  // secret; empty: to be asked for
  std::unique_ptr<ModuleKeyRequest> key_request;
  std::string topic;
  Backoff backoff;
  std::minstd_rand random;

  Phase phase = Phase::Stopped;
  std::unique_ptr<os::Connect> connect;
  std::unique_ptr<os::TlsStream> stream;
  std::optional<wire::mqtt::Stream> packets;
  std::deque<InFlight> in_flight;  // in the order of their first transmission
  PacketIds packet_ids;
  base::MonoTime last_sent;
  base::MonoTime online_since;
  bool heard = false;   // since the last look of the keep-alive timer
  bool pinged = false;  // at that look
  SessionStats stats;

  std::optional<TwinClient> twin;                  // where the owner wants it
  std::uint16_t subscribe_id = 0;                  // of the SUBSCRIBE that waits for its answer
  base::MonoTime twin_at = base::MonoTime::max();  // when twin_timer ends

  os::TimerId phase_timer = 0;  // end of Waiting, Connecting or Renewing
  os::TimerId renewal_timer = 0;
  os::TimerId keep_alive_timer = 0;
  os::TimerId ack_timer = 0;
  os::TimerId twin_timer = 0;

  State(os::Loop& the_loop, Options the_options, Callbacks the_callbacks, os::TlsClient the_tls);
  wire::TopicOwner owner() const {
    return {options.identity.device_id, options.identity.module_id};
  }
  bool online() const { return phase == Phase::Online || phase == Phase::Renewing; }

  bool by_certificate() const {
    return options.identity.has_certificate() && !options.identity.through_device;
  }
  const std::string& key() const {
    return options.identity.through_device ? module_key : options.identity.key_base64;
  }

  void begin_connecting();
  void ask_for_key();
  void connect_to_hub();
  void connected(base::Result<os::Fd> socket);
  base::Result<base::ByteVec> connect_packet() const;
  void received(base::ByteView bytes);
  base::Result<void> handle(const wire::mqtt::Packet& packet);
  base::Result<void> accepted(const wire::mqtt::Connack& connack);
  void acknowledged(std::uint16_t packet_id);
  void delivered(const wire::mqtt::Publish& packet);

  void open_twin();
  void subscribe_to_twin();
  base::Result<void> subscribed(const wire::mqtt::Suback& packet);
  void tick_twin();
  void plan_twin();

  std::uint16_t new_packet_id();
  void pump();
  void publish(InFlight& item, bool again);
  void send(base::ByteView bytes);

  void connect_timed_out();
  void look_for_acks();
  void keep_alive();
  void renew();
  void finish_renewal();

  void fail(const base::Error& error);
  void disconnect();
  void drop_connection();
  void set_timer(os::TimerId& timer, std::chrono::nanoseconds delay, void (State::*action)());
  double random01() { return std::uniform_real_distribution<double>(0, 1)(random); }
};

}  // namespace uplink
