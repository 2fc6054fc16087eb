// vedette-sensor-open: the sensor's helper, which alone may open network interfaces.
#include <cstdio>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "sensor/opener/helper.h"

namespace {

constexpr const char* kUsage =
    "vedette-sensor-open opens a network interface for vedette-sensor, which may not.\n"
    "\n"
    "  vedette-sensor-open [--only IF]...\n"
    "        takes one request from the Unix socket that is its standard input, answers it with\n"
    "        descriptors, and ends. vedette-sensor starts it, or a socket unit does.\n"
    "\n"
    "  --only IF   refuse all interfaces but those that are named\n"
    "\n"
    "It needs CAP_NET_RAW: setcap cap_net_raw=ep vedette-sensor-open\n";

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto options = sensor::opener::read_helper_arguments(words);
  if (!options) {
    std::fprintf(stderr, "vedette-sensor-open: %s\n", options.error().to_string().c_str());
    return 2;
  }
  return sensor::opener::run_helper(STDIN_FILENO, *options);
}
