#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::rdp {

// Types of blocks (MS-RDPBCGR 2.2.1.3.1).
enum Block : std::uint16_t {
  kClientCore = 0xc001,
  kClientSecurity = 0xc002,
  kClientNetwork = 0xc003,
  kClientCluster = 0xc004,
  kServerCore = 0x0c01,
  kServerSecurity = 0x0c02,
  kServerNetwork = 0x0c03,
};

// What both ends say of themselves when they connect.
struct Settings {
  static constexpr std::size_t kMaxChannels = 8;

  bool good = false;
  std::string computer;                            // the client's name
  std::array<std::string, kMaxChannels> channels;  // that the client asks for: "rdpdr", "cliprdr"
  std::size_t channel_count = 0;
  std::uint32_t encryption = 0;  // what the server chose; 0: none
  std::uint32_t level = 0;
};

// The blocks in an MCS Connect-Initial or Connect-Response, found by the key that stands before
// them ("Duca" or "McDn"). Fields are told as details, the client's name and build as evidence.
// Nothing that cannot be read is good.
Settings read_settings(base::ByteView user_data, Sink& sink);

// Where the blocks begin; empty: there are none.
base::ByteView find_blocks(base::ByteView user_data);

}  // namespace dissect::rdp
