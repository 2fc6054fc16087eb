// What a connection that does nothing keeps.
#include <algorithm>

#include <gtest/gtest.h>
#include <malloc.h>

#include "hub/amqp/session_testing.h"

namespace hub::amqp {
namespace {

// Bytes that are allocated now.
std::size_t allocated() {
  return ::mallinfo2().uordblks;
}

TEST_F(SessionTest, AnIdleConnectionIsSmall) {
  constexpr std::size_t kConnections = 100;
  // The engine's two buffers of 16 KiB, eight links, and what one frame of a message needed.
  constexpr std::size_t kMost = 96U << 10U;
  // What is made once, with the first of them.
  const auto leave = [this] {
    client_.reset();
    cbs_of_ = nullptr;
  };
  connect_device();
  leave();
  const std::size_t before = allocated();
  std::vector<std::unique_ptr<Session>> idle;
  for (std::size_t i = 0; i < kConnections; ++i) {
    TestClient& client = connect_device();
    for (const char* address : {"/devices/d1/messages/devicebound", "/devices/d1/twin",
                                "/devices/d1/methods/devicebound"})
      client.receiver(address);
    for (const char* address : {"/devices/d1/twin", "/devices/d1/messages/events"})
      client.sender(address);
    client.run();
    // Something large went through it.
    pn_link_t* link = client.sender("/devices/d1/messages/events/");
    client.run();
    Message message;
    const std::string body(100'000, 'x');
    message.data = {body};
    pn_delivery_t* delivery = client.send(link, message);
    client.run();
    ASSERT_EQ(pn_delivery_remote_state(delivery), std::uint64_t{PN_ACCEPTED});
    pn_delivery_settle(delivery);
    client.run();
    sink_.taken.clear();
    leave();
    idle.push_back(std::move(session_));
  }
  const std::size_t grown = allocated() - before;
  if (grown == 0 || grown > before * 1000) GTEST_SKIP() << "this allocator does not tell";
  EXPECT_LT(grown / kConnections, kMost);
  RecordProperty("bytes", static_cast<int>(grown / kConnections));
  for (const auto& session : idle)
    session->end(operations::Reason::PeerClosed);
}

TEST_F(SessionTest, UnfinishedMessagesAreBounded) {
  constexpr std::size_t kLinks = 14;
  TestClient& client = connect_device();
  const std::string piece(200'000, 'x');
  std::vector<pn_link_t*> links;
  for (std::size_t i = 0; i < kLinks; ++i) {
    // The same address, with another of its letters encoded.
    std::string address = "/devices/d1/messages/events";
    const std::size_t at = address.find("messages") + (i < 8 ? i : i + 1);
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto letter = static_cast<unsigned char>(address[at]);
    address.replace(at, 1, std::string{'%', kDigits[letter / 16], kDigits[letter % 16]});
    links.push_back(client.sender(address.c_str()));
    client.run();
    ASSERT_TRUE(TestClient::open(links.back())) << address;
    const std::string tag = std::to_string(i);
    pn_delivery(links.back(), pn_dtag(tag.data(), tag.size()));
    pn_link_send(links.back(), piece.data(), piece.size());
    client.run();
  }
  const auto refused = std::ranges::count_if(links, [](pn_link_t* link) {
    return TestClient::refusal(link) == condition::kResourceLimit;
  });
  EXPECT_GT(refused, 0);
  EXPECT_LE(refused, 4) << "those within the bound go on";
  EXPECT_FALSE(client.closed());
  EXPECT_TRUE(sink_.taken.empty());
}

}  // namespace
}  // namespace hub::amqp
