#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "schema/message.h"
#include "sensor/engine/record.h"

namespace sensor::delivery {

// Sums up what flows say by who talks to whom on which port, over a while. Bounded: what begins
// when there is no room is counted. Threads: one.
class Conversations {
 public:
  static constexpr std::size_t kMost = 50'000;

  explicit Conversations(std::size_t most = kMost) : most_(most) {}

  void add(const engine::FlowRecord& record);
  // All since the last time, in an order that depends on nothing but them.
  std::vector<schema::NetworkConversation> take();
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Key {
    dissect::IpAddress client;
    dissect::IpAddress server;
    dissect::MacAddress client_mac;  // of those without a network address
    dissect::MacAddress server_mac;
    std::uint16_t port = 0;
    std::uint16_t vlan = 0;
    std::uint16_t selector = 0;
    dissect::Transport transport = dissect::Transport::Link;
    std::string_view protocol;  // a Protocol's name
    std::string_view expected;
    auto operator<=>(const Key&) const = default;
  };
  struct Sum {
    dissect::MacAddress client_mac;
    dissect::MacAddress server_mac;
    std::uint64_t flows = 0;
    std::uint64_t packets[2] = {0, 0};  // client's, server's
    std::uint64_t bytes[2] = {0, 0};
    std::uint64_t messages = 0;
    std::uint64_t issues = 0;
    base::WallTime first;
    base::WallTime last;
  };
  static schema::NetworkConversation item_of(const Key& key, const Sum& sum);

  std::size_t most_;
  std::map<Key, Sum> sums_;
  std::uint64_t left_out_ = 0;
};

}  // namespace sensor::delivery
