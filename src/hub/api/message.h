#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

// Requests and answers without sockets, and the parts of them that Beast leaves to us.
namespace hub::identity {
struct ClientCertificate;
}

namespace hub::api {

enum class Method : std::uint8_t { Get, Head, Post, Put, Patch, Delete, Other };
std::string_view to_string(Method method);

struct Header {
  std::string name;  // in requests: lower case, but for what follows iothub-app-
  std::string value;
};

struct Request {
  Method method = Method::Get;
  std::string target;  // as sent: /api/v1/devices/d1?keys=true
  std::vector<Header> headers;
  std::string body;
  std::string remote;  // address of the peer
  std::string id;      // given by us
  // What the client showed in the TLS handshake; none: nullptr.
  std::shared_ptr<const identity::ClientCertificate> certificate = {};
  std::string tls_version = {};
  std::string tls_cipher = {};

  // Empty when absent; of repeated ones the first.
  std::string_view header(std::string_view lower_case_name) const;
};

// A part of an answer that is made while it is sent.
struct Piece {
  std::string text;   // empty: there is nothing yet
  bool more = false;  // there is more at once
  bool last = false;  // the answer ends with this one
};

// Makes such an answer. Threads: workers', one at a time.
class Pieces {
 public:
  virtual ~Pieces() = default;
  // Errors: the answer breaks off.
  virtual base::Result<Piece> next() = 0;
};

struct Response;
// Takes the answer that was not there at once. Called once; threads: any.
using Finish = std::function<void(Response)>;

struct Response {
  unsigned status = 200;
  std::string content_type = {};
  std::vector<Header> headers = {};
  std::string body = {};
  // Instead of `body`: bytes that live as long as the program.
  std::string_view static_body = {};
  // Not an answer but the start of GET /stream, after this event id (nullopt: from now on).
  bool stream = false;
  std::optional<std::uint64_t> stream_after = {};
  // Instead of `body`: so many bytes of a file, from there on.
  std::shared_ptr<os::Fd> file = {};
  std::uint64_t file_bytes = 0;
  std::uint64_t file_from = 0;
  // No answer yet: called once, with what takes the answer when there is one, on any thread.
  std::function<void(Finish)> later = {};
  // Instead of `body`: asked again and again.
  std::shared_ptr<Pieces> pieces = {};

  std::string_view content() const { return static_body.empty() ? body : static_body; }
};

// A target cut into its decoded path segments and its parameters.
struct Target {
  std::vector<std::string> segments;  // "/a/b%20c" -> "a", "b c"; "/" -> none
  std::vector<std::pair<std::string, std::string>> parameters;

  // nullptr when absent.
  const std::string* parameter(std::string_view name) const;
};

inline constexpr std::size_t kMaxSegments = 16;
inline constexpr std::size_t kMaxParameters = 32;

// Errors: Malformed (not a path; "." or ".." as a segment; a control character, a slash or bytes
// that are not UTF-8 behind percent signs), TooLarge, Invalid (a parameter given twice).
base::Result<Target> parse_target(std::string_view target);

// The value of one cookie in a Cookie header; nullopt when absent. Of several the first.
std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name);

struct NoCredentials {};
struct BearerToken {
  std::string_view secret;
};
struct SharedAccessSignature {
  std::string_view text;  // with its scheme, as wire::parse_sas takes it
};
using Credentials = std::variant<NoCredentials, BearerToken, SharedAccessSignature>;

// The Authorization header. Errors: Unsupported (another scheme), Malformed.
base::Result<Credentials> parse_authorization(std::string_view header);

// "application/json; charset=utf-8" is application/json.
bool is_media_type(std::string_view content_type, std::string_view expected);

// Does an Accept-Encoding header allow gzip?
bool accepts_gzip(std::string_view header);

// Does an If-None-Match header list this entity tag (or "*")? Compares weakly.
bool matches_etag(std::string_view header, std::string_view etag);

}  // namespace hub::api
