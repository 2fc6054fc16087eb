#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hub/egress/line.h"

namespace hub::egress {

enum class ForwardType : std::uint8_t { Webhook, File };
std::string_view to_string(ForwardType type);  // "webhook"

// An https address, cut.
struct Url {
  std::string host;
  std::uint16_t port = 443;
  std::string target = "/";  // path and query
  bool operator==(const Url&) const = default;
};
// nullopt: it is none, has another scheme, a user or a fragment.
std::optional<Url> parse_https_url(std::string_view text);

// One [forward.NAME] of hub.toml.
struct ForwardSettings {
  std::string name;
  ForwardType type = ForwardType::File;
  Filter filter;
  bool from_start = false;  // the first time, with what the journal still holds

  std::size_t batch_lines = 500;
  std::size_t batch_bytes = std::size_t{1} << 20U;
  std::chrono::milliseconds batch_delay{1'000};
  std::chrono::milliseconds retry_min{1'000};
  std::chrono::milliseconds retry_max{300'000};

  // Webhook.
  Url url;
  std::string ca_file;      // empty: the system's authorities
  std::string secret_file;  // the key of the signature; empty: none
  std::chrono::milliseconds timeout{30'000};

  // File.
  std::string path;
  std::size_t rotate_bytes = std::size_t{64} << 20U;
  unsigned keep_files = 10;  // beside the one that is written
};

}  // namespace hub::egress
