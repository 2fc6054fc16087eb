#include "hub/api/message.h"

#include <algorithm>

#include "base/text.h"

namespace hub::api {

using base::Code;
using base::fail;
using base::Result;

std::string_view to_string(Method method) {
  switch (method) {
    case Method::Get:
      return "GET";
    case Method::Head:
      return "HEAD";
    case Method::Post:
      return "POST";
    case Method::Put:
      return "PUT";
    case Method::Patch:
      return "PATCH";
    case Method::Delete:
      return "DELETE";
    case Method::Other:
      break;
  }
  return "other";
}

std::string_view Request::header(std::string_view lower_case_name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const Header& header) {
    return header.name == lower_case_name;
  });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

const std::string* Target::parameter(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& each) { return each.first == name; });
  return found == parameters.end() ? nullptr : &found->second;
}

namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<std::string> decode_segment(std::string_view raw) {
  std::string segment = base::percent_decode(raw);
  if (segment == "." || segment == ".." || segment.find('/') != std::string::npos ||
      has_control(segment) || !base::is_utf8(segment)) {
    return fail(Code::Malformed, "path segment is not a name");
  }
  return segment;
}

std::string decode_parameter(std::string_view raw) {
  std::string text(raw);
  std::replace(text.begin(), text.end(), '+', ' ');
  return base::percent_decode(text);
}

Result<void> parse_parameters(std::string_view text, Target& target) {
  for (const std::string_view pair : base::split(text, '&')) {
    if (pair.empty()) continue;
    if (target.parameters.size() == kMaxParameters) {
      return fail(Code::TooLarge, "more than 32 query parameters");
    }
    const std::size_t equals = pair.find('=');
    std::string name = decode_parameter(pair.substr(0, equals));
    std::string value =
        equals == std::string_view::npos ? "" : decode_parameter(pair.substr(equals + 1));
    if (!base::is_utf8(name) || !base::is_utf8(value)) {
      return fail(Code::Malformed, "query parameter is not UTF-8");
    }
    if (target.parameter(name) != nullptr) {
      return fail(Code::Invalid, "query parameter is given twice", -1, name);
    }
    target.parameters.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return fail(Code::Malformed, "target is not a path");
  const std::size_t question = text.find('?');
  std::string_view path =
      text.substr(1, question == std::string_view::npos ? std::string_view::npos : question - 1);
  Target target;
  if (!path.empty()) {
    for (const std::string_view raw : base::split(path, '/')) {
      if (target.segments.size() == kMaxSegments) {
        return fail(Code::TooLarge, "more than 16 path segments");
      }
      target.segments.push_back(TRY(decode_segment(raw)));
    }
  }
  if (question != std::string_view::npos) {
    TRY(parse_parameters(text.substr(question + 1), target));
  }
  return target;
}

std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name) {
  for (const std::string_view pair : base::split(header, ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || base::trim(pair.substr(0, equals)) != name) continue;
    std::string_view value = base::trim(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return value;
  }
  return std::nullopt;
}

Result<Credentials> parse_authorization(std::string_view header) {
  const std::string_view text = base::trim(header);
  if (text.empty()) return Credentials(NoCredentials{});
  const std::size_t space = text.find(' ');
  const std::string_view scheme = text.substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? "" : base::trim(text.substr(space + 1));
  const bool bearer = base::equal_ignore_case(scheme, "Bearer");
  const bool signature = base::equal_ignore_case(scheme, "SharedAccessSignature");
  if (!bearer && !signature) {
    return fail(Code::Unsupported, "authorization scheme", -1,
                "expected Bearer or SharedAccessSignature");
  }
  if (rest.empty()) return fail(Code::Malformed, "authorization without credentials");
  if (bearer) return Credentials(BearerToken{rest});
  return Credentials(SharedAccessSignature{text});
}

bool is_media_type(std::string_view content_type, std::string_view expected) {
  return base::equal_ignore_case(base::trim(content_type.substr(0, content_type.find(';'))),
                                 expected);
}

bool accepts_gzip(std::string_view header) {
  for (const std::string_view each : base::split(header, ',')) {
    const std::size_t semicolon = each.find(';');
    const std::string_view coding = base::trim(each.substr(0, semicolon));
    if (!base::equal_ignore_case(coding, "gzip") && coding != "*") continue;
    if (semicolon == std::string_view::npos) return true;
    const std::string_view weight = base::trim(each.substr(semicolon + 1));
    // q=0, q=0.0, q=0.000: not acceptable.
    return weight.find_first_not_of("qQ=0. ") != std::string_view::npos;
  }
  return false;
}

bool matches_etag(std::string_view header, std::string_view etag) {
  for (const std::string_view each : base::split(header, ',')) {
    std::string_view tag = base::trim(each);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == "*" || tag == etag) return true;
  }
  return false;
}

}  // namespace hub::api
