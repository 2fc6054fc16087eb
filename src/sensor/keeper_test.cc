#include "sensor/keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/scratch_testing.h"
#include "sensor/inventory/inventory.h"

namespace sensor {

namespace {

using namespace std::chrono_literals;

const base::WallTime kNow{std::chrono::seconds(1'700'000'000)};

dissect::End end(std::uint8_t number) {
  dissect::End one;
  one.mac = dissect::MacAddress::of(base::ByteVec{0, 0x1D, 0x9C, 0, 0, number});
  one.ip = dissect::IpAddress::of(base::ByteVec{10, 0, 0, number});
  return one;
}

std::string status(const Keeper& keeper) {
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  keeper.write_status(json);
  json.end_object();
  return text;
}

struct KeeperTest : testing::Test {
  os::ScratchDir scratch;
  std::string folder = scratch.path();
  std::string file = folder + Keeper::kFile;
};

}  // namespace

TEST_F(KeeperTest, KeepsWhatIsKnown) {
  {
    inventory::Inventory inventory;
    Keeper keeper(folder, 1min, inventory);
    EXPECT_NE(status(keeper).find("\"begunWith\":\"new\""), std::string::npos);
    inventory.seen(kNow, end(1), 0, 64);
    keeper.told() = {{"10.0.0.7", kNow}};
    ASSERT_TRUE(keeper.due(base::mono_now()));
    keeper.save(base::mono_now(), kNow + 1s);
    EXPECT_FALSE(keeper.due(base::mono_now()));
    inventory.seen(kNow, end(2), 0, 64);
    keeper.finish(kNow + 2s);
    EXPECT_NE(status(keeper).find("\"saved\":\"2023-11-14T22:13:22"), std::string::npos);
  }
  struct stat found{};
  ASSERT_EQ(::stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  inventory::Inventory inventory;
  Keeper keeper(folder, 1min, inventory);
  EXPECT_NE(status(keeper).find("\"begunWith\":\"kept\""), std::string::npos);
  EXPECT_EQ(inventory.devices({}).size(), 2U);
  EXPECT_EQ(keeper.told().count("10.0.0.7"), 1U);
}

TEST_F(KeeperTest, IsDueAgainAfterAWhile) {
  inventory::Inventory inventory;
  Keeper keeper(folder, 1min, inventory);
  const base::MonoTime now = base::mono_now();
  keeper.save(now, kNow);
  keeper.save(now, kNow);  // the first one is over then
  keeper.finish(kNow);
  EXPECT_FALSE(keeper.due(now + 59s));
  EXPECT_TRUE(keeper.due(now + 60s));
}

TEST_F(KeeperTest, SetsAsideWhatItCannotRead) {
  ASSERT_TRUE(os::write_file_atomic(file, "{\"devices\":[]}"));
  inventory::Inventory inventory;
  Keeper keeper(folder, 1min, inventory);
  const std::string said = status(keeper);
  EXPECT_NE(said.find("\"begunWith\":\"damaged\""), std::string::npos) << said;
  EXPECT_NE(said.find("does not begin as an inventory does"), std::string::npos) << said;
  EXPECT_NE(said.find("inventory.damaged now"), std::string::npos) << said;
  EXPECT_FALSE(os::file_exists(file));
  EXPECT_EQ(*os::read_file(folder + Keeper::kSetAside), "{\"devices\":[]}");
  // It goes on from there.
  inventory.seen(kNow, end(1), 0, 64);
  keeper.finish(kNow);
  inventory::Inventory again;
  const Keeper next(folder, 1min, again);
  EXPECT_EQ(again.devices({}).size(), 1U);
}

TEST_F(KeeperTest, CountsWhatItCannotWrite) {
  inventory::Inventory inventory;
  Keeper keeper(folder + "/gone", 1min, inventory);
  keeper.finish(kNow);
  const std::string said = status(keeper);
  EXPECT_NE(said.find("\"failures\":1"), std::string::npos) << said;
  EXPECT_EQ(said.find("\"saved\":"), std::string::npos) << said;
}

TEST_F(KeeperTest, WithoutAFolderItKeepsNothing) {
  inventory::Inventory inventory;
  Keeper keeper("", 1min, inventory);
  EXPECT_FALSE(keeper.due(base::mono_now() + 24h));
  keeper.finish(kNow);
  EXPECT_NE(status(keeper).find("\"failures\":0"), std::string::npos);
}

TEST_F(KeeperTest, AFolderIsOfOneSensor) {
  const auto mine = Keeper::claim(folder);
  ASSERT_TRUE(mine) << mine.error().to_string();
  const auto theirs = Keeper::claim(folder);
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.error().code, base::Code::Conflict);
  EXPECT_NE(theirs.error().detail.find("another sensor"), std::string::npos);
}

}  // namespace sensor
