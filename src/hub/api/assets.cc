#include "hub/api/assets.h"

#include <algorithm>
#include <array>

#include <fcntl.h>

#include "base/hash.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "os/file.h"

namespace hub::api {

namespace {

constexpr std::string_view kNoPortal = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Vedette</title>
<h1>This hub was built without its portal</h1>
<p>The API at <code>/api/v1</code> and the command line work. To get the portal, run
<code>make build</code> in the source folder (it needs npm), then start the hub again.</p>
</html>
)";

std::string join(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) {
    if (!path.empty()) path += '/';
    path += segment;
  }
  return path;
}

std::string_view type_of(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kTypes{{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".json", "application/json"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".webmanifest", "application/manifest+json"},
      {".txt", "text/plain; charset=utf-8"},
      {".map", "application/json"},
  }};
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [path](const auto& type) { return path.ends_with(type.first); });
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

const Asset* find(std::string_view path) {
  const auto assets = embedded_assets();
  const auto found =
      std::lower_bound(assets.begin(), assets.end(), path,
                       [](const Asset& asset, std::string_view p) { return asset.path < p; });
  return found != assets.end() && found->path == path ? &*found : nullptr;
}

bool is_hashed(std::string_view path) {
  return path.starts_with("assets/");
}

// Fills in what depends on the caller's copy; the content is set already.
Response revalidated(const Request& request, Response response, std::string_view path,
                     std::string_view etag) {
  response.headers.push_back({"Vary", "Accept-Encoding"});
  response.headers.push_back(
      {"Cache-Control", is_hashed(path) ? "public, max-age=31536000, immutable" : "no-cache"});
  response.headers.push_back({"ETag", std::string(etag)});
  if (matches_etag(request.header("if-none-match"), etag)) {
    response.status = 304;
    response.body.clear();
    response.static_body = {};
  }
  return response;
}

Response embedded(const Request& request, const Asset& asset) {
  const bool gzip = !asset.gzip.empty() && accepts_gzip(request.header("accept-encoding"));
  Response response;
  response.content_type = asset.content_type;
  response.static_body = gzip ? asset.gzip : asset.bytes;
  if (gzip) response.headers.push_back({"Content-Encoding", "gzip"});
  return revalidated(request, std::move(response), asset.path, gzip ? asset.gzip_etag : asset.etag);
}

std::optional<Response> from_folder(const Request& request, const std::string& dir,
                                    std::string_view path) {
  auto content = os::read_file(dir + "/" + std::string(path));
  if (!content) return std::nullopt;
  const base::Sha256 digest = base::sha256(base::as_bytes(*content));
  Response response;
  response.content_type = type_of(path);
  response.body = std::move(*content);
  return revalidated(request, std::move(response), path,
                     '"' + base::hex_encode(base::ByteView(digest).first(16)) + '"');
}

std::optional<Response> serve(const Request& request, const std::string& dir,
                              std::string_view path) {
  if (!dir.empty()) return from_folder(request, dir, path);
  const Asset* asset = find(path);
  if (asset == nullptr) return std::nullopt;
  return embedded(request, *asset);
}

}  // namespace

Response serve_asset(const Request& request, const Target& target, const std::string& portal_dir) {
  const std::string path = join(target.segments);
  if (!path.empty()) {
    if (auto response = serve(request, portal_dir, path)) return std::move(*response);
    if (target.segments[0] == "assets") {
      return problem(request, Problem::NotFound, "There is no such file.");
    }
  }
  if (auto index = serve(request, portal_dir, "index.html")) return std::move(*index);
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.static_body = kNoPortal;
  response.headers.push_back({"Cache-Control", "no-cache"});
  return response;
}

std::span<const Header> security_headers() {
  static const std::array<Header, 5> headers{{
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
       "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
       "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
       "trusted-types svelte-trusted-html"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Strict-Transport-Security", "max-age=31536000"},
  }};
  return headers;
}

}  // namespace hub::api
