#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "dissect/protocol.h"
#include "sensor/config.h"
#include "sensor/delivery/delivery.h"
#include "sensor/delivery/sender.h"
#include "sensor/engine/engine.h"
#include "sensor/inventory/saved.h"
#include "sensor/steering.h"
#include "sensor/stock.h"
#include "uplink/identity.h"

namespace sensor {

// Tells a hub what workers tell. Threads: one.
class Reporter final : public engine::Consumer {
 public:
  using Full = delivery::Sender::Full;
  // The protocols that are known.
  using Known = std::span<const dissect::Protocol* const>;

  // The folder of config.state_dir is there. `stock` outlives it, and hears each record before.
  // Begins to connect. Errors: those of the spool and of uplink::Uplink::open.
  static base::Result<std::unique_ptr<Reporter>> start(const Config& config, Known known,
                                                       uplink::Identity identity, Full full,
                                                       const Stock& stock);

  // What workers must tell for it.
  static void ask_for(engine::WorkerSettings& settings, const Config& config);

  void take(const engine::Record& record) override;
  // Between records: time passes, also when nothing is heard; what the twin wants takes effect.
  void pass_time(base::WallTime now, const engine::Health& health);
  // Tells all that is left, and how the sensor does.
  void finish(const engine::Health& health);
  // Waits until the hub has everything, or that long. False: it has not.
  bool drain(std::chrono::nanoseconds patience) { return sender_->drain(patience); }
  // Nobody waits for the hub any longer.
  void hurry() { sender_->hurry(); }

  // For status and statistics: members of the object that is open.
  void write_status(base::json::Writer& json) const;
  // What the hub was told of, as delivery::Assets has it; and to begin with.
  inventory::ToldIds told_assets() const { return delivery_.told_assets(); }
  void remember(const inventory::ToldIds& told) { delivery_.remember(told); }

 private:
  Reporter(const Config& config, Known known, std::string sensor, const Stock& stock);
  void take_desired();
  void tell_health(base::WallTime now, const engine::Health& health);
  std::uint64_t left_out() const;

  const Config config_;
  const std::string sensor_;
  const base::MonoTime started_ = base::mono_now();
  const Stock& stock_;
  delivery::Delivery delivery_;
  base::WallTime next_health_;
  Steering steering_;
  std::mutex mutex_;
  std::vector<uplink::Desired> desired_;  // guarded by mutex_; of the hub, not taken yet
  std::unique_ptr<delivery::Sender> sender_;
};

}  // namespace sensor
