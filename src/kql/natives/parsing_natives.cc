// Text with a shape of its own, taken apart: URLs, paths, command lines, comma-separated values.

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "kql/natives/native.h"

namespace kql::natives {
namespace {

using base::json::Writer;

// The text up to `stop`, which goes too; all of it when there is none.
std::string_view take_until(std::string_view& rest, std::string_view stop) {
  const std::size_t at = std::min(rest.find(stop), rest.size());
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(std::min(rest.size(), at + stop.size()));
  return taken;
}

void write_query(Writer& writer, std::string_view query) {
  writer.key("Query Parameters");
  writer.begin_object();
  std::vector<std::string> seen;
  while (!query.empty()) {
    std::string_view pair = take_until(query, "&");
    std::string name = base::percent_decode(take_until(pair, "="));
    if (name.empty() || std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    writer.field(name, base::percent_decode(pair));
    seen.push_back(std::move(name));
  }
  writer.end_object();
}

Outcome parse_url_query(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string out;
  Writer writer(out);
  writer.begin_object();
  write_query(writer, *text);
  writer.end_object();
  return out;
}

// RFC 3986: scheme://user:password@host:port/path?query#fragment
Outcome parse_url(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string_view rest = *text;
  std::string_view scheme;
  std::string_view authority;
  const std::size_t colon = rest.find("://");
  if (colon != std::string_view::npos) {
    scheme = rest.substr(0, colon);
    rest.remove_prefix(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    authority = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  std::string_view fragment = rest;
  rest = take_until(fragment, "#");
  std::string_view query = rest;
  const std::string_view path = take_until(query, "?");
  std::string_view password;
  std::string_view user;
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    password = authority.substr(0, at);
    user = take_until(password, ":");
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  const std::size_t bracket = authority.find(']');  // of an IPv6 address
  const std::size_t port_colon =
      authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_colon != std::string_view::npos) {
    port = authority.substr(port_colon + 1);
    authority = authority.substr(0, port_colon);
  }
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("Scheme", scheme);
  writer.field("Host", authority);
  writer.field("Port", port);
  // The path as the language has it: without the slash that divides it from the host.
  writer.field("Path", authority.empty() || path.empty() ? path : path.substr(1));
  writer.field("Username", user);
  writer.field("Password", password);
  write_query(writer, query);
  writer.field("Fragment", fragment);
  writer.end_object();
  return out;
}

// C:\a\b.txt:stream, /a/b.txt, \\server\share\x, file:///a
Outcome parse_path(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string_view rest = *text;
  std::string_view scheme;
  if (const std::size_t at = rest.find("://"); at != std::string_view::npos) {
    scheme = rest.substr(0, at);
    rest.remove_prefix(at + 3);
  }
  const auto slash = [](char c) { return c == '/' || c == '\\'; };
  std::string_view root;
  const bool drive =
      rest.size() >= 2 && rest[1] == ':' && std::isalpha(static_cast<unsigned char>(rest[0])) != 0;
  if (drive) root = rest.substr(0, 2);
  if (root.empty() && rest.starts_with("\\\\")) {
    root = rest.substr(0, std::min(rest.find_first_of("/\\", 2), rest.size()));
  }
  const std::size_t last = rest.find_last_of("/\\");
  std::string_view directory = last == std::string_view::npos ? "" : rest.substr(0, last);
  std::string_view name = last == std::string_view::npos ? rest : rest.substr(last + 1);
  if (last == std::string_view::npos && drive) name.remove_prefix(2);
  std::string_view stream = name;
  name = take_until(stream, ":");
  const std::size_t dot = name.rfind('.');
  const std::string_view extension =
      dot == std::string_view::npos || dot == 0 ? "" : name.substr(dot + 1);
  std::string_view directory_name = directory;
  while (!directory_name.empty() && slash(directory_name.back()))
    directory_name.remove_suffix(1);
  const std::size_t parent = directory_name.find_last_of("/\\");
  if (parent != std::string_view::npos) directory_name.remove_prefix(parent + 1);
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("Scheme", scheme);
  writer.field("RootPath", root);
  writer.field("DirectoryPath", directory);
  writer.field("DirectoryName", directory_name);
  writer.field("Filename", name);
  writer.field("Extension", extension);
  writer.field("AlternateDataStreamName", stream);
  writer.end_object();
  return out;
}

// The rules by which Windows programs take their command line apart: quotes group, 2n backslashes
// before a quote are n, and one more makes the quote a character.
Outcome parse_command_line(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto parser = text_at(arguments, 1);
  if (!text || parser != "windows") return {};
  std::string out;
  Writer writer(out);
  writer.begin_array();
  std::string word;
  bool quoted = false;
  bool started = false;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '\\') {
      const std::size_t end = std::min(text->find_first_not_of('\\', i), text->size());
      const std::size_t count = end - i;
      const bool quote = end < text->size() && (*text)[end] == '"';
      word.append(quote ? count / 2 : count, '\\');
      if (quote && count % 2 == 1) word += '"';
      i = end - (quote && count % 2 == 1 ? 0 : 1);
      started = true;
    } else if (c == '"') {
      quoted = !quoted;
      started = true;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (started) writer.value(word);
      word.clear();
      started = false;
    } else {
      word += c;
      started = true;
    }
  }
  if (started) writer.value(word);
  writer.end_array();
  return out;
}

// RFC 4180, the first record only.
Outcome parse_csv(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return {};
  std::string out;
  Writer writer(out);
  writer.begin_array();
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '"' && quoted && i + 1 < text->size() && (*text)[i + 1] == '"') {
      field += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      writer.value(field);
      field.clear();
    } else if ((c == '\n' || c == '\r') && !quoted) {
      break;
    } else {
      field += c;
    }
  }
  writer.value(field);
  writer.end_array();
  return out;
}

constexpr std::array kNatives{
    Native{"native_parse_url", "T:J", parse_url},
    Native{"native_parse_urlquery", "T:J", parse_url_query},
    Native{"native_parse_path", "T:J", parse_path},
    Native{"native_parse_command_line", "TT:J", parse_command_line},
    Native{"native_parse_csv", "T:J", parse_csv},
};

}  // namespace

std::span<const Native> parsing_natives() {
  return kNatives;
}

}  // namespace kql::natives
