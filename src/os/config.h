#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace os {

// A daemon's configuration, from four layers; a later one wins key by key:
//   the TOML file, conf.d/*.toml in name order, the environment (VEDETTE_SECTION__KEY), flags.
//
// Keys are dotted: "listen.mqtt_port". The program reads each key once, with its default; what it
// reads is what is known. Wrong types and values are collected rather than returned, so that a user
// sees all of them at once, and finish() adds every key that was set but never read:
//
//   /etc/vedette/hub.toml:12:1: unknown key 'listen.mqtt_prot'; did you mean 'listen.mqtt_port'?
//   VEDETTE_LISTEN__MQTT_PORT: listen.mqtt_port: expected an integer, found "abc"
//
//   auto config = TRY(Config::load(sources));
//   const auto port = config.integer("listen.mqtt_port", 8883, 0, 65535);
//   TRY(config.finish());
//
// Threads: one at a time.
class Config {
 public:
  struct Sources {
    // The main file; empty: none. `file_required`: an absent file is an error (the user named it).
    std::string file{};
    bool file_required = false;
    // Folder of further *.toml files; empty or absent: none.
    std::string folder{};
    // "NAME=value" strings such as `environ`. Only names with the prefix and a "__" are read:
    // VEDETTE_STATE__MAX_BYTES is state.max_bytes.
    std::vector<std::string> environment{};
    // Key and value, from flags.
    std::vector<std::pair<std::string, std::string>> flags{};
  };

  // The process's own environment, for Sources.
  static std::vector<std::string> process_environment();

  // Reads and parses all layers. Errors: NotFound (a required file), Io, Malformed (the detail is
  // "file:line:column: what is wrong"), TooLarge (a file above 1 MiB).
  static base::Result<Config> load(const Sources& sources);

  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  // The value of a key, or `otherwise` when it is not set or not acceptable (then finish() fails).
  // Values from the environment and from flags are converted from text.
  std::string text(std::string_view key, std::string_view otherwise);
  // One of `allowed`.
  std::string choice(std::string_view key, std::string_view otherwise,
                     std::span<const std::string_view> allowed);
  // A path; a relative one set in a file is relative to that file's folder.
  std::string path(std::string_view key, std::string_view otherwise);
  std::vector<std::string> texts(std::string_view key, const std::vector<std::string>& otherwise);
  bool boolean(std::string_view key, bool otherwise);
  std::int64_t integer(std::string_view key, std::int64_t otherwise,
                       std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t max = std::numeric_limits<std::int64_t>::max());
  double real(std::string_view key, double otherwise, double min, double max);
  // Bytes: an integer, or text with a unit: "512 KiB", "8MiB", "1 GiB" (also kB, MB, GB).
  std::size_t bytes(std::string_view key, std::size_t otherwise, std::size_t min, std::size_t max);
  // Text: "250ms", "30s", "7m", "13h", "2d", or ISO 8601 "PT7M". An integer is refused: no unit.
  std::chrono::nanoseconds duration(std::string_view key, std::chrono::nanoseconds otherwise,
                                    std::chrono::nanoseconds min, std::chrono::nanoseconds max);

  // The names of the tables below `prefix`, in order: "siem" when "forward.siem.url" is set and the
  // prefix is "forward". Reads nothing.
  std::vector<std::string> names(std::string_view prefix) const;

  // Whether any layer sets the key. Counts as reading it.
  bool has(std::string_view key);
  // Where the key was set: "file:line:column", "VEDETTE_X__Y" or "--flag"; empty when it was not.
  std::string origin(std::string_view key) const;
  // Every key that any layer sets, in order, with its value as JSON; "(secret)" where the key's
  // name says that it is one: its last part has secret, password, token or signing in it.
  std::vector<std::pair<std::string, std::string>> settings() const;
  // Records a problem with a value that only the caller can judge; reported as the others are.
  void reject(std::string_view key, std::string_view expected, std::string_view found);

  // Errors: Invalid, with one line for each problem in the detail.
  base::Result<void> finish();

 private:
  struct State;
  explicit Config(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace os
