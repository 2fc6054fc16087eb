#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "uplink/backoff.h"
#include "uplink/twin.h"
#include "wire/mqtt.h"

namespace uplink {

// The device's end of a twin over MQTT, without its connection: it asks for the whole twin after
// each connect, hands on what is desired in the order of its versions (asking anew when it missed
// one), and keeps the reported properties at the hub as report() last said.
//
// One request at a time; one without an answer, or answered 429 or 5xx, is repeated with backoff.
// Never calls back from within report(). Threads: one at a time; pure but for the callbacks.
// Source: Azure IoT Hub, "Communicate with your IoT hub using the MQTT protocol", device twins.
class TwinClient {
 public:
  struct Options {
    std::chrono::nanoseconds answer_timeout = std::chrono::seconds(30);
    std::chrono::nanoseconds retry_first = std::chrono::seconds(2);
    std::chrono::nanoseconds retry_most = std::chrono::minutes(5);
  };
  struct Callbacks {
    // Sends a packet at QoS 0.
    std::function<void(std::string_view topic, std::string_view payload)> publish;
    std::function<void(const Desired&)> desired;
    std::function<double()> random01;
  };

  TwinClient(Options options, Callbacks callbacks);

  // What to subscribe to after each connect.
  static std::span<const std::string_view> filters();
  // The answer to that subscription, one for each filter: granted or not.
  void subscribed(bool granted, base::MonoTime now);
  void disconnected();

  // Something that the hub published; false: not a twin's.
  bool take(const wire::mqtt::Publish& packet, base::MonoTime now);

  // What the reported properties should be from now on: a JSON object. Top-level members that it
  // does not name are left alone at the hub; within those that it names, what is missing is
  // removed. Only differences are sent. Errors: Malformed, Invalid (no object); nothing changes
  // then.
  base::Result<void> report(std::string_view json, base::MonoTime now);

  // When tick() has something to do; MonoTime::max(): never.
  base::MonoTime deadline() const;
  void tick(base::MonoTime now);

  TwinStats stats() const;

 private:
  struct Request {
    std::string id;
    base::MonoTime deadline;
    std::optional<base::json::Value> patch;  // of reported properties; none: GET
  };

  void step(base::MonoTime now);
  void send(std::string_view topic, std::optional<base::json::Value> patch, base::MonoTime now);
  void answered(int status, std::string_view payload, base::MonoTime now);
  bool take_whole(std::string_view payload);
  void take_patch(std::int64_t version, std::string_view payload);
  void hand_on(const Desired& desired);
  void try_later(std::string why, base::MonoTime now);

  Options options_;
  Callbacks callbacks_;
  Backoff backoff_;
  TwinStats stats_;
  std::optional<base::json::Value> wanted_;  // what report() said
  base::json::Value reported_;               // what the hub has, as far as we know
  bool subscribed_ = false;
  bool refused_ = false;            // the hub will not take `wanted_`
  std::int64_t newest_patch_ = 0;   // that came while the whole was on its way
  std::optional<Request> request_;  // waiting for its answer
  base::MonoTime resume_at_{};
  std::uint64_t last_id_ = 0;
};

}  // namespace uplink
