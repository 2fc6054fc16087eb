#include "wire/mqtt_text.h"

#include "base/text.h"

namespace wire::mqtt {

bool is_mqtt_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && base::is_utf8(text);
}

bool is_topic_name(std::string_view text) {
  return !text.empty() && text.find_first_of("#+") == std::string_view::npos && is_mqtt_text(text);
}

bool is_topic_filter(std::string_view text) {
  if (text.empty() || !is_mqtt_text(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool whole_level =
        (i == 0 || text[i - 1] == '/') && (i + 1 == text.size() || text[i + 1] == '/');
    if (text[i] == '+' && !whole_level) return false;
    if (text[i] == '#' && !(whole_level && i + 1 == text.size())) return false;
  }
  return true;
}

}  // namespace wire::mqtt
