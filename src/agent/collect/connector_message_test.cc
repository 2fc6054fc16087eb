#include "agent/collect/connector_message.h"

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

base::ByteVec message(std::uint32_t what, std::initializer_list<std::uint32_t> data) {
  base::ByteWriter out;
  out.u32le(1);
  out.u32le(1);
  out.u32le(55);  // sequence
  out.u32le(0);
  out.u16le(static_cast<std::uint16_t>(16 + 4 * data.size()));
  out.u16le(0);
  out.u32le(what);
  out.u32le(3);  // processor
  out.u64le(123'456'789);
  for (const std::uint32_t word : data)
    out.u32le(word);
  return std::move(out).take();
}

TEST(ReadConnector, Fork) {
  const auto read = read_connector(message(1, {10, 11, 12, 13}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cpu, 3U);
  EXPECT_EQ(read->sequence, 55U);
  EXPECT_EQ(read->at, 123'456'789U);
  const auto& fork = std::get<ConnectorFork>(read->event);
  EXPECT_EQ(fork.parent_tgid, 11U);
  EXPECT_EQ(fork.child_pid, 12U);
  EXPECT_EQ(fork.child_tgid, 13U);
}

TEST(ReadConnector, ExecExitAckAndOthers) {
  EXPECT_EQ(std::get<ConnectorExec>(read_connector(message(2, {9, 8}))->event).tgid, 8U);
  const auto exit =
      std::get<ConnectorExit>(read_connector(message(0x80000000, {9, 8, 0x100, 17, 1, 1}))->event);
  EXPECT_EQ(exit.pid, 9U);
  EXPECT_EQ(exit.tgid, 8U);
  EXPECT_EQ(exit.status, 0x100U);
  EXPECT_EQ(std::get<ConnectorAck>(read_connector(message(0, {1}))->event).error, 1U);
  EXPECT_TRUE(std::holds_alternative<ConnectorOther>(read_connector(message(4, {1, 2}))->event));
}

TEST(ReadConnector, TellsTruncatedFromForeign) {
  const base::ByteVec whole = message(0x80000000, {9, 8, 0x100});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_connector(base::ByteView(whole).first(size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, base::Code::Truncated) << size;
  }
  base::ByteVec foreign = whole;
  foreign[0] = 9;
  EXPECT_EQ(read_connector(foreign).error().code, base::Code::Malformed);
}

// The declared length bounds what is read, not the datagram.
TEST(ReadConnector, ReadsOnlyTheDeclaredLength) {
  base::ByteVec bytes = message(2, {9, 8});
  bytes[16] = 20;  // one word less
  EXPECT_FALSE(read_connector(bytes));
}

}  // namespace
}  // namespace agent::collect
