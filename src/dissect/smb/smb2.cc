#include "dissect/smb/smb2.h"

#include <algorithm>

namespace dissect::smb {

namespace {

constexpr int kMaxChain = 64;
constexpr std::uint32_t kMagic = 0x424d53fe;  // fe "SMB"

bool read_header(base::ByteView bytes, Header2& header, Sink& sink) {
  Reader reader(bytes);
  const std::uint32_t magic = reader.u32le();
  const std::uint16_t size = reader.u16le();
  const std::uint16_t charge = reader.u16le();
  header.status = reader.u32le();
  header.command = reader.u16le();
  const std::uint16_t credits = reader.u16le();
  header.flags = reader.u32le();
  header.next = reader.u32le();
  header.message = reader.u64le();
  std::uint32_t process = 0;
  std::uint64_t async = 0;
  if ((header.flags & Header2::kAsync) != 0) {
    async = reader.u64le();
  } else {
    process = reader.u32le();
    header.tree = reader.u32le();
  }
  header.session = reader.u64le();
  reader.skip(16);
  if (!reader || magic != kMagic || size != Header2::kSize) {
    sink.issue({Issue::Kind::Malformed, "header of version 2 cannot be", size, 4});
    return false;
  }
  if (!sink.wants_details()) return true;
  sink.number("smb2_header_length", size);
  sink.number("smb2_credit_charge", charge);
  sink.number("smb2_command", header.command);
  sink.number("smb2_credits", credits);
  if (header.response()) sink.number("smb2_status", header.status);
  sink.number("smb2_flags", header.flags);
  sink.number("smb2_next", header.next);
  sink.number("smb2_message_id", header.message);
  if ((header.flags & Header2::kAsync) != 0) {
    sink.number("smb2_async_id", async);
  } else {
    sink.number("smb2_process", process);
    sink.number("smb2_tree_id", header.tree);
  }
  sink.number("smb2_session_id", header.session);
  return true;
}

}  // namespace

void read_smb2(base::ByteView bytes, State& state, Sink& sink) {
  std::uint64_t last_file = 0;
  std::uint32_t last_tree = 0;
  for (int i = 0; i < kMaxChain; ++i) {
    Header2 header;
    if (!read_header(bytes, header, sink)) return;
    // What is related uses the tree of the message before.
    if ((header.flags & Header2::kRelated) != 0 && header.tree == 0xffffffff)
      header.tree = last_tree;
    last_tree = header.tree;
    if (header.next != 0 && (header.next < Header2::kSize || header.next % 8 != 0)) {
      sink.issue({Issue::Kind::Malformed, "next message begins where it cannot", header.next, 20});
      header.next = 0;
    }
    const std::size_t size =
        header.next == 0 ? bytes.size() : std::min<std::size_t>(header.next, bytes.size());
    read_body2(header, bytes.first(size), state, last_file, sink);
    if (header.next == 0 || header.next >= bytes.size()) return;
    bytes = bytes.subspan(header.next);
  }
  sink.issue({Issue::Kind::LeftOut, "more messages in a chain than are read", kMaxChain, 0});
}

}  // namespace dissect::smb
