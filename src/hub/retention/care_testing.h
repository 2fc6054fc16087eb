#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hub/retention/care.h"
#include "os/file.h"
#include "store/pieces_testing.h"
#include "store/sqlite.h"

// For tests of limits, backups and transfers on real stores.
namespace hub::retention {

inline constexpr std::uint64_t kRows = 140;  // twenty of each device
inline constexpr std::string_view kRaw = "SecurityIoTRawEvent";

class CareTest : public store::PiecesTest {
 protected:
  void SetUp() override {
    open(options_with_exports(dir_.path() + "/hub"));
    auto state = store::Sqlite::open(data_dir() + "/state.db");
    ASSERT_TRUE(state);
    ASSERT_TRUE(state->execute("CREATE TABLE thing(x INTEGER); INSERT INTO thing VALUES (7)"));
    ASSERT_TRUE(os::write_file_atomic(data_dir() + "/hub.toml", "[hub]\n"));
    ASSERT_TRUE(os::make_dirs(data_dir() + "/uploads/d1"));
    ASSERT_TRUE(os::write_file_atomic(data_dir() + "/uploads/d1/file", "content"));
  }
  void TearDown() override {
    care_.reset();
    close();
  }

  static store::EventStoreOptions options_with_exports(const std::string& dir) {
    EXPECT_TRUE(os::make_dirs(dir));
    store::EventStoreOptions options = store::options_in(dir);
    options.export_dir = dir + "/export";
    return options;
  }
  std::string data_dir() const { return dir_.path() + "/hub"; }
  std::string backup_dir() const { return dir_.path() + "/backups"; }

  Care& care() {
    Care::Options options;
    options.data_dir = data_dir();
    options.backup_dir = backup_dir();
    options.events = "events.duckdb";
    options.databases = {"state.db", "absent.db"};
    options.files = {"hub.toml", "uploads", "absent"};
    options.made_by = "1.2.3";
    options.scratch = options_.export_dir;
    options.max_import_bytes = 1'000'000;
    care_ = std::make_unique<Care>(*store_, std::move(options));
    return *care_;
  }
  // Another store in the place of this one.
  void reopen_in(const std::string& name) {
    care_.reset();
    open(options_with_exports(dir_.path() + "/" + name));
  }
  std::string count(std::string_view filter = "") {
    return kql(std::string(kRaw) + " " + std::string(filter) + " | count");
  }
  void save(const store::ExportedFile& exported, const std::string& path) {
    std::vector<std::uint8_t> bytes(exported.bytes);
    ASSERT_TRUE(os::read_at(exported.file.get(), bytes, 0));
    ASSERT_TRUE(os::write_file_atomic(path, base::as_text(bytes)));
  }
  static void damage(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.put(static_cast<char>(byte ^ 0x55));
  }

  std::unique_ptr<Care> care_;
};

}  // namespace hub::retention
