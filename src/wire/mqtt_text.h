#pragma once

#include <string_view>

// What MQTT 3.1.1 permits as text; shared by the decoder and the encoder. Threads: pure.
namespace wire::mqtt {

// Well-formed UTF-8 without U+0000 (section 1.5.3).
bool is_mqtt_text(std::string_view text);
// Text to publish to: not empty, no wildcards (section 4.7.1).
bool is_topic_name(std::string_view text);
// Text to subscribe to: '#' only as the last level, '+' only as a whole level.
bool is_topic_filter(std::string_view text);

}  // namespace wire::mqtt
