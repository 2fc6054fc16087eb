#include "agent/collect/connector_message.h"

namespace agent::collect {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

// CN_IDX_PROC and CN_VAL_PROC.
constexpr std::uint32_t kIndex = 1;
constexpr std::uint32_t kValue = 1;
// proc_cn_event.
constexpr std::uint32_t kAck = 0;
constexpr std::uint32_t kFork = 1;
constexpr std::uint32_t kExec = 2;
constexpr std::uint32_t kExit = 0x80000000;

Result<ConnectorFork> read_fork(Cursor& data) {
  ConnectorFork fork;
  TRY(data.skip(4));  // parent_pid
  fork.parent_tgid = TRY(data.u32le());
  fork.child_pid = TRY(data.u32le());
  fork.child_tgid = TRY(data.u32le());
  return fork;
}

Result<ConnectorExec> read_exec(Cursor& data) {
  TRY(data.skip(4));  // process_pid
  return ConnectorExec{TRY(data.u32le())};
}

Result<ConnectorExit> read_exit(Cursor& data) {
  ConnectorExit exit;
  exit.pid = TRY(data.u32le());
  exit.tgid = TRY(data.u32le());
  exit.status = TRY(data.u32le());
  return exit;
}

Result<ConnectorEvent> read_event(std::uint32_t what, Cursor& data) {
  switch (what) {
    case kAck:
      return ConnectorAck{TRY(data.u32le())};
    case kFork:
      return TRY(read_fork(data));
    case kExec:
      return TRY(read_exec(data));
    case kExit:
      return TRY(read_exit(data));
    default:
      return ConnectorOther{};
  }
}

Result<ConnectorMessage> read_data(Cursor data) {
  ConnectorMessage message;
  const std::uint32_t what = TRY(data.u32le());
  message.cpu = TRY(data.u32le());
  message.at = TRY(data.u64le());
  message.event = TRY(read_event(what, data));
  return message;
}

}  // namespace

Result<ConnectorMessage> read_connector(base::ByteView payload) {
  Cursor cursor(payload);
  const std::uint32_t index = TRY(cursor.u32le());
  const std::uint32_t value = TRY(cursor.u32le());
  if (index != kIndex || value != kValue) {
    return fail(Code::Malformed, "connector message", 0, "not of the process connector");
  }
  const std::uint32_t sequence = TRY(cursor.u32le());
  TRY(cursor.skip(4));  // ack
  const std::uint16_t length = TRY(cursor.u16le());
  TRY(cursor.skip(2));  // flags
  ConnectorMessage message = TRY(read_data(TRY(cursor.sub(length))));
  message.sequence = sequence;
  return message;
}

base::ByteVec connector_request(ConnectorListen operation) {
  base::ByteWriter out;
  out.u32le(kIndex);
  out.u32le(kValue);
  out.u32le(0);
  out.u32le(0);
  out.u16le(4);
  out.u16le(0);
  out.u32le(static_cast<std::uint32_t>(operation));
  return std::move(out).take();
}

}  // namespace agent::collect
