#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/snapshot/firewall/nft.h"

// What an nf_tables register holds, and how values of it are written. Threads: pure.
namespace agent::snapshot::firewall::nft {

enum class Kind : std::uint8_t {
  Address,
  Port,
  Protocol,
  EtherType,
  Name,
  State,
  Host,
  Ether,
  Big
};
// The field of the event that a match belongs to.
enum class Field : std::uint8_t {
  None,
  Source,
  Destination,
  SourcePort,
  DestinationPort,
  Protocol,
  In,
  Out,
  State
};

struct Operand {
  std::string name;  // "ip saddr"; of a constant empty
  Kind kind = Kind::Big;
  Field field = Field::None;
  std::size_t bytes = 4;  // of the whole thing, of which less may be loaded
  base::ByteVec mask{};   // it was masked with this since
  base::ByteVec constant{};
};

// What "meta", "ct" and "payload" expressions load. `protocol`: the network protocol that the rule
// is known to be about (4, 6; 0: not known), `transport`: "tcp", "udp", "icmp", or empty.
Operand meta_operand(std::uint32_t key);
Operand ct_operand(std::uint32_t key, std::optional<std::uint8_t> direction);
Operand payload_operand(std::uint32_t base, std::uint32_t offset, std::uint32_t length,
                        int protocol, std::string_view transport);

// One value, of the full size or of a beginning ("10.0.0.0/8", "eth*").
std::string value_text(const Operand& operand, base::ByteView value);
// The elements of a set, keys made of one value or more: "{ 22, 80-90, 192.0.2.1 . 443 : accept }",
// at most `limit` of them, without the brackets.
std::string elements_text(const FilledSet& set, const std::vector<Operand>& key, std::size_t limit);
std::string verdict_text(std::int32_t code, std::string_view chain);

}  // namespace agent::snapshot::firewall::nft
