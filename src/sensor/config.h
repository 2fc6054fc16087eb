#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sensor/delivery/delivery.h"
#include "sensor/read.h"
#include "uplink/identity_files.h"

namespace sensor {

enum class Method : std::uint8_t { Auto, Ring, Pcap };
// Of a sandbox that cannot be had: Required, it is an error; IfPossible, it is told.
enum class Sandboxing : std::uint8_t { Required, IfPossible, Off };

// What the sensor is set up to do (docs/reference/sensor.md).
struct Config {
  std::string interface;  // capture.interface
  Method method = Method::Auto;
  // capture.helper: a program, or a Unix socket; empty: where they are installed.
  std::string helper;
  unsigned int workers = 1;
  std::size_t ring = 64U << 20U;  // bytes for each worker
  bool keep_duplicates = false;
  std::uint32_t flows = 200'000;
  std::size_t reassembly = 64U << 20U;
  std::size_t facts = 1'000'000;
  std::string protocols;  // protocols.folder: what users describe; empty: there is none
  // Holds the inventory, status.json and the spool; empty: there are none.
  std::string state_dir;
  std::chrono::nanoseconds inventory_every{};  // state.inventory_every
  Sandboxing sandbox = Sandboxing::Required;   // privileges.sandbox
  What what = What::Transactions;
  Shape shape = Shape::Json;  // output.format
  // hub.*: who the sensor is there; without a connection string nothing is told to a hub.
  uplink::IdentityFiles hub;
  delivery::Settings deliver;               // deliver.*
  std::chrono::nanoseconds health_every{};  // deliver.health_every
  std::size_t spool_bytes = 64U << 20U;     // state.max_bytes

  bool has_hub() const { return !hub.connection_string_file.empty(); }
};

// From the file (empty: /etc/vedette/sensor.toml if it is there), sensor.d/*.toml beside it, the
// environment and flags. Errors: Invalid with a line for each problem, and those of os::Config.
base::Result<Config> load_config(const std::string& file,
                                 std::vector<std::pair<std::string, std::string>> flags);

}  // namespace sensor
