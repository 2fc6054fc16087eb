#include "hub/egress/settings.h"

#include "base/text.h"

namespace hub::egress {

std::string_view to_string(ForwardType type) {
  return type == ForwardType::Webhook ? "webhook" : "file";
}

std::optional<Url> parse_https_url(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::size_t kMaxUrl = 2048;
  if (text.size() > kMaxUrl || !base::equal_ignore_case(text.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  for (const char c : text) {
    if (c <= ' ' || c == 0x7f || c == '#') return std::nullopt;
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.find('?'));
  std::string_view authority = text.substr(0, slash);
  Url url;
  if (slash != std::string_view::npos) {
    url.target = text.substr(slash);
    if (url.target.front() == '?') url.target.insert(0, "/");
  }
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  const bool v6 = authority.starts_with('[');
  const std::size_t end = v6 ? authority.find(']') : authority.find(':');
  if (v6 && end == std::string_view::npos) return std::nullopt;
  url.host = v6 ? authority.substr(1, end - 1) : authority.substr(0, end);
  std::string_view port;
  if (end != std::string_view::npos) port = authority.substr(v6 ? end + 1 : end);
  if (!port.empty()) {
    if (port.front() != ':') return std::nullopt;
    const auto number = base::parse_int(port.substr(1));
    if (!number || *number < 1 || *number > 65'535) return std::nullopt;
    url.port = static_cast<std::uint16_t>(*number);
  }
  if (url.host.empty()) return std::nullopt;
  return url;
}

}  // namespace hub::egress
