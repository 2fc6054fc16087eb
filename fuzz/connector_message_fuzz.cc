// Datagrams of the process connector: netlink framing, then the messages.
#include "agent/collect/connector_message.h"
#include "os/netlink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] const auto read =
      os::read_netlink({data, size}, [](const os::NetlinkMessage& message) {
        [[maybe_unused]] const auto one = agent::collect::read_connector(message.payload);
      });
  [[maybe_unused]] const auto bare = agent::collect::read_connector({data, size});
  return 0;
}
