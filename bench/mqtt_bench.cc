// The MQTT codec and what the hub looks at in every message.
#include <string>

#include <benchmark/benchmark.h>

#include "wire/mqtt.h"
#include "wire/property_bag.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace {

namespace mqtt = wire::mqtt;

constexpr std::string_view kTopic =
    "devices/device-1/modules/azureiotsecurity/messages/events/"
    "%24.ct=application%2Fjson&%24.ce=utf-8&%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1";

base::ByteVec publish_of(std::size_t payload_bytes) {
  const std::string payload(payload_bytes, 'x');
  mqtt::Publish packet;
  packet.topic = kTopic;
  packet.payload = base::as_bytes(payload);
  packet.packet_id = 1;
  packet.qos = 1;
  base::ByteVec bytes;
  benchmark::DoNotOptimize(mqtt::encode_publish(packet, bytes));
  return bytes;
}

void decode_publish(benchmark::State& state) {
  const base::ByteVec bytes = publish_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(mqtt::decode(bytes));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(decode_publish)->Arg(256)->Arg(4096)->Arg(262'144 - 512);

void stream_of_publishes(benchmark::State& state) {
  base::ByteVec bytes;
  const base::ByteVec one = publish_of(256);
  for (int i = 0; i < 10; ++i)
    bytes.insert(bytes.end(), one.begin(), one.end());
  mqtt::Stream stream(1U << 20U);
  for (auto _ : state) {
    stream.feed(bytes);
    for (;;) {
      const auto packet = stream.next();
      if (!packet || !packet->has_value()) break;
      benchmark::DoNotOptimize(packet);
    }
  }
  state.SetItemsProcessed(10 * state.iterations());
}
BENCHMARK(stream_of_publishes);

void encode_publish(benchmark::State& state) {
  const std::string payload(256, 'x');
  mqtt::Publish packet;
  packet.topic = kTopic;
  packet.payload = base::as_bytes(payload);
  packet.packet_id = 1;
  packet.qos = 1;
  base::ByteVec out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(mqtt::encode_publish(packet, out));
  }
}
BENCHMARK(encode_publish);

void look_at_topic(benchmark::State& state) {
  for (auto _ : state) {
    const auto topic = wire::parse_publish_topic(kTopic);
    benchmark::DoNotOptimize(wire::is_security_message(topic->bag));
  }
}
BENCHMARK(look_at_topic);

void verify_token(benchmark::State& state) {
  constexpr const char* kKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  const base::WallTime now;
  const std::string text =
      wire::make_sas("hub.example/devices/d1", kKey, now + std::chrono::hours(1)).value();
  for (auto _ : state) {
    const auto token = wire::parse_sas(text);
    benchmark::DoNotOptimize(wire::verify_sas(*token, kKey, now));
  }
}
BENCHMARK(verify_token);

}  // namespace
