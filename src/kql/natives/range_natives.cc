// Networks: the ranges that an address is in, and ranges as networks.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "kql/natives/address.h"
#include "kql/natives/native.h"

namespace kql::natives {
namespace {

// A network as a text that is the same for all who write it: 10.1.0.0/16, or its bytes and prefix.
std::string network_key(const Address& network, bool v4) {
  const Address masked = network.masked();
  if (v4) return fmt::format("{}/{}", masked.v4_text(), network.prefix - 96);
  return fmt::format("{}/{}", masked.v6_text(), network.prefix);
}

// network_key(network, v4): that text; null when it is no network.
Outcome key_of_network(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const bool v4 = bool_at(arguments, 1).value_or(true);
  if (!text) return {};
  const auto network = v4 ? parse_v4(*text) : parse_v6(*text);
  if (!network) return {};
  return network_key(*network, v4);
}

// network_keys(address, v4): those of all networks that it can be in, the smallest first.
Outcome keys_of_address(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const bool v4 = bool_at(arguments, 1).value_or(true);
  const auto address = !text ? std::nullopt : v4 ? parse_v4(*text) : parse_v6(*text);
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  if (address) {
    for (int prefix = address->prefix; prefix >= (v4 ? 96 : 0); --prefix) {
      Address wider = *address;
      wider.prefix = prefix;
      writer.value(network_key(wider, v4));
    }
  }
  writer.end_array();
  return out;
}

// ipv4_range_to_cidr_list(first, last): the fewest networks that make up the range.
Outcome range_to_networks(Arguments arguments) {
  const auto first = text_at(arguments, 0);
  const auto last = text_at(arguments, 1);
  if (!first || !last) return {};
  const auto from = parse_v4(*first);
  const auto to = parse_v4(*last);
  if (!from || !to || from->v4() > to->v4()) return {};
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  std::uint64_t at = from->v4();
  const std::uint64_t end = std::uint64_t{to->v4()} + 1;
  while (at < end) {
    // As large as the place allows, and no larger than what is left.
    int bits = 0;
    while (bits < 32 && at % (std::uint64_t{2} << bits) == 0 &&
           at + (std::uint64_t{2} << bits) <= end)
      ++bits;
    writer.value(fmt::format("{}.{}.{}.{}/{}", at >> 24U, (at >> 16U) & 255U, (at >> 8U) & 255U,
                             at & 255U, 32 - bits));
    at += std::uint64_t{1} << bits;
  }
  writer.end_array();
  return out;
}

constexpr std::array kNatives{
    Native{"native_network_key", "TB:T", key_of_network},
    Native{"native_network_keys", "TB:J", keys_of_address},
    Native{"native_ipv4_range_to_cidr_list", "TT:J", range_to_networks},
};

}  // namespace

std::span<const Native> range_natives() {
  return kNatives;
}

}  // namespace kql::natives
