// What the hub reads of a request beyond what the HTTP parser reads: target, cookies,
// authorization, lists of codings and tags.
#include "base/text.h"
#include "hub/api/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub::api;
  const std::string_view text = base::as_text({data, size});
  if (const auto target = parse_target(text)) {
    ASSERT(target->segments.size() <= kMaxSegments);
    ASSERT(target->parameters.size() <= kMaxParameters);
    for (const std::string& segment : target->segments) {
      ASSERT(segment != "." && segment != ".." && segment.find('/') == std::string::npos);
      ASSERT(segment.find('\0') == std::string::npos && base::is_utf8(segment));
    }
  }
  if (const auto cookie = find_cookie(text, "sid"); cookie && !cookie->empty()) {
    ASSERT(cookie->data() >= text.data() && cookie->end() <= text.end());
  }
  if (const auto credentials = parse_authorization(text)) {
    if (const auto* bearer = std::get_if<BearerToken>(&*credentials))
      ASSERT(!bearer->secret.empty());
  }
  [[maybe_unused]] const bool json = is_media_type(text, "application/json");
  [[maybe_unused]] const bool gzip = accepts_gzip(text);
  [[maybe_unused]] const bool same = matches_etag(text, "\"a\"");
  return 0;
}
