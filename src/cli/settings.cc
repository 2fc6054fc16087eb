#include "cli/settings.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "os/config.h"
#include "os/file.h"
#include "wire/connection_string.h"

namespace cli {

namespace {

constexpr std::uint16_t kHttpsPort = 8443;
constexpr std::string_view kDefaultHub = "https://127.0.0.1:8443";
constexpr std::size_t kMaxSecretBytes = 16 * 1024;
constexpr std::array<std::string_view, 3> kFormats{"table", "json", "csv"};

std::string variable(const Environment& environment, const std::string& name) {
  return environment.variable(name).value_or("");
}

// What cli.toml says; all empty when there is none.
struct FileSettings {
  std::string hub;
  std::string ca_file;
  std::string connection_string_file;
  std::string output;
};

Outcome<FileSettings> load_file(const Environment& environment) {
  os::Config::Sources sources;
  sources.file = variable(environment, "VEDETTE_CLI_CONFIG");
  sources.file_required = !sources.file.empty();
  if (sources.file.empty()) {
    std::string folder = variable(environment, "XDG_CONFIG_HOME");
    if (folder.empty()) {
      const std::string home = variable(environment, "HOME");
      if (home.empty()) return FileSettings{};
      folder = home + "/.config";
    }
    sources.file = folder + "/vedette/cli.toml";
  }
  auto config = os::Config::load(sources);
  if (!config) return give_up(Exit::Usage, config.error().to_string());
  FileSettings settings;
  settings.hub = config->text("hub", "");
  settings.ca_file = config->path("ca_file", "");
  settings.connection_string_file = config->path("connection_string_file", "");
  if (config->has("output")) settings.output = config->choice("output", "table", kFormats);
  if (auto finished = config->finish(); !finished) {
    return give_up(Exit::Usage, finished.error().detail);
  }
  return settings;
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return "";
}

Outcome<std::string> read_secret(const std::string& path) {
  auto text = os::read_file(path, kMaxSecretBytes);
  if (!text) {
    return give_up(Exit::Usage, "the connection string cannot be read: " + text.error().to_string(),
                   "Check the path; the file must hold what `vedette-hub init` printed as "
                   "serviceConnectionString.");
  }
  return std::string(base::trim(*text));
}

// The text of the connection string; empty when there is none.
Outcome<std::string> find_connection_string(const Flags& flags, const FileSettings& file,
                                            const Environment& environment) {
  if (!flags.connection_string_file.empty()) return read_secret(flags.connection_string_file);
  std::string text = variable(environment, "VEDETTE_CONNECTION_STRING");
  if (!text.empty()) return text;
  const std::string path = first_of(
      {variable(environment, "VEDETTE_CONNECTION_STRING_FILE"), file.connection_string_file});
  if (!path.empty()) return read_secret(path);
  return std::string();
}

}  // namespace

Outcome<Url> parse_hub_url(const std::string& text) {
  const auto bad = [&text] {
    return give_up(Exit::Usage,
                   fmt::format("--hub: expected https://HOST[:PORT], found \"{}\"", text));
  };
  constexpr std::string_view kScheme = "https://";
  std::string_view rest = text;
  if (!rest.starts_with(kScheme)) return bad();
  rest.remove_prefix(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Url url;
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return bad();
    url.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    url.host = rest.substr(0, colon);
    port = colon == std::string_view::npos ? "" : rest.substr(colon);
  }
  if (url.host.empty() || url.host.find_first_of("/?#@ ") != std::string::npos) return bad();
  if (port.empty()) return url;
  const auto number = base::parse_int(port.substr(1));
  if (port[0] != ':' || !number || *number < 1 || *number > 65535) return bad();
  url.port = static_cast<std::uint16_t>(*number);
  return url;
}

Outcome<Settings> load_settings(const Flags& flags, const Environment& environment) {
  auto file = TRY(load_file(environment));
  auto text = TRY(find_connection_string(flags, file, environment));

  Settings settings;
  std::string from_connection;
  if (!text.empty()) {
    auto connection = wire::parse_connection_string(text);
    if (!connection) {
      return give_up(Exit::Usage,
                     "the connection string is not usable: " + connection.error().to_string());
    }
    if (!connection->is_service()) {
      return give_up(Exit::Usage, "this is the connection string of a device",
                     "Use the service connection string that `vedette-hub init` printed.");
    }
    settings.host_name = connection->host_name;
    settings.policy = connection->policy;
    settings.key_base64 = connection->key_base64;
    from_connection = fmt::format("https://{}:{}", connection->host_name,
                                  connection->https_port.value_or(kHttpsPort));
  }
  settings.ca_file =
      first_of({flags.ca_file, variable(environment, "VEDETTE_CA_FILE"), file.ca_file});
  auto url = TRY(parse_hub_url(first_of({flags.hub, variable(environment, "VEDETTE_HUB"), file.hub,
                                         from_connection, std::string(kDefaultHub)})));
  settings.hub = std::move(url);
  return settings;
}

Outcome<Format> choose_format(const Flags& flags, const Environment& environment) {
  std::string name = flags.output;
  if (name.empty()) {
    auto file = TRY(load_file(environment));
    name = file.output;
  }
  if (name.empty()) return environment.out_is_terminal ? Format::Table : Format::Json;
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (name == kFormats[i]) return static_cast<Format>(i);
  }
  return give_up(Exit::Usage, fmt::format("-o: expected table, json or csv, found \"{}\"", name));
}

bool wants_color(const Environment& environment) {
  return environment.out_is_terminal && variable(environment, "NO_COLOR").empty() &&
         variable(environment, "TERM") != "dumb";
}

}  // namespace cli
