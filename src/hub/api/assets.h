#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/api/message.h"

namespace hub::api {

// A file of the portal as embed.py put it into the program.
struct Asset {
  std::string_view path;  // assets/index-3f2a.js
  std::string_view content_type;
  std::string_view bytes;
  std::string_view gzip;       // empty when it would not be smaller
  std::string_view etag;       // with quotes; of the bytes
  std::string_view gzip_etag;  // of the compressed bytes
};

// Sorted by path; empty when the program was built without a portal. Defined in a generated file.
std::span<const Asset> embedded_assets();

// The portal's answer to GET or HEAD: a file; index.html for any other path, which the portal
// itself resolves; 404 for other paths below assets/. With `portal_dir` from there instead.
Response serve_asset(const Request& request, const Target& target, const std::string& portal_dir);

// What every answer carries: content security policy and its relatives.
std::span<const Header> security_headers();

}  // namespace hub::api
