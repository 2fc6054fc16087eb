#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kql/ticks.h"
#include "store/events.h"

// The fleet that the workspace is measured with: devices that run programs, connect, are logged in
// to, and report what they are, as rows of the event store, in the order in which a hub received
// them. The same shape gives the same rows, on every machine, byte for byte.
//
// What is in it: five kinds of devices (cameras, controllers, gateways, panels, meters). Of a
// hundred devices 5 are six times as busy as most and 25 twice. All send a heartbeat every hour,
// three statistics every day and pictures of themselves (ports, accounts, firewall, hardware,
// failed checks, packages) every week; in between they do their jobs, in which programs, arguments
// and peers vary as they do in life: file names, times and numbers that never come again beside
// texts that always do. A fifth of what repeats is told as an aggregate. Every device is cut off
// about once a month, two hours on average, and sends the backlog afterwards; the clocks of three
// in a hundred are wrong by up to six hours. Half-way devices are updated and restarted, one after
// another. Event ids are random, as agents make them.
namespace bench {

struct FleetShape {
  std::uint32_t devices = 10'000;
  std::uint32_t days = 30;
  std::uint64_t seed = 1;
  kql::Ticks end = 639'055'008'000'000'000;  // 2026-02-01T00:00:00Z; a whole day
  kql::Ticks begin() const { return end - days * kql::kTicksPerDay; }
};

class Fleet {
 public:
  explicit Fleet(const FleetShape& shape);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Adds what came next to the batch, until it has at least `rows` rows of events; alerts beside
  // them. False when the time is over; the batch may hold rows then as well.
  bool fill(store::Batch& batch, std::size_t rows);
  // When the hub received the last row.
  kql::Ticks now() const;
  // Device ids are known beforehand; `device` is below shape.devices.
  const std::string& device_id(std::uint32_t device) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bench
