#include "dissect/sip/text.h"

#include <algorithm>

#include "base/text.h"
#include "dissect/headers/headers.h"

namespace dissect::sip {

namespace {

// More lines than any description has.
constexpr std::size_t kMaxLines = 256;

std::string_view before(std::string_view text, std::string_view any) {
  return text.substr(0, text.find_first_of(any));
}

// "audio 49170/2 RTP/AVP 0 8" (RFC 8866 section 5.14).
void read_media(std::string_view value, Message& message, Objects& objects, Sink& sink) {
  const std::size_t first = value.find(' ');
  if (first == std::string_view::npos) {
    sink.issue({Issue::Kind::Malformed, "media without a port", 0, 0});
    return;
  }
  const std::string_view kind = value.substr(0, first);
  const std::string_view rest = value.substr(first + 1);
  const auto port = headers::number(before(rest, " /"));
  if (!port || *port > 0xffff) {
    sink.issue({Issue::Kind::Malformed, "media without a port", 0, 0});
    return;
  }
  const std::size_t second = rest.find(' ');
  const std::string_view transport =
      second == std::string_view::npos ? std::string_view{} : before(rest.substr(second + 1), " ");
  sink.shown("media", kind);
  sink.number("media_port", *port);
  sink.shown("media_transport", transport);
  objects.add(message, sink, {"media", objects.shown(kind, 32), *port, 1});
}

// "IN IP4 192.0.2.1/127": the address (section 5.7).
std::string_view connection_address(std::string_view value) {
  const std::size_t blank = value.rfind(' ');
  return blank == std::string_view::npos ? value : before(value.substr(blank + 1), "/");
}

}  // namespace

StartLine read_start(std::string_view line) {
  StartLine start;
  const std::size_t first = line.find(' ');
  const std::string_view word = line.substr(0, first);
  const std::string_view rest =
      first == std::string_view::npos ? std::string_view{} : line.substr(first + 1);
  if (word.find('/') != std::string_view::npos) {
    start.version = word;
    start.code = static_cast<std::uint16_t>(headers::number(rest.substr(0, 3)).value_or(0));
    if (rest.size() > 4) start.reason = rest.substr(4);
    return start;
  }
  start.request = true;
  start.method = word;
  const std::size_t last = rest.rfind(' ');
  start.target = rest.substr(0, last);
  if (last != std::string_view::npos) start.version = rest.substr(last + 1);
  return start;
}

Match match_start(std::string_view text, std::string_view name, std::span<const Method> methods) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  const bool whole = end != std::string_view::npos;
  if (line.substr(0, name.size()) == name.substr(0, line.size())) {
    // "SIP/2.0 200"
    if (line.size() < name.size() + 7) return whole ? Match::No : Match::Unsure;
    const bool good = line[name.size() + 1] == '.' && line[name.size() + 3] == ' ' &&
                      headers::number(line.substr(name.size() + 4, 3)).has_value();
    return good ? Match::Yes : Match::No;
  }
  const std::size_t blank = line.substr(0, 16).find(' ');
  if (blank == std::string_view::npos) {
    const bool may =
        !whole && line.size() < 16 &&
        std::ranges::any_of(methods, [&](const Method& one) { return one.name.starts_with(line); });
    return may ? Match::Unsure : Match::No;
  }
  if (!method_of(methods, line.substr(0, blank))) return Match::No;
  if (!whole) return line.size() < 2048 ? Match::Unsure : Match::No;
  const StartLine start = read_start(line);
  return start.version.starts_with(name) ? Match::Yes : Match::No;
}

Frame frame_of(std::string_view text, bool compact) {
  // Blank lines keep a connection open.
  if (text.starts_with('\n')) return Frame::pdu(1);
  if (text.starts_with("\r\n")) return Frame::pdu(2);
  if (text == "\r") return Frame::need(2);
  const auto end = headers::end_of(text.substr(0, kMaxHead));
  if (!end) return text.size() < kMaxHead ? Frame::need(text.size() + 1) : Frame::lost();
  std::uint64_t length = 0;
  headers::Lines lines(text.substr(0, *end));
  while (lines.next()) {
    const headers::Header header = headers::header_of(lines.here());
    if (headers::is(header.name, "Content-Length") || (compact && headers::is(header.name, "l")))
      length = headers::number(header.value).value_or(0);
  }
  const auto body = static_cast<std::size_t>(length);
  return Frame::pdu(*end + body, *end + std::min(body, kMaxBody));
}

std::optional<std::uint32_t> method_of(std::span<const Method> methods, std::string_view name) {
  const auto found = std::ranges::find(methods, name, &Method::name);
  if (found == methods.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - methods.begin());
}

std::string_view parameter(std::string_view value, std::string_view name) {
  for (std::size_t at = value.find(name); at != std::string_view::npos;
       at = value.find(name, at + 1)) {
    const std::size_t behind = at + name.size();
    const bool begins =
        at == 0 || value[at - 1] == ' ' || value[at - 1] == ',' || value[at - 1] == ';';
    if (!begins || behind >= value.size() || value[behind] != '=') continue;
    const std::string_view rest = value.substr(behind + 1);
    if (rest.starts_with('"')) return before(rest.substr(1), "\"");
    return before(rest, ",; ");
  }
  return {};
}

Address read_address(std::string_view value) {
  const std::size_t open = value.rfind('<');
  std::string_view uri =
      open == std::string_view::npos ? before(value, ";") : before(value.substr(open + 1), ">");
  const std::size_t scheme = uri.find(':');
  Address address;
  if (scheme == 3 && base::equal_ignore_case(uri.substr(0, scheme), "tel")) {
    address.user = before(uri.substr(scheme + 1), ";?");
    return address;
  }
  if (scheme != std::string_view::npos && scheme <= 5) uri.remove_prefix(scheme + 1);
  const std::size_t at = uri.find('@');
  if (at != std::string_view::npos) {
    address.user = before(uri.substr(0, at), ":;");
    uri.remove_prefix(at + 1);
  }
  // An address of IPv6 has colons of its own.
  address.host = uri.starts_with('[') ? uri.substr(0, uri.find(']') + 1) : before(uri, ":;?");
  return address;
}

std::string_view without_password(std::string_view uri, Objects& objects) {
  const std::size_t at = uri.find('@');
  if (at == std::string_view::npos) return objects.shown(uri);
  const std::size_t scheme = uri.find(':');
  std::size_t begin = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 1;
  if (uri.substr(begin).starts_with("//")) begin += 2;
  const std::size_t colon = uri.find(':', begin);
  if (colon == std::string_view::npos || colon > at) return objects.shown(uri);
  return objects.compose(
      {objects.shown(uri.substr(0, colon + 1), 128), "***", objects.shown(uri.substr(at), 256)});
}

void read_description(std::string_view body, Message& message, Objects& objects, Sink& sink) {
  headers::Lines lines(body);
  for (std::size_t count = 0; count < kMaxLines && lines.next(); ++count) {
    const std::string_view line = lines.here();
    if (line.size() < 2 || line[1] != '=') continue;
    const std::string_view value = line.substr(2);
    switch (line[0]) {
      case 'o':
        sink.shown("session_owner", value);
        break;
      case 's':
        sink.shown("session_name", value);
        break;
      case 'c':
        sink.shown("media_address", connection_address(value));
        break;
      case 'm':
        read_media(value, message, objects, sink);
        break;
      default:
        break;
    }
  }
}

}  // namespace dissect::sip
