#include "sensor/config.h"

#include <array>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "os/config.h"
#include "sensor/capture/source.h"

namespace sensor {

using namespace std::chrono_literals;

namespace {

constexpr const char* kDefaultFile = "/etc/vedette/sensor.toml";
constexpr std::array<std::string_view, 3> kMethods = {"auto", "ring", "libpcap"};
constexpr std::array<std::string_view, 3> kSandboxing = {"required", "if-possible", "off"};
constexpr std::int64_t kMostWorkers = capture::kMostDescriptors;
constexpr std::size_t kMebi = 1U << 20U;

// The module that a sensor is, beside the agent of the same device.
constexpr const char* kModule = "vedette-sensor";

void read_capture(os::Config& from, Config& config) {
  config.interface = from.text("capture.interface", "");
  const std::string method = from.choice("capture.method", "auto", kMethods);
  config.method = method == "ring"      ? Method::Ring
                  : method == "libpcap" ? Method::Pcap
                                        : Method::Auto;
  config.helper = from.path("capture.helper", "");
  config.workers = static_cast<unsigned int>(from.integer("capture.workers", 1, 1, kMostWorkers));
  config.ring = from.bytes("capture.ring", config.ring, 4 * kMebi, 4096 * kMebi);
  config.keep_duplicates = from.boolean("capture.keep_duplicates", false);
  const std::string sandbox = from.choice("privileges.sandbox", "required", kSandboxing);
  config.sandbox = sandbox == "off"           ? Sandboxing::Off
                   : sandbox == "if-possible" ? Sandboxing::IfPossible
                                              : Sandboxing::Required;
}

void read_hub(os::Config& from, Config& config) {
  config.hub.connection_string_file = from.path("hub.connection_string_file", "");
  config.hub.ca_file = from.path("hub.ca_file", "");
  config.hub.certificate_file = from.path("hub.certificate_file", "");
  config.hub.private_key_file = from.path("hub.private_key_file", "");
  config.hub.https_port = static_cast<std::uint16_t>(from.integer("hub.https_port", 0, 0, 65'535));
  config.hub.module_id = from.text("hub.module_id", kModule);
  config.spool_bytes =
      from.bytes("state.max_bytes", config.spool_bytes, kMebi, std::size_t{1} << 40U);
  if (config.has_hub() && config.state_dir.empty())
    from.reject("state.dir", "a folder for what waits to be sent to the hub", "none");
}

void read_deliver(os::Config& from, Config& config) {
  delivery::Settings& deliver = config.deliver;
  const std::vector<std::string> names =
      from.texts("deliver.transactions", delivery::names_of(deliver.accesses));
  deliver.accesses = 0;
  for (const std::string& name : names) {
    if (const auto access = delivery::parse_access(name); access) {
      deliver.accesses |= delivery::bit(*access);
    } else {
      from.reject("deliver.transactions", access.error().detail, "\"" + name + "\"");
    }
  }
  deliver.transactions_in_a_minute = static_cast<std::uint64_t>(
      from.integer("deliver.transactions_in_a_minute",
                   static_cast<std::int64_t>(deliver.transactions_in_a_minute), 0, 10'000'000));
  deliver.assets_every = from.duration("deliver.assets_every", deliver.assets_every, 1s, 24h);
  deliver.conversations_every =
      from.duration("deliver.conversations_every", deliver.conversations_every, 1s, 24h);
  config.health_every = from.duration("deliver.health_every", 1min, 1s, 24h);
}

}  // namespace

base::Result<Config> load_config(const std::string& file,
                                 std::vector<std::pair<std::string, std::string>> flags) {
  os::Config::Sources sources;
  sources.file = file.empty() ? kDefaultFile : file;
  sources.file_required = !file.empty();
  sources.folder = (std::filesystem::path(sources.file).parent_path() / "sensor.d").string();
  sources.environment = os::Config::process_environment();
  sources.flags = std::move(flags);
  auto from = TRY(os::Config::load(sources));
  Config config;
  read_capture(from, config);
  config.flows =
      static_cast<std::uint32_t>(from.integer("limits.flows", config.flows, 1000, 10'000'000));
  config.reassembly = from.bytes("limits.reassembly", config.reassembly, kMebi, 16384 * kMebi);
  config.facts = static_cast<std::size_t>(
      from.integer("limits.facts", static_cast<std::int64_t>(config.facts), 1000, 100'000'000));
  // Beside the configuration, if it is there.
  const std::filesystem::path beside =
      std::filesystem::path(sources.file).parent_path() / "protocols";
  std::error_code ignored;
  const bool there = std::filesystem::is_directory(beside, ignored);
  config.protocols = from.path("protocols.folder", there ? beside.string() : "");
  config.state_dir = from.path("state.dir", "");
  config.inventory_every = from.duration("state.inventory_every", 1min, 1s, 24h);
  read_hub(from, config);
  read_deliver(from, config);
  const std::string what = from.text("output.what", config.has_hub() ? "nothing" : "transactions");
  if (const auto parsed = parse_what(what); parsed) {
    config.what = *parsed;
  } else {
    from.reject("output.what", "what vedette-sensor read --what takes", what);
  }
  const std::string format = from.text("output.format", "ndjson");
  if (const auto shape = parse_shape(format); !shape) {
    from.reject("output.format", "ndjson, table, zeek or eve", format);
  } else if (const auto fits = check_shape(config.what, *shape); !fits) {
    from.reject("output.format", "a format that fits output.what", fits.error().detail);
  } else {
    config.shape = *shape;
  }
  TRY(from.finish());
  return config;
}

}  // namespace sensor
