#include "sensor/flow/registry.h"

#include <algorithm>

#include "base/result.h"

namespace sensor::flow {

using dissect::Protocol;
using dissect::Transport;

namespace {

std::uint32_t key(Transport transport, std::uint16_t number) {
  return static_cast<std::uint32_t>(transport) << 16U | number;
}

}  // namespace

Registry::Registry(std::span<const Protocol* const> protocols)
    : protocols_(protocols.begin(), protocols.end()) {
  ASSERT(protocols_.size() <= kMaxProtocols);
  for (std::size_t i = 0; i < protocols_.size(); ++i) {
    for (const Transport transport : protocols_[i]->transports) {
      over_[static_cast<std::size_t>(transport)].set(i);
      for (const std::uint16_t selector : protocols_[i]->selectors)
        selectors_[key(transport, selector)].push_back(static_cast<std::uint16_t>(i));
      for (const std::uint16_t port : protocols_[i]->ports)
        ports_.try_emplace(key(transport, port), protocols_[i]);
    }
  }
}

const ProtocolSet& Registry::over(Transport transport) const {
  return over_[static_cast<std::size_t>(transport)];
}

std::span<const std::uint16_t> Registry::of_selector(Transport transport,
                                                     std::uint16_t selector) const {
  const auto found = selectors_.find(key(transport, selector));
  if (found == selectors_.end()) return {};
  return found->second;
}

const Protocol* Registry::at_port(Transport transport, std::uint16_t port) const {
  const auto found = ports_.find(key(transport, port));
  return found == ports_.end() ? nullptr : found->second;
}

bool has_port(const Protocol& protocol, std::uint16_t port) {
  return std::ranges::find(protocol.ports, port) != protocol.ports.end();
}

}  // namespace sensor::flow
