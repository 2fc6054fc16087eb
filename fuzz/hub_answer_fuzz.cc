// What a hub answers: over HTTPS about the module's key, over MQTT about the twin. No input may
// break the reading, and an HTTP answer that is complete stays what it is when more follows.
#include <algorithm>

#include "base/bytes.h"
#include "base/result.h"
#include "uplink/module_key.h"
#include "uplink/twin_client.h"
#include "wire/http_answer.h"

namespace {

void check_http(std::string_view text) {
  const auto open = wire::read_http_answer(text, wire::HttpEnd::MoreMayCome);
  const auto closed = wire::read_http_answer(text, wire::HttpEnd::Closed);
  if (open && *open) {
    ASSERT(closed && *closed && (*closed)->body == (*open)->body);
    (void)uplink::read_module_key((*open)->body);
  }
  (void)uplink::read_module_key(text);
}

void check_twin(std::string_view text) {
  int published = 0;
  uplink::TwinClient client({},
                            {.publish = [&](std::string_view, std::string_view) { ++published; },
                             .desired = [](const uplink::Desired&) {},
                             .random01 = [] { return 0.5; }});
  const base::MonoTime now{std::chrono::seconds(1)};
  client.subscribed(true, now);
  (void)client.report(R"({"a":{"b":1}})", now);
  // Each line is a topic, a space and a payload.
  for (int lines = 0; lines < 16 && !text.empty(); ++lines) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t space = std::min(line.find(' '), line.size());
    wire::mqtt::Publish packet;
    packet.topic = line.substr(0, space);
    packet.payload = base::as_bytes(line.substr(std::min(line.size(), space + 1)));
    client.take(packet, now);
  }
  ASSERT(published <= 64);
  (void)client.stats();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  check_http(text);
  check_twin(text);
  return 0;
}
