#include "sensor/interface.h"

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>

#include "base/log.h"
#include "os/open_files.h"
#include "os/process.h"
#include "sensor/capture/pcap_live.h"
#include "sensor/capture/ring.h"
#include "sensor/opener/ask.h"

namespace sensor {

using base::Code;
using base::Result;
using opener::Wanted;

namespace {

// packaging/systemd/vedette-sensor-open.socket
constexpr const char* kServiceSocket = "/run/vedette-sensor-open.socket";
constexpr const char* kHelperName = "vedette-sensor-open";

// Where a helper may be, the better ones first.
std::vector<std::string> helper_places(const Config& config) {
  if (!config.helper.empty()) return {config.helper};
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return {kServiceSocket, (self.parent_path() / kHelperName).string()};
}

base::Error nobody_may(const std::string& interface, const std::string& program,
                       const std::string& tried) {
  const std::string text = fmt::format(
      "{0} cannot be opened: this process has no CAP_NET_RAW, and no helper has either.\n{2}"
      "Let the helper have it, and this program goes on without any right:\n"
      "  setcap cap_net_raw=ep {1}    (as root; let only the sensor's group execute it)\n"
      "  systemctl start vedette-sensor-open.socket    (where the units are installed)\n"
      "or name another helper by capture.helper, or start this program with CAP_NET_RAW, which it "
      "gives up",
      interface, program, tried);
  return {Code::Denied, "capturing needs CAP_NET_RAW", -1, text};
}

struct Opened {
  std::vector<os::Fd> sockets;
  std::string by;
};

Result<Opened> ask_helpers(const Config& config, const Wanted& wanted) {
  const std::vector<std::string> places = helper_places(config);
  std::string tried;
  for (const std::string& place : places) {
    auto sockets = opener::ask_helper(place, wanted);
    if (sockets) return Opened{std::move(*sockets), place};
    tried += fmt::format("  {}: {}\n", place, sockets.error().to_string());
  }
  return std::unexpected(nobody_may(config.interface, places.back(), tried));
}

Result<Opened> open_sockets(const Config& config) {
  Wanted wanted{.interface = config.interface,
                .count = config.workers,
                .bytes = config.ring / opener::kBlock * opener::kBlock};
  TRY(opener::check(wanted, os::memory_bytes()));
  auto sockets = opener::open_packet_sockets(wanted);
  if (sockets) return Opened{std::move(*sockets), "itself"};
  if (sockets.error().code != Code::Denied) return std::unexpected(std::move(sockets).error());
  return ask_helpers(config, wanted);
}

Result<Interface> open_rings(const Config& config) {
  // For descriptors with high numbers.
  os::allow_open_files(capture::kFirstDescriptor + 2 * capture::kMostDescriptors);
  auto opened = TRY(open_sockets(config));
  Interface made;
  made.opened_by = std::move(opened.by);
  for (os::Fd& socket : opened.sockets) {
    made.sources.push_back(TRY(capture::Ring::on(std::move(socket), config.interface,
                                                 config.ring / opener::kBlock * opener::kBlock)));
  }
  return made;
}

}  // namespace

Result<Interface> open_interface(const Config& config) {
  if (::if_nametoindex(config.interface.c_str()) == 0)
    return base::fail(Code::NotFound, "no such interface", -1, config.interface);
  if (config.method != Method::Pcap) {
    auto rings = open_rings(config);
    const bool other_way =
        config.method == Method::Auto && !rings && rings.error().code != Code::Denied;
    if (!other_way) return rings;
    LOG_WARNING("sensor.no_ring").field("why", rings.error().to_string());
  }
  Interface made;
  made.opened_by = "itself";
  made.sources.push_back(TRY(capture::PcapLive::open(config.interface, config.ring)));
  return made;
}

}  // namespace sensor
