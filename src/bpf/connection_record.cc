#include "bpf/connection_record.h"

#include <algorithm>
#include <bit>

#include <netinet/in.h>
#include <sys/socket.h>

#include "bpf/event.h"

namespace bpf {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

static_assert(std::endian::native == std::endian::little,
              "big-endian hosts need the other readers");

Result<ConnectionKind> read_kind(Cursor& cursor) {
  switch (TRY(cursor.u16le())) {
    case VEDETTE_OPENED:
      return ConnectionKind::Opened;
    case VEDETTE_FAILED:
      return ConnectionKind::Failed;
    case VEDETTE_OWNER:
      return ConnectionKind::Owner;
    case VEDETTE_CLOSED:
      return ConnectionKind::Closed;
    default:
      return fail(Code::Malformed, "connection record", 0, "unknown kind");
  }
}

Result<void> read_transport(Cursor& cursor, Connection& connection) {
  const std::uint16_t family = TRY(cursor.u16le());
  const std::uint16_t protocol = TRY(cursor.u16le());
  if (family != AF_INET && family != AF_INET6)
    return fail(Code::Malformed, "connection record", 72, "unknown family");
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
    return fail(Code::Malformed, "connection record", 74, "unknown protocol");
  connection.ipv6 = family == AF_INET6;
  connection.udp = protocol == IPPROTO_UDP;
  return {};
}

}  // namespace

Result<Connection> read_connection(base::ByteView bytes) {
  Cursor cursor(bytes);
  Connection connection;
  connection.kind = TRY(read_kind(cursor));
  const std::uint16_t flags = TRY(cursor.u16le());
  connection.incoming = (flags & VEDETTE_INCOMING) != 0;
  connection.owned = (flags & VEDETTE_OWNED) != 0;
  connection.listener = (flags & VEDETTE_LISTENER) != 0;
  connection.pid = TRY(cursor.u32le());
  for (std::uint64_t* field :
       {&connection.at, &connection.start, &connection.id, &connection.inode,
        &connection.bytes_sent, &connection.bytes_received, &connection.opened}) {
    *field = TRY(cursor.u64le());
  }
  connection.uid = TRY(cursor.u32le());
  connection.net_ns = TRY(cursor.u32le());
  TRY(read_transport(cursor, connection));
  connection.local_port = TRY(cursor.u16le());
  connection.remote_port = TRY(cursor.u16le());
  connection.error = static_cast<std::int32_t>(TRY(cursor.u32le()));
  TRY(cursor.skip(4));
  std::ranges::copy(TRY(cursor.bytes(16)), connection.local.begin());
  std::ranges::copy(TRY(cursor.bytes(16)), connection.remote.begin());
  const std::string_view comm = base::as_text(TRY(cursor.bytes(VEDETTE_COMM)));
  connection.comm = comm.substr(0, comm.find('\0'));
  return connection;
}

}  // namespace bpf
