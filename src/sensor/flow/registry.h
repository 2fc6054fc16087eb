#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "dissect/protocol.h"

namespace sensor::flow {

// As many protocols as there may be.
inline constexpr std::size_t kMaxProtocols = 192;
using ProtocolSet = std::bitset<kMaxProtocols>;

// The protocols that a sensor knows, by what finds them. Constant once made. Threads: any.
class Registry {
 public:
  explicit Registry(std::span<const dissect::Protocol* const> protocols);

  std::size_t size() const { return protocols_.size(); }
  const dissect::Protocol& at(std::size_t index) const { return *protocols_[index]; }
  // Those that may be spoken over TCP or UDP.
  const ProtocolSet& over(dissect::Transport transport) const;
  // Those that have the EtherType, LLC pair or IP protocol; in the list's order.
  std::span<const std::uint16_t> of_selector(dissect::Transport transport,
                                             std::uint16_t selector) const;
  // The first protocol that has this port; null: none.
  const dissect::Protocol* at_port(dissect::Transport transport, std::uint16_t port) const;

 private:
  std::vector<const dissect::Protocol*> protocols_;
  ProtocolSet over_[4];
  std::unordered_map<std::uint32_t, std::vector<std::uint16_t>> selectors_;
  std::unordered_map<std::uint32_t, const dissect::Protocol*> ports_;
};

bool has_port(const dissect::Protocol& protocol, std::uint16_t port);

}  // namespace sensor::flow
