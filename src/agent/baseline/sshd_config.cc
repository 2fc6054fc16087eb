#include "agent/baseline/sshd_config.h"

#include <algorithm>
#include <array>
#include <set>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kMaxSettings = 20'000;

using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array<Pair, 35> kDefaults = {{
    {"addressfamily", "any"},
    {"allowagentforwarding", "yes"},
    {"allowstreamlocalforwarding", "yes"},
    {"allowtcpforwarding", "yes"},
    {"banner", "none"},
    {"ciphers",
     "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
     "aes256-gcm@openssh.com"},
    {"clientalivecountmax", "3"},
    {"clientaliveinterval", "0"},
    {"compression", "yes"},
    {"gatewayports", "no"},
    {"gssapiauthentication", "no"},
    {"hostbasedauthentication", "no"},
    {"ignorerhosts", "yes"},
    {"ignoreuserknownhosts", "no"},
    {"kbdinteractiveauthentication", "yes"},
    {"kerberosauthentication", "no"},
    {"kexalgorithms",
     "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,"
     "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
     "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"
     "diffie-hellman-group18-sha512,diffie-hellman-group14-sha256"},
    {"logingracetime", "120"},
    {"loglevel", "INFO"},
    {"macs",
     "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,"
     "hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,"
     "umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"},
    {"maxauthtries", "6"},
    {"maxsessions", "10"},
    {"maxstartups", "10:30:100"},
    {"passwordauthentication", "yes"},
    {"permitemptypasswords", "no"},
    {"permitrootlogin", "prohibit-password"},
    {"permittunnel", "no"},
    {"permituserenvironment", "no"},
    {"port", "22"},
    {"pubkeyauthentication", "yes"},
    {"strictmodes", "yes"},
    {"syslogfacility", "AUTH"},
    {"tcpkeepalive", "yes"},
    {"usepam", "no"},
    {"x11forwarding", "no"},
}};

bool collects(std::string_view keyword) {
  static constexpr std::array kKeywords = {"acceptenv",  "allowusers", "allowgroups",   "denyusers",
                                           "denygroups", "hostkey",    "listenaddress", "port",
                                           "setenv",     "subsystem"};
  return std::find(kKeywords.begin(), kKeywords.end(), keyword) != kKeywords.end();
}

// Names that a newer one replaced.
std::string canonical(std::string_view keyword) {
  std::string name = base::to_lower(keyword);
  if (name == "challengeresponseauthentication" || name == "skeyauthentication")
    return "kbdinteractiveauthentication";
  if (name == "dsaauthentication") return "pubkeyauthentication";
  return name;
}

std::string_view default_of(std::string_view keyword) {
  for (const auto& [name, value] : kDefaults) {
    if (name == keyword) return value;
  }
  return {};
}

}  // namespace

struct SshdConfig::Reader {
  const Files& files;
  std::vector<Setting>& settings;
  std::size_t opened = 0;
  std::optional<base::Error> error;

  void file(const std::string& path, std::string condition, std::size_t depth);
  void line(std::string_view text, const std::string& where, std::string& condition,
            std::size_t depth);
  void include(const std::vector<std::string>& patterns, const std::string& condition,
               std::size_t depth);
};

void SshdConfig::Reader::file(const std::string& path, std::string condition, std::size_t depth) {
  if (depth > kMaxDepth || ++opened > kMaxFiles) {
    error = base::Error{.code = Code::TooLarge, .what = "sshd_config includes", .detail = path};
    return;
  }
  auto text = files.read(path);
  if (!text) {
    error = text.error();
    return;
  }
  each_line(*text, [&](std::string_view content, int number) {
    if (!error) line(content, path + ":" + std::to_string(number), condition, depth);
  });
}

void SshdConfig::Reader::line(std::string_view text, const std::string& where,
                              std::string& condition, std::size_t depth) {
  std::vector<std::string> words = quoted_words_of(base::trim(text));
  if (words.empty()) return;
  // "Keyword=value" and "Keyword = value" are fine, too.
  if (const std::size_t equals = words[0].find('='); equals != std::string::npos) {
    const std::string rest = words[0].substr(equals + 1);
    words[0].resize(equals);
    if (!rest.empty()) words.insert(words.begin() + 1, rest);
  } else if (words.size() > 1 && words[1].starts_with('=')) {
    words[1].erase(0, 1);
    if (words[1].empty()) words.erase(words.begin() + 1);
  }
  const std::string keyword = canonical(words[0]);
  words.erase(words.begin());
  const std::string value = joined(words, " ");
  if (keyword == "include") return include(words, condition, depth);
  if (keyword == "match") {
    // "Match all" ends the conditions.
    condition = base::equal_ignore_case(value, "all") ? "" : value;
    return;
  }
  if (settings.size() < kMaxSettings)
    settings.push_back({.keyword = keyword, .condition = condition, .value = {value, where}});
}

void SshdConfig::Reader::include(const std::vector<std::string>& patterns,
                                 const std::string& condition, std::size_t depth) {
  for (const std::string& pattern : patterns) {
    const auto paths = files.expand(pattern.starts_with('/') ? pattern : "/etc/ssh/" + pattern);
    if (!paths) {
      error = paths.error();
      return;
    }
    // A Match block within the included file ends with it.
    for (const std::string& path : *paths) {
      if (!error) file(path, condition, depth + 1);
    }
  }
}

Result<SshdConfig> SshdConfig::read(const std::string& path, const Files& files) {
  SshdConfig config;
  Reader reader{.files = files, .settings = config.settings_, .error = {}};
  reader.file(path, "", 0);
  if (reader.error) return std::unexpected(*reader.error);
  return config;
}

std::optional<SshdConfig::Value> SshdConfig::global(std::string_view keyword) const {
  const std::string name = canonical(keyword);
  std::optional<Value> found;
  for (const Setting& setting : settings_) {
    if (setting.keyword != name || !setting.condition.empty()) continue;
    if (!found) {
      found = setting.value;
    } else if (collects(name)) {
      found->text += " " + setting.value.text;
    }
  }
  if (found) return found;
  const std::string_view fallback = default_of(name);
  if (fallback.empty()) return std::nullopt;
  return Value{.text = std::string(fallback), .where = ""};
}

std::vector<SshdConfig::Exception> SshdConfig::exceptions(std::string_view keyword) const {
  const std::string name = canonical(keyword);
  std::vector<Exception> found;
  for (const Setting& setting : settings_) {
    if (setting.keyword == name && !setting.condition.empty())
      found.push_back({.condition = setting.condition, .value = setting.value});
  }
  return found;
}

std::vector<std::string> SshdConfig::algorithms(std::string_view keyword) const {
  const auto value = global(keyword);
  if (!value || value->text.empty()) return {};
  std::vector<std::string> defaults;
  for (const std::string_view name : base::split(default_of(canonical(keyword)), ','))
    defaults.emplace_back(name);
  std::string_view text = value->text;
  const char sign = text.front();
  if (sign == '+' || sign == '-' || sign == '^') text.remove_prefix(1);
  std::vector<std::string> named;
  for (const std::string_view name : base::split(text, ','))
    named.emplace_back(base::trim(name));
  if (sign == '-') {
    std::erase_if(defaults, [&](const std::string& algorithm) {
      return std::any_of(named.begin(), named.end(), [&](const std::string& pattern) {
        return glob_matches(pattern, algorithm);
      });
    });
    return defaults;
  }
  if (sign == '+' || sign == '^') named.insert(named.end(), defaults.begin(), defaults.end());
  return named;
}

std::vector<std::string> SshdConfig::effective_lines() const {
  std::set<std::string> keywords;
  for (const auto& [name, unused] : kDefaults)
    keywords.emplace(name);
  for (const Setting& setting : settings_)
    keywords.insert(setting.keyword);
  std::vector<std::string> lines;
  for (const std::string& keyword : keywords) {
    const bool list = keyword == "ciphers" || keyword == "macs" || keyword == "kexalgorithms";
    if (list) {
      lines.push_back(keyword + " " + joined(algorithms(keyword), ","));
    } else if (const auto value = global(keyword)) {
      std::string text = value->text;
      // Times are written in seconds.
      if (keyword == "logingracetime" || keyword == "clientaliveinterval") {
        if (const auto seconds = sshd_seconds(text)) text = std::to_string(*seconds);
      }
      lines.push_back(keyword + " " + text);
    }
  }
  return lines;
}

std::optional<long long> sshd_seconds(std::string_view text) {
  constexpr long long kMax = 1'000'000'000;
  if (text.empty()) return std::nullopt;
  long long total = 0;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    const auto number = number_of(text.substr(0, digits));
    if (!number || *number > kMax) return std::nullopt;
    long long unit = 1;
    if (digits != std::string_view::npos) {
      switch (text[digits] | 0x20) {
        case 's':
          unit = 1;
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 86'400;
          break;
        case 'w':
          unit = 604'800;
          break;
        default:
          return std::nullopt;
      }
    }
    total += *number * unit;
    if (digits == std::string_view::npos) break;
    text.remove_prefix(digits + 1);
  }
  return total;
}

}  // namespace agent::baseline
