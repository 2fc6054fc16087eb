#include "dissect/http/head.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "dissect/headers/headers.h"
#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::http {

namespace {

// RFC 9110, WebDAV (RFC 4918), UPnP.
constexpr Method kMethods[] = {
    {"GET", Access::Read},          {"HEAD", Access::Read},
    {"POST", Access::Write},        {"PUT", Access::Write},
    {"DELETE", Access::Write},      {"CONNECT", Access::Session},
    {"OPTIONS", Access::Discovery}, {"TRACE", Access::Diagnostics},
    {"PATCH", Access::Write},       {"PROPFIND", Access::Read},
    {"PROPPATCH", Access::Write},   {"MKCOL", Access::Write},
    {"COPY", Access::Write},        {"MOVE", Access::Write},
    {"LOCK", Access::Write},        {"UNLOCK", Access::Write},
    {"SEARCH", Access::Read},       {"REPORT", Access::Read},
    {"SUBSCRIBE", Access::Session}, {"UNSUBSCRIBE", Access::Session},
    {"NOTIFY", Access::Discovery},  {"M-SEARCH", Access::Discovery},
};

constexpr Named kReasons[] = {
    {100, "continue"},
    {101, "switching protocols"},
    {200, "ok"},
    {201, "created"},
    {202, "accepted"},
    {204, "no content"},
    {206, "partial content"},
    {301, "moved permanently"},
    {302, "found"},
    {303, "see other"},
    {304, "not modified"},
    {307, "temporary redirect"},
    {308, "permanent redirect"},
    {400, "bad request"},
    {401, "unauthorized"},
    {403, "forbidden"},
    {404, "not found"},
    {405, "method not allowed"},
    {406, "not acceptable"},
    {407, "proxy authentication required"},
    {408, "request timeout"},
    {409, "conflict"},
    {410, "gone"},
    {411, "length required"},
    {412, "precondition failed"},
    {413, "content too large"},
    {414, "uri too long"},
    {415, "unsupported media type"},
    {416, "range not satisfiable"},
    {417, "expectation failed"},
    {426, "upgrade required"},
    {429, "too many requests"},
    {431, "header fields too large"},
    {500, "internal server error"},
    {501, "not implemented"},
    {502, "bad gateway"},
    {503, "service unavailable"},
    {504, "gateway timeout"},
    {505, "version not supported"},
};
static_assert(sorted_by_code(kReasons));

constexpr std::string_view kVersion = "HTTP/";

void start_line(std::string_view line, Head& head, Sink& sink) {
  if (line.starts_with(kVersion)) {
    const std::size_t blank = line.find(' ');
    head.version = line.substr(kVersion.size(),
                               blank == std::string_view::npos ? blank : blank - kVersion.size());
    const std::string_view rest = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    const auto code = headers::number(rest.substr(0, 3));
    if (!code || rest.size() < 3 || *code < 100) {
      sink.issue({Issue::Kind::Malformed, "answer without a status"});
    } else {
      head.code = static_cast<std::uint16_t>(*code);
    }
    if (rest.size() > 4) head.phrase = rest.substr(4);
    return;
  }
  head.request = true;
  if (line.ends_with(' ')) {
    sink.issue({Issue::Kind::Violation, "blanks behind the version"});
    line = line.substr(0, line.find_last_not_of(' ') + 1);
  }
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  head.method = method_of(line.substr(0, first));
  if (first == std::string_view::npos) return;
  const std::string_view tail = line.substr(last + 1);
  if (last > first && tail.starts_with(kVersion)) {
    head.version = tail.substr(kVersion.size());
    head.target = line.substr(first + 1, last - first - 1);
  } else {
    head.target = line.substr(first + 1);
    sink.issue({Issue::Kind::Violation, "request without a version"});
  }
}

void take_length(std::string_view value, Head& head, Sink& sink) {
  const auto length = headers::number(value);
  if (!length) {
    sink.issue({Issue::Kind::Malformed, "length of the body is not a number"});
  } else if (head.length && *head.length != *length) {
    sink.issue({Issue::Kind::Violation, "two lengths of one body"});
  } else {
    head.length = length;
  }
}

struct Shown {
  std::string_view header;
  std::string_view detail;
  std::string_view Head::* member;
};
// What is shown as it is.
constexpr Shown kShown[] = {
    {"Host", "host", &Head::host},
    {"User-Agent", "user_agent", &Head::agent},
    {"Server", "server", &Head::server},
    {"X-Powered-By", "powered_by", &Head::powered_by},
    {"Content-Type", "content_type", &Head::content_type},
    {"SOAPAction", "soap_action", &Head::soap_action},
    {"Upgrade", "upgrade", &Head::upgrade},
    {"ST", "search_target", &Head::search_target},
    {"NT", "notification_type", &Head::search_target},
    {"NTS", "notification", &Head::notification},
    {"USN", "unique_name", &Head::unique_name},
    {"Location", "location", &Head::location},
    {"Transfer-Encoding", "transfer_encoding", nullptr},
    {"Content-Encoding", "content_encoding", nullptr},
    {"Connection", "connection", nullptr},
    {"Accept", "accept", nullptr},
    {"Accept-Language", "accept_language", nullptr},
    {"Last-Modified", "last_modified", nullptr},
    {"Date", "date", nullptr},
    {"X-Forwarded-For", "forwarded_for", nullptr},
};

void take_header(const headers::Header& header, Head& head, Sink& sink) {
  if (headers::is(header.name, "Content-Length")) {
    take_length(header.value, head, sink);
    if (head.length) sink.number("content_length", *head.length);
    return;
  }
  if (headers::is(header.name, "Transfer-Encoding"))
    head.chunked = base::to_lower(header.value).find("chunked") != std::string::npos;
  if (headers::is(header.name, "Authorization") ||
      headers::is(header.name, "Proxy-Authorization")) {
    head.authorization = header.value;
    if (sink.wants_details())
      sink.text("authorization_scheme", printable(header.value.substr(0, header.value.find(' '))));
    return;
  }
  if (headers::is(header.name, "WWW-Authenticate")) {
    if (sink.wants_details()) sink.text("authenticate", printable(header.value));
    return;
  }
  if (headers::is(header.name, "Cookie") || headers::is(header.name, "Set-Cookie")) {
    sink.number("cookie", 1);
    return;
  }
  if (headers::is(header.name, "Referer")) {
    if (sink.wants_details()) sink.text("referer", shown_target(header.value));
    return;
  }
  for (const Shown& one : kShown) {
    if (!headers::is(header.name, one.header)) continue;
    if (one.member != nullptr) head.*one.member = header.value;
    if (!sink.wants_details()) return;
    sink.text(one.detail, one.detail == "location" ? shown_target(header.value)
                                                   : printable(header.value, 1024));
    return;
  }
}

void check(const Head& head, Sink& sink) {
  if (head.chunked && head.length)
    sink.issue({Issue::Kind::Violation, "body has both a length and chunks"});
  if (head.version != "1.0" && head.version != "1.1" && !head.version.empty())
    sink.issue({Issue::Kind::Violation, "version that does not exist"});
  if (head.request && head.version == "1.1" && head.host.empty())
    sink.issue({Issue::Kind::Violation, "request without a host"});
}

constexpr std::string_view kSecrets[] = {"pass", "pwd",  "secret", "token",     "key",
                                         "auth", "sess", "sid",    "credential"};

bool secret(std::string_view name) {
  const std::string lower = base::to_lower(name);
  return std::ranges::any_of(
      kSecrets, [&](std::string_view one) { return lower.find(one) != std::string::npos; });
}

}  // namespace

std::optional<std::uint32_t> method_of(std::string_view name) {
  for (std::uint32_t i = 0; i < std::size(kMethods); ++i) {
    if (kMethods[i].name == name) return i;
  }
  return std::nullopt;
}

const Method& method(std::uint32_t code) {
  return kMethods[code];
}

Match match_start(std::string_view text) {
  const std::string_view answer = "HTTP/1.";
  if (text.starts_with(answer)) {
    if (text.size() < 12) return Match::Unsure;
    return text[8] == ' ' && headers::number(text.substr(9, 3)) ? Match::Yes : Match::No;
  }
  if (text.size() < answer.size() && answer.starts_with(text)) return Match::Unsure;
  const std::size_t blank = text.substr(0, 16).find(' ');
  if (blank == std::string_view::npos) {
    const bool may = text.size() < 16 &&
                     std::ranges::any_of(
                         kMethods, [&](const Method& one) { return one.name.starts_with(text); });
    return may ? Match::Unsure : Match::No;
  }
  if (!method_of(text.substr(0, blank))) return Match::No;
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.find(" HTTP/1.", blank) != std::string_view::npos) return Match::Yes;
  return line.size() == text.size() && text.size() < kMaxHead ? Match::Unsure : Match::No;
}

Head read_head(std::string_view text, Sink& sink) {
  Head head;
  headers::Lines lines(text);
  if (!lines.next()) return head;
  start_line(lines.here(), head, sink);
  if (sink.wants_details()) {
    if (head.request) {
      sink.text("method", head.method ? method(*head.method).name : std::string_view("?"));
      sink.text("uri", shown_target(head.target));
      if (!head.version.empty()) sink.text("request_version", "HTTP/" + printable(head.version));
    } else {
      sink.text("response_version", "HTTP/" + printable(head.version));
      sink.number("status", head.code);
      if (!head.phrase.empty()) sink.text("phrase", printable(head.phrase));
    }
  }
  bool bad = false;
  while (lines.next() && !lines.here().empty()) {
    if (head.headers == kMaxHeaders) {
      sink.issue({Issue::Kind::LeftOut, "more headers than are read", kMaxHeaders});
      break;
    }
    ++head.headers;
    const headers::Header header = headers::header_of(lines.here());
    if (!header.good && !bad)
      sink.issue({Issue::Kind::Malformed, "header that cannot be", head.headers});
    bad |= !header.good;
    if (header.folded) {
      sink.issue({Issue::Kind::Violation, "header goes on in a second line", head.headers});
    } else if (!header.name.empty()) {
      take_header(header, head, sink);
    }
  }
  sink.number("header_count", head.headers);
  sink.number("header_bytes", text.size());
  check(head, sink);
  return head;
}

std::string shown_target(std::string_view target) {
  std::string shown;
  const std::size_t scheme = target.find("://");
  if (scheme != std::string_view::npos && scheme < 12) {
    const std::size_t slash = target.find('/', scheme + 3);
    const std::size_t at = target.substr(0, slash).rfind('@');
    if (at != std::string_view::npos) {
      shown = target.substr(0, scheme + 3);
      shown += "***";
      target.remove_prefix(at);
    }
  }
  const std::size_t query = target.find('?');
  if (query == std::string_view::npos) return shown + printable(target, 2048);
  shown += printable(target.substr(0, query + 1), 2048);
  std::string_view rest = target.substr(query + 1, 2048);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view part = rest.substr(0, end);
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos && secret(part.substr(0, equals))) {
      shown += printable(part.substr(0, equals + 1));
      shown += "***";
    } else {
      shown += printable(part, 2048);
    }
    if (end == std::string_view::npos) break;
    shown += '&';
    rest.remove_prefix(end + 1);
  }
  return shown;
}

std::string_view path_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  const std::size_t slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

std::string_view reason_of(std::uint16_t code) {
  return name_of(kReasons, code);
}

std::string user_of(std::string_view authorization) {
  const std::size_t blank = authorization.find(' ');
  if (blank == std::string_view::npos) return {};
  const std::string_view scheme = authorization.substr(0, blank);
  std::string_view rest = authorization.substr(blank + 1);
  if (headers::is(scheme, "Basic")) {
    auto decoded = base::base64_decode(rest.substr(0, 1024));
    if (!decoded) return {};
    const std::string_view text = base::as_text(*decoded);
    const std::size_t colon = text.find(':');
    std::string user =
        colon == std::string_view::npos ? std::string{} : printable(text.substr(0, colon));
    base::wipe(*decoded);
    return user;
  }
  if (!headers::is(scheme, "Digest")) return {};
  const std::size_t at = rest.find("username=\"");
  if (at == std::string_view::npos) return {};
  rest.remove_prefix(at + 10);
  return printable(rest.substr(0, rest.find('"')));
}

}  // namespace dissect::http
