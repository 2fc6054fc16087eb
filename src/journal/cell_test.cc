#include "journal/cell.h"

#include <set>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace journal {
namespace {

TEST(Cell, KeepsTheLastValue) {
  const os::ScratchDir dir;
  {
    auto cell = Cell::open(dir / "cell").value();
    EXPECT_EQ(cell.value(), "");
    EXPECT_FALSE(cell.was_damaged());
    for (const char* value : {"one", "two", "three", "four", "five"}) {
      ASSERT_TRUE(cell.write(value));
      EXPECT_FALSE(cell.synced());
    }
  }
  auto cell = Cell::open(dir / "cell").value();
  EXPECT_EQ(cell.value(), "five");
  EXPECT_TRUE(cell.synced());
}

TEST(Cell, RefusesWhatDoesNotFitAndKeepsTheOldValue) {
  const os::ScratchDir dir;
  auto cell = Cell::open(dir / "cell").value();
  ASSERT_TRUE(cell.write(std::string(Cell::kMaxValueBytes, 'x')));
  EXPECT_EQ(cell.write(std::string(Cell::kMaxValueBytes + 1, 'y')).error().code,
            base::Code::TooLarge);
  EXPECT_EQ(Cell::open(dir / "cell").value().value(), std::string(Cell::kMaxValueBytes, 'x'));
}

// The value after a crash that left the slot being written in any state: an older one, whole.
TEST(Cell, SurvivesTheLossOfAnyWriteThatWasNotSynced) {
  const os::ScratchDir dir;
  std::string durable;
  {
    auto cell = Cell::open(dir / "cell").value();
    ASSERT_TRUE(cell.write("durable"));
    ASSERT_TRUE(cell.sync());
    durable = os::read_file(dir / "cell").value();
    ASSERT_TRUE(cell.write("a"));
    SyncJob job;
    cell.begin_sync(job);
    ASSERT_TRUE(cell.write("b"));  // while "a" is on its way
    ASSERT_TRUE(cell.write("c"));
  }
  const std::string now = os::read_file(dir / "cell").value();
  ASSERT_EQ(now.size(), durable.size());
  // Any mixture of old and new blocks of 512 bytes.
  constexpr std::size_t kBlock = 512;
  std::vector<std::size_t> changed;
  for (std::size_t at = 0; at < now.size(); at += kBlock) {
    if (now.compare(at, kBlock, durable, at, kBlock) != 0) changed.push_back(at);
  }
  ASSERT_EQ(changed.size(), 2U);
  std::set<std::string> values;
  for (unsigned subset = 0; subset < 1U << changed.size(); ++subset) {
    std::string mixed = durable;
    for (std::size_t i = 0; i < changed.size(); ++i) {
      if (subset & (1U << i)) mixed.replace(changed[i], kBlock, now, changed[i], kBlock);
    }
    ASSERT_TRUE(os::write_file_atomic(dir / "mixed", mixed));
    const auto cell = Cell::open(dir / "mixed").value();
    EXPECT_FALSE(cell.was_damaged());
    values.insert(cell.value());
  }
  EXPECT_EQ(values, (std::set<std::string>{"durable", "a", "c"}));
}

TEST(Cell, SurvivesDamageAndTruncationAnywhere) {
  const os::ScratchDir dir;
  {
    auto cell = Cell::open(dir / "cell").value();
    ASSERT_TRUE(cell.write("older"));
    ASSERT_TRUE(cell.sync());
    ASSERT_TRUE(cell.write("newer"));
  }
  const std::string content = os::read_file(dir / "cell").value();
  const auto value_of = [&](const std::string& bytes) {
    const os::Fd file = os::open_file(dir / "probe", O_WRONLY | O_CREAT | O_TRUNC).value();
    EXPECT_TRUE(os::write_all(file.get(), base::as_bytes(bytes)));
    const auto cell = Cell::open(dir / "probe").value();
    return cell.was_damaged() ? "damaged" : cell.value();
  };
  for (std::size_t at = 0; at < content.size(); at += at % 4096 < 64 ? 1 : 97) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(~damaged[at]);
    const std::string value = value_of(damaged);
    EXPECT_TRUE(value == "newer" || value == "older") << at << value;
  }
  for (std::size_t size = 0; size < content.size(); size += size % 4096 < 64 ? 1 : 97) {
    const std::string value = value_of(content.substr(0, size));
    EXPECT_TRUE(value == "newer" || value == "older" || value == "damaged" || value.empty())
        << size << value;
  }
}

TEST(Cell, SaysWhenNothingIsIntact) {
  const os::ScratchDir dir;
  ASSERT_TRUE(os::write_file_atomic(dir / "cell", std::string(12288, 'x')));
  auto cell = Cell::open(dir / "cell").value();
  EXPECT_TRUE(cell.was_damaged());
  EXPECT_EQ(cell.value(), "");
  ASSERT_TRUE(cell.write("fresh"));
  EXPECT_EQ(Cell::open(dir / "cell").value().value(), "fresh");
}

}  // namespace
}  // namespace journal
