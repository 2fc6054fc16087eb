// A dump of nf_tables: netlink framing, objects, and what the rules say.
#include "agent/snapshot/firewall/nft.h"
#include "os/netlink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::snapshot::firewall;
  nft::Ruleset ruleset;
  (void)os::read_netlink({data, size}, [&](const os::NetlinkMessage& message) {
    ruleset.add(message.type, message.payload);
  });
  for (const nft::Rule& rule : ruleset.rules)
    (void)nft::decode(rule, ruleset.sets);
  return 0;
}
