#include "audit/sockaddr.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/text.h"

namespace audit {

using base::Cursor;
using base::Result;

namespace {

// The kernel's sockaddr_storage.
constexpr std::size_t kMaxBytes = 128;
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::string text_of(int family, base::ByteView bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string ipv6_text(base::ByteView bytes) {
  if (std::ranges::equal(bytes.first(kMapped.size()), kMapped))
    return text_of(AF_INET, bytes.subspan(kMapped.size()));
  return text_of(AF_INET6, bytes);
}

std::string unix_path(base::ByteView bytes) {
  const std::string_view raw = base::as_text(bytes);
  if (raw.empty()) return {};
  if (raw.front() != '\0') return std::string(raw.substr(0, raw.find('\0')));
  // Abstract; the record may have zeros behind the name, which a reader cannot use.
  std::string path(raw.substr(0, raw.find_last_not_of('\0') + 1));
  if (!path.empty()) path.front() = '@';
  return path;
}

}  // namespace

Result<SocketAddress> read_socket_address(base::ByteView bytes) {
  Cursor cursor(bytes.first(std::min(bytes.size(), kMaxBytes)));
  SocketAddress address;
  // In the byte order of this machine, as the kernel keeps it.
  const base::ByteView family = TRY(cursor.bytes(2));
  __builtin_memcpy(&address.family, family.data(), sizeof address.family);
  if (address.family == AF_INET) {
    address.port = TRY(cursor.u16be());
    address.ip = text_of(AF_INET, TRY(cursor.bytes(4)));
  } else if (address.family == AF_INET6) {
    address.port = TRY(cursor.u16be());
    TRY(cursor.skip(4));
    address.ip = ipv6_text(TRY(cursor.bytes(16)));
  } else if (address.family == AF_UNIX) {
    address.path = unix_path(cursor.rest());
  }
  return address;
}

Result<SocketAddress> read_saddr(std::string_view hex) {
  if (hex.size() > 2 * kMaxBytes) hex = hex.substr(0, 2 * kMaxBytes);
  const base::ByteVec bytes = TRY(base::hex_decode(hex));
  return read_socket_address(bytes);
}

}  // namespace audit
