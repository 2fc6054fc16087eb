#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/baseline/host.h"
#include "base/bytes.h"

// Reads what the kernel tells of its packet filters, as far as the default for incoming packets
// goes. Threads: pure. Source: linux/netfilter/nf_tables.h, linux/netfilter_ipv4/ip_tables.h.
namespace agent::baseline {

// What one chain message of nf_tables says.
struct NftChain {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string table;
  std::string name;
  bool base = false;  // it has a hook
  std::uint32_t hook = 0;
  bool drops = false;
};
// `payload`: of NFT_MSG_NEWCHAIN. Errors: Truncated, Malformed.
base::Result<NftChain> read_nft_chain(base::ByteView payload);

// Does the rule (payload of NFT_MSG_NEWRULE) drop what comes from 127.0.0.0/8?
base::Result<bool> nft_rule_guards_loopback(base::ByteView payload);

// What the blob of IPT_SO_GET_ENTRIES or IP6T_SO_GET_ENTRIES says of one of its chains.
struct LegacyChain {
  bool drops = false;           // its policy
  bool loopback_guard = false;  // IPv4 only
};
// `first`, `last`: where the chain starts, and where its policy is (hook_entry and underflow).
base::Result<LegacyChain> read_legacy_chain(base::ByteView entries, std::uint32_t first,
                                            std::uint32_t last, IpFamily family);

}  // namespace agent::baseline
