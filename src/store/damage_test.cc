#include "store/damage.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/store_testing.h"

namespace store {
namespace {

TEST(CheckSqlite, FindsWhatIsDamaged) {
  const TempDir dir;
  const std::string path = dir.path() + "/state.db";
  EXPECT_EQ(check_sqlite(path).error().code, base::Code::Io) << "there is none";
  {
    auto connection = Sqlite::open(path);
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->execute("CREATE TABLE thing(name TEXT UNIQUE)"));
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(connection->run("INSERT INTO thing VALUES(?)",
                                  std::string(200, 'x') + std::to_string(i)));
    }
  }
  EXPECT_TRUE(check_sqlite(path));
  const auto size = std::filesystem::file_size(path);
  const std::string sound = dir.path() + "/sound";
  std::filesystem::copy(path, sound);
  const auto damage = [&](std::uintmax_t at, std::size_t count) {
    std::filesystem::copy(sound, path, std::filesystem::copy_options::overwrite_existing);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(count, '\xa5');
  };
  damage(0, 16);
  EXPECT_EQ(check_sqlite(path).error().code, base::Code::Corrupt);
  damage(size / 2 / 4096 * 4096, 4096);
  const auto middle = check_sqlite(path);
  ASSERT_FALSE(middle);
  EXPECT_EQ(middle.error().code, base::Code::Corrupt);
  EXPECT_NE(middle.error().detail.find(path + " is damaged"), std::string::npos);
  EXPECT_NE(middle.error().detail.find("put back a copy"), std::string::npos);
  std::filesystem::resize_file(path, 0);
  EXPECT_EQ(check_sqlite(path).error().code, base::Code::Corrupt) << "an empty file is no new one";
}

}  // namespace
}  // namespace store
