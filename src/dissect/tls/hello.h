#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/sink.h"

namespace dissect::tls {

inline constexpr std::size_t kMaxExtensions = 128;

// What a client offers or a server chose. Views into the message; values without a meaning
// (RFC 8701) are left out of the lists that fingerprints are made of.
struct Hello {
  bool client = false;
  bool good = false;          // read to its end
  std::uint16_t legacy = 0;   // the version in the message
  std::uint16_t version = 0;  // the one that counts: with supported_versions
  base::ByteView session_id;
  std::vector<std::uint16_t> ciphers;
  std::vector<std::uint16_t> extensions;  // in the order of the message
  std::vector<std::uint16_t> groups;
  std::vector<std::uint16_t> signatures;
  base::ByteView point_formats;
  std::string_view server_name;
  std::string_view application;  // the first protocol of ALPN
  bool has_server_name = false;
  bool retry = false;       // HelloRetryRequest
  bool shared_key = false;  // the extension pre_shared_key is there
};

// Reads a ClientHello or ServerHello without its handshake header, telling details and issues.
void read_hello(base::ByteView body, bool client, Hello& hello, Sink& sink);

// "771,4865-...,0-23-...,29-...,0": what JA3 is the MD5 of; JA3S for a server.
std::string ja3_text(const Hello& hello);
// JA4 of a client over TCP.
std::string ja4(const Hello& hello);

// "TLS 1.2"; a literal, empty for unknown ones.
std::string_view version_name(std::uint16_t version);

}  // namespace dissect::tls
