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

}  // namespace

Result<ConnectorMessage> read_connector(base::ByteView payload) {
  Cursor cursor(payload);
  const std::uint32_t index = TRY(cursor.u32le());
  const std::uint32_t value = TRY(cursor.u32le());
  if (index != kIndex || value != kValue)
    return fail(Code::Malformed, "connector message", 0, "not of the process connector");
  ConnectorMessage message;
  message.sequence = TRY(cursor.u32le());
  TRY(cursor.skip(4));  // ack
  const std::uint16_t length = TRY(cursor.u16le());
  TRY(cursor.skip(2));  // flags
  Cursor data = TRY(cursor.sub(length));
  const std::uint32_t what = TRY(data.u32le());
  message.cpu = TRY(data.u32le());
  message.at = TRY(data.u64le());
  switch (what) {
    case kAck:
      message.event = ConnectorAck{TRY(data.u32le())};
      break;
    case kFork: {
      ConnectorFork fork;
      TRY(data.skip(4));  // parent_pid
      fork.parent_tgid = TRY(data.u32le());
      fork.child_pid = TRY(data.u32le());
      fork.child_tgid = TRY(data.u32le());
      message.event = fork;
      break;
    }
    case kExec: {
      TRY(data.skip(4));  // process_pid
      message.event = ConnectorExec{TRY(data.u32le())};
      break;
    }
    case kExit: {
      ConnectorExit exit;
      exit.pid = TRY(data.u32le());
      exit.tgid = TRY(data.u32le());
      exit.status = TRY(data.u32le());
      message.event = exit;
      break;
    }
    default:
      message.event = ConnectorOther{};
      break;
  }
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
