// vedette-sensor: sees which devices a network has, and what they say to each other.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sensor/config.h"
#include "sensor/inventory_command.h"
#include "sensor/read.h"
#include "sensor/run.h"
#include "sensor/send.h"
#include "sensor/status.h"

namespace {

constexpr const char* kUsage =
    "vedette-sensor sees which devices a network has, and what they say to each other.\n"
    "\n"
    "  vedette-sensor read FILE... [--what WHAT] [-o ndjson|table|zeek|eve]\n"
    "                              [--workers N] [--keep-duplicates] [--protocols DIR]\n"
    "                              [--edits FILE]\n"
    "        read captures (pcap, pcapng; -: standard input) and write what was asked for:\n"
    "        transactions  requests with their responses (default)\n"
    "        assets        which devices there are\n"
    "        flows         who talked to whom, and what\n"
    "        evidence      what messages tell of devices\n"
    "        issues        what was wrong with messages\n"
    "        fields        each message with all of its fields (JSON only)\n"
    "        health        what was seen, and what was lost\n"
    "        zeek and eve write transactions, flows and issues as Zeek's logs and Suricata's EVE "
    "do\n"
    "  vedette-sensor send FILE... [FLAGS]\n"
    "        read captures and tell the hub what they say, as a sensor that listened then would\n"
    "        have; a capture that is sent again adds nothing\n"
    "  vedette-sensor run [--interface IF] [--what WHAT] [FLAGS]\n"
    "        listen until SIGTERM; prints one JSON line when it is ready, then what was asked "
    "for;\n"
    "        tells the hub whose connection string the configuration names\n"
    "  vedette-sensor status [-o table|json] [FLAGS]\n"
    "        say what the running sensor is at, or what the last one left\n"
    "  vedette-sensor inventory list|show ID|history [-o table|json] [FLAGS]\n"
    "        the devices that are kept in the state folder, and what people changed of them\n"
    "  vedette-sensor inventory set ID FIELD=VALUE...|unset ID FIELD|merge ID INTO|\n"
    "                           split ID ADDRESS|undo [N] [FLAGS]\n"
    "        say what is right, whatever the network says; a running sensor takes it over\n"
    "  vedette-sensor check-config [FLAGS]\n"
    "        say what is wrong with the configuration, if anything\n"
    "\n"
    "  --config FILE      TOML; default /etc/vedette/sensor.toml, and sensor.d/*.toml beside it\n"
    "  --interface IF     capture.interface\n"
    "  --method METHOD    capture.method: auto, ring, libpcap\n"
    "  --helper PATH      capture.helper: vedette-sensor-open, or its socket\n"
    "  --workers N        capture.workers\n"
    "  --format FORMAT    output.format: ndjson, zeek, eve\n"
    "  --state-dir DIR    state.dir: status, and what waits for the hub\n"
    "  --protocols DIR    protocols.folder: your own protocols, described in JSON\n"
    "  --hub-file FILE    hub.connection_string_file\n"
    "  --ca-file FILE     hub.ca_file\n"
    "\n"
    "Every key of the file may also be given as VEDETTE_SECTION__KEY.\n";
constexpr unsigned int kMaxWorkers = 64;

int usage_error(const std::string& problem) {
  std::fputs(("vedette-sensor: " + problem + "\n\n" + kUsage).c_str(), stderr);
  return 2;
}

// Anywhere, so that `read --help` is no flag without a value.
bool asks_for_help(const std::vector<std::string_view>& words) {
  return std::ranges::any_of(
      words, [](std::string_view word) { return word == "--help" || word == "-h"; });
}

// Empty: all fine.
std::string take_flag(std::string_view name, std::string_view value, sensor::ReadOptions& options) {
  if (name == "--what") {
    const auto what = sensor::parse_what(value);
    if (!what) return "--what " + what.error().detail;
    options.what = *what;
  } else if (name == "-o" || name == "--output") {
    const auto shape = sensor::parse_shape(value);
    if (!shape) return "-o " + shape.error().detail;
    options.shape = *shape;
  } else if (name == "--protocols") {
    options.protocols = value;
  } else if (name == "--edits") {
    options.edits = value;
  } else if (name == "--workers") {
    const auto workers = base::parse_int(value);
    if (!workers || *workers < 1 || *workers > kMaxWorkers) return "--workers needs 1 to 64";
    options.workers = static_cast<unsigned int>(*workers);
  } else {
    return "unknown flag " + std::string(name);
  }
  return {};
}

std::string read_arguments(const std::vector<std::string_view>& words,
                           sensor::ReadOptions& options) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-" || !words[i].starts_with('-')) {
      options.files.emplace_back(words[i]);
      continue;
    }
    if (words[i] == "--keep-duplicates") {
      options.keep_duplicates = true;
      continue;
    }
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = words[i].substr(equals + 1);
    if (!value && i + 1 < words.size()) value = words[++i];
    if (!value) return std::string(name) + " needs a value";
    if (std::string problem = take_flag(name, *value, options); !problem.empty()) return problem;
  }
  if (options.files.empty()) return "read needs at least one file";
  if (const auto fits = sensor::check_shape(options.what, options.shape); !fits)
    return fits.error().detail;
  return {};
}

struct Flag {
  std::string_view name;
  std::string_view key;
};
constexpr Flag kFlags[] = {{"--interface", "capture.interface"},
                           {"--method", "capture.method"},
                           {"--helper", "capture.helper"},
                           {"--workers", "capture.workers"},
                           {"--state-dir", "state.dir"},
                           {"--protocols", "protocols.folder"},
                           {"--hub-file", "hub.connection_string_file"},
                           {"--ca-file", "hub.ca_file"},
                           {"--what", "output.what"},
                           {"--format", "output.format"}};

struct ServiceArguments {
  std::string file;
  std::string output = "table";
  std::vector<std::string> files;  // of send; the words of inventory
  std::vector<std::pair<std::string, std::string>> settings;
};

// Empty: all fine.
std::string read_service_arguments(const std::vector<std::string_view>& words,
                                   ServiceArguments& arguments) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if ((words[0] == "send" || words[0] == "inventory") &&
        (words[i] == "-" || !words[i].starts_with('-'))) {
      arguments.files.emplace_back(words[i]);
      continue;
    }
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = words[i].substr(equals + 1);
    if (!value && i + 1 < words.size()) value = words[++i];
    if (!value) return std::string(name) + " needs a value";
    if (name == "--config") {
      arguments.file = *value;
      continue;
    }
    if (name == "-o" || name == "--output") {
      if (*value != "table" && *value != "json") return "-o is table or json";
      arguments.output = *value;
      continue;
    }
    bool known = false;
    for (const Flag& flag : kFlags) {
      if (flag.name != name) continue;
      arguments.settings.emplace_back(flag.key, *value);
      known = true;
    }
    if (!known) return "unknown flag " + std::string(name);
  }
  if (words[0] == "send" && arguments.files.empty()) return "send needs at least one file";
  return {};
}

int serve(const std::vector<std::string_view>& words) {
  ServiceArguments arguments;
  if (const std::string problem = read_service_arguments(words, arguments); !problem.empty())
    return usage_error(problem);
  const auto config = sensor::load_config(arguments.file, arguments.settings);
  if (!config) {
    const base::Error& error = config.error();
    const std::string text = error.detail.empty() ? error.to_string() : error.detail;
    std::fputs(("vedette-sensor: " + text + "\n").c_str(), stderr);
    return 1;
  }
  if (words[0] == "status") return sensor::status(*config, arguments.output == "table", stdout);
  if (words[0] == "inventory")
    return sensor::inventory_command(*config, arguments.files, arguments.output == "table", stdout);
  if (words[0] == "check-config") return sensor::check_config(*config, stdout);
  if (words[0] == "send") return sensor::send(*config, arguments.files, stdout);
  return sensor::run(*config, stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.empty()) return usage_error("a verb is missing");
  if (words[0] == "help" || asks_for_help(words)) return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  for (const std::string_view verb : {"run", "send", "status", "inventory", "check-config"}) {
    if (words[0] == verb) return serve(words);
  }
  if (words[0] != "read") return usage_error("unknown verb " + std::string(words[0]));
  sensor::ReadOptions options;
  if (const std::string problem = read_arguments(words, options); !problem.empty())
    return usage_error(problem);
  return sensor::read(options, stdout);
}
