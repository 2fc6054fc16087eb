#include "uplink/channel.h"

#include <gtest/gtest.h>

namespace uplink::channel {
namespace {

using base::ByteVec;
using base::ByteView;
using base::Code;
using namespace std::chrono_literals;

// Type and body of the one frame in there.
ByteVec frame_of(const ByteVec& bytes) {
  Framer framer;
  framer.feed(bytes);
  const auto frame = framer.next();
  EXPECT_TRUE(frame && *frame);
  if (!frame || !*frame) return {};
  ByteVec copy((*frame)->begin(), (*frame)->end());
  EXPECT_EQ(framer.pending(), 0U);
  return copy;
}

template <class T>
T through_network(const T& frame) {
  ByteVec bytes;
  encode(ToNetwork(frame), bytes);
  const auto read = decode_to_network(frame_of(bytes));
  EXPECT_TRUE(read) << read.error().to_string();
  return read ? std::get<T>(*read) : T{};
}
template <class T>
T through_collector(const T& frame) {
  ByteVec bytes;
  encode(ToCollector(frame), bytes);
  const auto read = decode_to_collector(frame_of(bytes));
  EXPECT_TRUE(read) << read.error().to_string();
  return read ? std::get<T>(*read) : T{};
}

Configure configuration() {
  Configure configure;
  Identity& identity = configure.options.identity;
  identity.host_name = "hub.example";
  identity.port = 443;
  identity.device_id = "d";
  identity.module_id = "m";
  identity.key_base64 = "c2VjcmV0";
  identity.https_port = 8443;
  identity.through_device = true;
  identity.certificate_pem = "certificate";
  identity.private_key_pem = "key";
  configure.options.window = 3;
  configure.options.keep_alive = 7s;
  configure.options.backoff_most = 11min;
  configure.options.twin.retry_most = 13s;
  configure.ca_pem = "-----BEGIN";
  configure.twin = true;
  return configure;
}

TEST(Channel, CarriesTheConfiguration) {
  const Configure read = through_network(configuration());
  EXPECT_EQ(read.options.identity.host_name, "hub.example");
  EXPECT_EQ(read.options.identity.port, 443);
  EXPECT_EQ(read.options.identity.device_id, "d");
  EXPECT_EQ(read.options.identity.module_id, "m");
  EXPECT_EQ(read.options.identity.key_base64, "c2VjcmV0");
  EXPECT_EQ(read.options.identity.https_port, 8443);
  EXPECT_TRUE(read.options.identity.through_device);
  EXPECT_EQ(read.options.identity.certificate_pem, "certificate");
  EXPECT_EQ(read.options.identity.private_key_pem, "key");
  EXPECT_EQ(read.options.client_type, "vedette-agent");
  EXPECT_EQ(read.options.window, 3U);
  EXPECT_EQ(read.options.keep_alive, 7s);
  EXPECT_EQ(read.options.backoff_most, 11min);
  EXPECT_EQ(read.options.twin.retry_most, 13s);
  EXPECT_EQ(read.ca_pem, "-----BEGIN");
  EXPECT_TRUE(read.twin);
}

TEST(Channel, CarriesMessagesAndReports) {
  const Publish message = through_network(Publish{7, 3, std::string(200'000, 'x')});
  EXPECT_EQ(message.id, 7U);
  EXPECT_EQ(message.events, 3U);
  EXPECT_EQ(message.payload.size(), 200'000U);
  EXPECT_EQ(through_network(Report{R"({"a":1})"}).json, R"({"a":1})");
  through_network(Start{});
  through_network(Stop{});
  through_network(Ping{});
}

TEST(Channel, CarriesTheState) {
  State state;
  state.stats.online = true;
  state.stats.connects = 1;
  state.stats.in_flight = 2;
  state.stats.bytes_sent = ~std::uint64_t{0};
  state.stats.last_error = std::string(5000, 'e');
  state.stats.twin.known = true;
  state.stats.twin.version = 42;
  state.stats.twin.malformed = 9;
  state.stats.twin.last_error = "late";
  const State read = through_collector(state);
  EXPECT_TRUE(read.stats.online);
  EXPECT_EQ(read.stats.connects, 1U);
  EXPECT_EQ(read.stats.in_flight, 2U);
  EXPECT_EQ(read.stats.bytes_sent, ~std::uint64_t{0});
  EXPECT_EQ(read.stats.last_error.size(), kMaxReasonBytes);
  EXPECT_TRUE(read.stats.twin.known);
  EXPECT_FALSE(read.stats.twin.report_pending);
  EXPECT_EQ(read.stats.twin.version, 42);
  EXPECT_EQ(read.stats.twin.malformed, 9U);
  EXPECT_EQ(read.stats.twin.last_error, "late");
}

TEST(Channel, CarriesAnswers) {
  EXPECT_EQ(through_collector(Acknowledged{~std::uint64_t{0}}).id, ~std::uint64_t{0});
  const Configured refused = through_collector(Configured{false, "no certificate"});
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.reason, "no certificate");
  const DesiredTwin twin =
      through_collector(DesiredTwin{{Desired::Kind::Patch, 5, R"({"x":null})"}});
  EXPECT_EQ(twin.desired.kind, Desired::Kind::Patch);
  EXPECT_EQ(twin.desired.version, 5);
  EXPECT_EQ(twin.desired.json, R"({"x":null})");
  through_collector(Stopped{});
}

TEST(Channel, AFrameIsCutAtEveryByte) {
  ByteVec bytes;
  encode(ToNetwork(configuration()), bytes);
  encode(ToCollector(State{}), bytes);
  Framer framer;
  std::size_t frames = 0;
  for (const std::uint8_t byte : bytes) {
    framer.feed({&byte, 1});
    const auto frame = framer.next();
    ASSERT_TRUE(frame);
    if (*frame) ++frames;
  }
  EXPECT_EQ(frames, 2U);

  // A body that ends early is an error, not a frame with less in it.
  ByteVec whole;
  encode(ToNetwork(configuration()), whole);
  const ByteVec body = frame_of(whole);
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(decode_to_network(ByteView(body).first(size))) << size;
}

TEST(Channel, RefusesWhatNobodyWouldSend) {
  EXPECT_EQ(decode_to_network(ByteVec{99}).error().code, Code::Malformed);
  EXPECT_EQ(decode_to_collector(ByteVec{0}).error().code, Code::Malformed);
  EXPECT_EQ(decode_to_network(ByteVec{1, 0}).error().code, Code::Malformed);  // Start, and more
  // A flag that is neither, and a version below zero.
  ByteVec twin;
  encode(ToCollector(DesiredTwin{{Desired::Kind::Whole, 1, "{}"}}), twin);
  ByteVec body = frame_of(twin);
  body[1] = 2;
  EXPECT_EQ(decode_to_collector(body).error().code, Code::Malformed);
  body[1] = 0;
  body[9] = 0x80;
  EXPECT_EQ(decode_to_collector(body).error().code, Code::Malformed);

  const auto first = [](const ByteVec& bytes) {
    Framer framer;
    framer.feed(bytes);
    return framer.next();
  };
  EXPECT_EQ(first({0, 0, 0, 0}).error().code, Code::Malformed);
  EXPECT_EQ(first({0xff, 0xff, 0xff, 0xff}).error().code, Code::TooLarge);
}

}  // namespace
}  // namespace uplink::channel
