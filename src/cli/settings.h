#pragma once

#include <cstdint>
#include <string>

#include "cli/environment.h"
#include "cli/failure.h"

namespace cli {

// What the flags said; empty: nothing.
struct Flags {
  std::string hub;
  std::string connection_string_file;
  std::string ca_file;
  std::string output;
};

struct Url {
  std::string host;  // an IPv6 address without brackets
  std::uint16_t port = 443;
};

// https://HOST[:PORT][/]. Errors: Usage.
Outcome<Url> parse_hub_url(const std::string& text);

// Where the hub is and how to convince it. The weakest first: cli.toml, environment, flags.
//   hub                      --hub, VEDETTE_HUB; else what the connection string names; else
//                            https://127.0.0.1:8443
//   ca_file                  --ca-file, VEDETTE_CA_FILE; else the system's authorities
//   connection_string_file   --connection-string-file, VEDETTE_CONNECTION_STRING (the text itself),
//                            VEDETTE_CONNECTION_STRING_FILE
//   output                   -o
// cli.toml is in $XDG_CONFIG_HOME/vedette or ~/.config/vedette; VEDETTE_CLI_CONFIG names another.
struct Settings {
  Url hub;
  std::string ca_file;
  // Of the connection string; empty when there is none.
  std::string host_name;
  std::string policy;
  std::string key_base64;  // secret
};

// Errors: Usage (a file or value that is not acceptable).
Outcome<Settings> load_settings(const Flags& flags, const Environment& environment);

// table, json or csv: flag, cli.toml, else table on a terminal and json in a pipe. Errors: Usage.
enum class Format : std::uint8_t { Table, Json, Csv };
Outcome<Format> choose_format(const Flags& flags, const Environment& environment);

// Is colour wanted? Only on a terminal, and not with NO_COLOR (no-color.org) or TERM=dumb.
bool wants_color(const Environment& environment);

}  // namespace cli
