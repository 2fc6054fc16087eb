#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"
#include "dissect/smb/state.h"

namespace dissect::smb {

// Versions 2 and 3. Source: MS-SMB2 section 2.2.

// Operations have these numbers behind those of version 1.
inline constexpr std::uint32_t kVersion2 = 0x100;

enum Command2 : std::uint16_t {
  kNegotiate2,
  kSessionSetup2,
  kLogoff2,
  kTreeConnect2,
  kTreeDisconnect2,
  kCreate2,
  kClose2,
  kFlush2,
  kRead2,
  kWrite2,
  kLock2,
  kIoctl2,
  kCancel2,
  kEcho2,
  kQueryDirectory2,
  kChangeNotify2,
  kQueryInfo2,
  kSetInfo2,
  kOplockBreak2,
};

struct Header2 {
  static constexpr std::size_t kSize = 64;
  static constexpr std::uint32_t kResponse = 0x1;
  static constexpr std::uint32_t kAsync = 0x2;
  static constexpr std::uint32_t kRelated = 0x4;

  std::uint16_t command = 0;
  std::uint32_t status = 0;
  std::uint32_t flags = 0;
  std::uint32_t next = 0;  // where the next message of the chain begins; 0: it is the last
  std::uint64_t message = 0;
  std::uint32_t tree = 0;
  std::uint64_t session = 0;

  bool response() const { return (flags & kResponse) != 0; }
};

// One message of a chain, with the header at its beginning. `last_file` goes from one to the next.
void read_body2(const Header2& header, base::ByteView whole, State& state, std::uint64_t& last_file,
                Sink& sink);

// All messages of a chain.
void read_smb2(base::ByteView bytes, State& state, Sink& sink);

}  // namespace dissect::smb
