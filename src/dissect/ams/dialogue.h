#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "dissect/ams/names.h"
#include "dissect/message.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::ams {

// Bytes of the header that every AMS message begins with.
inline constexpr std::size_t kHeader = 32;

// An AMS message's header. All numbers are little-endian.
struct Header {
  base::ByteView target;  // net id: six bytes
  std::uint16_t target_port = 0;
  base::ByteView source;
  std::uint16_t source_port = 0;
  std::uint16_t command = 0;
  std::uint16_t flags = 0;
  std::uint32_t length = 0;  // of what follows
  std::uint32_t error = 0;
  std::uint32_t invoke = 0;

  bool answers() const { return (flags & 1U) != 0; }
};
Header read_header(Reader& reader);
// Whether a header says nothing impossible: a known command, flags that exist, net ids.
bool plausible(const Header& header);

// What two ends of AMS say to each other, carried by TCP or by a mailbox of EtherCAT: ADS commands
// are read, and handles are known by the names and places that they were made from. The unit of a
// message is the AMS port of who serves. Memory: at most kHandles handles, kWaiting requests.
// Source: Beckhoff Information System, "TwinCAT ADS/AMS specification"; TE1000 ADS return codes.
class Dialogue {
 public:
  static constexpr std::size_t kWaiting = 64;
  static constexpr std::size_t kHandles = 1024;
  static constexpr std::size_t kMaxName = 256;

  // A message from its AMS header on. `cut`: more of it was sent than `bytes` shows.
  void take(base::ByteView bytes, bool cut, Sink& sink);

 private:
  // What a handle stands for.
  struct Meaning {
    std::uint32_t group = 0;
    std::uint32_t offset = 0;
    std::string name;
    Access access = Access::Read;  // of files: what opening them was for
  };
  // A request of which the answer will be a handle.
  struct Waiting {
    std::uint32_t invoke = 0;
    std::uint16_t port = 0;  // 0: nothing waits here
    bool notification = false;
    Meaning meaning;
  };
  struct Decoding {
    const Header& header;
    Message& message;
    Sink& sink;
    bool cut;
  };

  void ask(Reader& body, Decoding& to);
  void answer(Reader& body, Decoding& to);
  void ask_read(Reader& body, Decoding& to);
  void ask_write(Reader& body, Decoding& to);
  void ask_read_write(Reader& body, Decoding& to);
  void ask_notification(Reader& body, Decoding& to);
  void notification(Reader& body, Decoding& to);
  void sum(const Group& group, std::uint32_t count, Reader& data, Decoding& to);
  void place(const Group& group, std::uint32_t offset, std::uint32_t length, std::string_view name,
             Decoding& to);
  void expect(const Header& header, bool notification, Meaning meaning);
  // What the answer at hand is to, when it was kept.
  Waiting* expected(const Header& header);
  void answered_handle(Reader& data, Decoding& to);
  static std::uint64_t handle_key(std::uint16_t port, bool notification, std::uint32_t handle) {
    return std::uint64_t{port} << 40U | (notification ? std::uint64_t{1} << 32U : 0U) | handle;
  }

  Objects objects_;
  std::array<Waiting, kWaiting> waiting_;
  std::unordered_map<std::uint64_t, Meaning> handles_;
  std::uint64_t forget_ = 0;  // a handle that is void once the message is told
};

}  // namespace dissect::ams
