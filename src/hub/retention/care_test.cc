// Limits, backups and transfers on real stores.
#include "hub/retention/care.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "hub/retention/shelf.h"
#include "os/file.h"
#include "store/pieces_testing.h"
#include "store/sqlite.h"

namespace hub::retention {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::uint64_t kRows = 140;  // twenty of each device
constexpr std::string_view kRaw = "SecurityIoTRawEvent";
const base::WallTime kNow = base::wall_now();

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
    file.seekg(static_cast<std::streamoff>(fs::file_size(path) / 2));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file.put(static_cast<char>(byte ^ 0x55));
  }

  std::unique_ptr<Care> care_;
};

class LimitsOnAStore : public CareTest {
 protected:
  Retention& retention(Settings settings) {
    shelf_ = make_shelf(*store_);
    Options options;
    options.settings = std::move(settings);
    options.path = data_dir() + "/state.db";
    auto opened = Retention::open(std::move(options), *shelf_);
    EXPECT_TRUE(opened);
    retention_ = std::move(*opened);
    return *retention_;
  }
  void TearDown() override {
    retention_.reset();
    CareTest::TearDown();
  }
  static Settings keep_a_day() {
    Settings settings;
    settings.otherwise = {std::chrono::days(1), 0};
    return settings;
  }

  std::unique_ptr<Shelf> shelf_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(LimitsOnAStore, PiecesGoAndHeldRowsStay) {
  append(0, kRows, kRows, 2);
  seal();
  ASSERT_EQ(list().size(), 2U);
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "case 7";
  hold.device_id = "device-3";
  hold.to = base::WallTime(std::chrono::days(store::kDay + 1));
  ASSERT_TRUE(limits.add_hold(hold));
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  ASSERT_EQ(preview->rows.size(), 2U);
  EXPECT_EQ(count(), "140") << "a dry run";
  const auto outcome = limits.apply("system");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(count(), "10") << "of the first day, of that device";
  EXPECT_EQ(count("| where DeviceId == 'device-3'"), "10");
  std::uint64_t gone = 0;
  for (const Share& share : outcome->shares)
    gone += share.rows;
  EXPECT_EQ(gone, 130U);
  EXPECT_EQ(preview->rows[0] + preview->rows[1], 130U) << "the dry run said so";
  EXPECT_TRUE(limits.apply("system")->shares.empty());
  ASSERT_TRUE(limits.release_hold(1, "admin", "over"));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(count(), "0");
  EXPECT_EQ(files(), 0U);
}

TEST_F(LimitsOnAStore, RowsInNoPieceYetGoByTheirAge) {
  append(0, kRows, kRows, 2);
  Retention& limits = retention(keep_a_day());
  HoldRecord hold;
  hold.reason = "a quote's ' case";
  hold.device_id = "device-3' OR 'a' = 'a";
  ASSERT_TRUE(limits.add_hold(hold)) << "of nobody";
  hold.device_id = "device-3";
  ASSERT_TRUE(limits.add_hold(hold));
  const auto preview = limits.preview(limits.settings());
  ASSERT_TRUE(preview) << preview.error().to_string();
  EXPECT_EQ(preview->rows, (std::vector<std::uint64_t>{120}));
  ASSERT_TRUE(limits.apply("system"));
  EXPECT_EQ(count(), "20");
  EXPECT_EQ(count("| where DeviceId == 'device-3'"), "20");
}

TEST_F(LimitsOnAStore, TheDiskIsReliefByTheOldestPiece) {
  append(0, kRows, kRows, 4);
  seal();
  ASSERT_EQ(list().size(), 4U);
  // So that one piece has to go and any will do.
  const std::uint64_t used = pieces_->disk_use()->total();
  Settings settings;
  settings.disk_max = used * 100 / 90 - 1'000;
  Retention& limits = retention(settings);
  const auto preview = limits.preview(settings);
  ASSERT_TRUE(preview);
  ASSERT_FALSE(preview->plan.steps.empty());
  EXPECT_EQ(preview->plan.steps[0].why, Why::DiskLimit);
  EXPECT_EQ(preview->plan.steps[0].piece.first, list()[0].first_generated);
}

TEST_F(CareTest, ABackupIsOfOneMomentAndComesBackWhole) {
  append(0, 70, kRows, 2);
  seal();
  append(70, kRows, kRows, 2);
  const auto made = care().back_up("first", kNow);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->journal_sequence, 2U);
  append(kRows, kRows + 7, kRows, 2);
  seal();
  const auto backups = care_->backups();
  ASSERT_TRUE(backups);
  ASSERT_EQ(backups->size(), 1U);
  EXPECT_EQ((*backups)[0].made_by, "1.2.3");
  EXPECT_EQ((*backups)[0].bytes, made->bytes);
  EXPECT_TRUE(care_->check_backup("first"));
  EXPECT_EQ(care_->back_up("first", kNow).error().code, Code::Exists);
  EXPECT_EQ(os::list_dir(data_dir() + "/export")->size(), 0U);

  const std::string restored = dir_.path() + "/restored";
  const auto back = store::restore_backup(backup_dir() + "/first", restored);
  ASSERT_TRUE(back) << back.error().to_string();
  reopen_in("restored");
  EXPECT_EQ(count(), "140") << "nothing of what came later, and all that was there before";
  EXPECT_EQ(store_->journal_sequence(), 2U);
  const auto sound = pieces_->verify();
  ASSERT_TRUE(sound);
  EXPECT_TRUE(sound->damaged.empty());
  EXPECT_EQ(sound->pieces, 1U) << "not the one that was made later";
  auto state = *store::Sqlite::open(restored + "/state.db");
  auto thing = *state.prepare("SELECT x FROM thing");
  ASSERT_TRUE(*thing.step());
  EXPECT_EQ(thing.integer(0), 7);
  EXPECT_EQ(*os::read_file(restored + "/uploads/d1/file"), "content");
  EXPECT_EQ(*os::read_file(restored + "/hub.toml"), "[hub]\n");
  // It goes on: a row that it has is known, another is new.
  store::Batch batch;
  const std::vector<store::EventKey> keys = {key_of(store::event(batch, 3, kRows, 2)),
                                             key_of(store::event(batch, kRows + 1, kRows, 2))};
  EXPECT_EQ(*store_->claim(keys), (std::vector<std::uint8_t>{0, 1}));
}

TEST_F(CareTest, ABackupThatIsDamagedIsNotBroughtBack) {
  append(0, kRows, kRows, 1);
  seal();
  ASSERT_TRUE(care().back_up("one", kNow));
  const std::string folder = backup_dir() + "/one";
  const std::string restored = dir_.path() + "/restored";
  for (const char* name : {"state.db", "events.duckdb", "hub.toml"}) {
    const std::string path = folder + "/" + name;
    const std::string before = *os::read_file(path);
    damage(path);
    const auto checked = care_->check_backup("one");
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, Code::Corrupt);
    EXPECT_NE(checked.error().detail.find(name), std::string::npos);
    EXPECT_EQ(store::restore_backup(folder, restored).error().code, Code::Corrupt);
    EXPECT_FALSE(os::file_exists(restored)) << "as a whole or not at all";
    ASSERT_TRUE(os::write_file_atomic(path, before));
  }
  ASSERT_TRUE(os::remove_file(folder + "/hub.toml"));
  EXPECT_EQ(care_->check_backup("one").error().code, Code::Corrupt);
}

TEST_F(CareTest, OnlyWholeBackupsAreOnesAndOnlyEmptyPlacesAreTaken) {
  ASSERT_TRUE(care().back_up("one", kNow));
  const std::string folder = backup_dir() + "/one";
  EXPECT_EQ(store::restore_backup(folder, data_dir()).error().code, Code::Exists);
  EXPECT_EQ(store::read_backup(data_dir()).error().code, Code::NotFound);
  for (const char* name : {"../x", ".hidden", "a/b", "x.part", ""}) {
    if (*name != '\0') {
      EXPECT_EQ(care_->back_up(name, kNow).error().code, Code::Invalid) << name;
    }
    EXPECT_EQ(care_->check_backup(name).error().code, Code::Invalid) << name;
  }
  EXPECT_EQ(care_->check_backup("none").error().code, Code::NotFound);
  // A list that leads out of its folder is none.
  const std::string manifest = folder + "/backup.json";
  std::string text = *os::read_file(manifest);
  text.replace(text.find("state.db"), 8, "../../ab");
  ASSERT_TRUE(os::write_file_atomic(manifest, text));
  EXPECT_EQ(store::read_backup(folder).error().code, Code::Malformed);
  for (const char* bad : {"", "[]", "{}", R"({"format":2})", R"({"format":1,"made":"x"})"}) {
    ASSERT_TRUE(os::write_file_atomic(manifest, bad));
    EXPECT_EQ(store::read_backup(folder).error().code, Code::Malformed) << bad;
  }
}

TEST_F(CareTest, AnUnnamedBackupIsNamedAfterItsTime) {
  const auto made = care().back_up("", base::parse_rfc3339("2026-11-23T05:45:00Z")->utc);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_TRUE(os::file_exists(backup_dir() + "/20261123T054500Z/backup.json"));
}

class Transfers : public CareTest, public testing::WithParamInterface<store::RowFormat> {
 protected:
  // All raw events, or those before a day, as a file.
  std::string exported(std::string_view table, kql::Ticks to = kql::kMaxDateTimeTicks) {
    const std::string path = dir_.path() + "/rows";
    const auto file = care().export_rows(table, GetParam(), 0, to);
    EXPECT_TRUE(file) << file.error().to_string();
    if (file) save(*file, path);
    return path;
  }
};

TEST_P(Transfers, RowsAreAddedOnce) {
  append(0, 70, kRows, 2);
  seal();
  append(70, kRows, kRows, 2);
  const std::string file = exported(kRaw);
  const store::Table all = everything();
  reopen_in("other");
  append(0, 30, kRows, 2);
  const auto first = care().import_file(kRaw, GetParam(), file);
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->read, kRows);
  EXPECT_EQ(first->added, kRows - 30);
  EXPECT_EQ(care_->import_file(kRaw, GetParam(), file)->added, 0U);
  seal();
  EXPECT_EQ(care_->import_file(kRaw, GetParam(), file)->added, 0U) << "nor behind its back";
  // Who sends one of them again is known.
  store::Batch batch;
  const std::vector<store::EventKey> keys = {key_of(store::event(batch, 3, kRows, 2)),
                                             key_of(store::event(batch, 99, kRows, 2)),
                                             key_of(store::event(batch, kRows + 1, kRows, 2))};
  EXPECT_EQ(*store_->claim(keys), (std::vector<std::uint8_t>{0, 0, 1}));
  EXPECT_EQ(os::list_dir(dir_.path() + "/other/export")->size(), 0U);
  care_.reset();
  store::Table other = everything();
  EXPECT_EQ(other.size(), all.size());
}

TEST_P(Transfers, RowsOfOtherTablesAreComparedAsAWhole) {
  store::Batch batch;
  store::OperationRow operation;
  operation.time = store::day_begin(store::kDay);
  operation.operation = "connect";
  operation.properties = R"({"a":1})";
  batch.operations = {operation, operation};
  operation.device_id = "x";
  batch.operations.push_back(operation);
  ASSERT_TRUE(store_->append(batch, 1));
  const std::string file = exported("IoTHubOperations");
  reopen_in("other");
  EXPECT_EQ(care().import_file("IoTHubOperations", GetParam(), file)->added, 3U)
      << "equal ones as often as they are there";
  EXPECT_EQ(care_->import_file("IoTHubOperations", GetParam(), file)->added, 0U);
  EXPECT_EQ(kql("IoTHubOperations | where DeviceId == '' | count"), "2");
}

TEST_P(Transfers, ARangeOfTimeIsHalfOpen) {
  append(0, kRows, kRows, 2);
  store::Batch batch;
  const std::string file = exported(kRaw, store::event(batch, 70, kRows, 2).time_generated);
  reopen_in("other");
  EXPECT_EQ(care().import_file(kRaw, GetParam(), file)->added, 70U);
}

TEST_P(Transfers, WhatIsNoSuchFileIsRefused) {
  append(0, 7, kRows, 1);
  const std::string file = exported(kRaw);
  for (const char* content : {"", "{}\n", "PAR1 nothing PAR1", "{\"DeviceId\":\"x\"}\n"}) {
    ASSERT_TRUE(os::write_file_atomic(dir_.path() + "/bad", content));
    const auto refused = care().import_file(kRaw, GetParam(), dir_.path() + "/bad");
    const bool empty_lines = GetParam() == store::RowFormat::Ndjson && *content == '\0';
    if (empty_lines) {
      EXPECT_EQ(refused->read, 0U);
      continue;
    }
    ASSERT_FALSE(refused) << content;
    EXPECT_EQ(refused.error().code, Code::Invalid) << refused.error().to_string();
    EXPECT_EQ(refused.error().detail.find("/export/"), std::string::npos) << refused.error().detail;
  }
  const auto other = care().import_file("SecurityAlert", GetParam(), file);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::Invalid) << "of another table";
  EXPECT_EQ(care_->import_file("SecurityAlerts", GetParam(), file).error().code, Code::NotFound);
  EXPECT_EQ(care_->export_rows("Nothing", GetParam(), 0, 1).error().code, Code::NotFound);
  EXPECT_EQ(count(), "7");
}

INSTANTIATE_TEST_SUITE_P(Formats, Transfers,
                         testing::Values(store::RowFormat::Parquet, store::RowFormat::Ndjson),
                         [](const auto& format) {
                           return format.param == store::RowFormat::Parquet ? "Parquet" : "Ndjson";
                         });

TEST_F(CareTest, FilesComeInParts) {
  append(0, kRows, kRows, 1);
  const auto exported = care().export_rows(kRaw, store::RowFormat::Ndjson, 0, INT64_MAX);
  ASSERT_TRUE(exported);
  save(*exported, dir_.path() + "/rows");
  const std::string text = *os::read_file(dir_.path() + "/rows");
  reopen_in("other");
  Imports imports(
      {.folder = dir_.path() + "/other/export", .max_bytes = text.size(), .max_open = 2});
  const base::MonoTime start{};
  const auto id = imports.begin(kRaw, store::RowFormat::Ndjson, start);
  ASSERT_TRUE(id);
  ASSERT_TRUE(imports.begin(kRaw, store::RowFormat::Ndjson, start));
  EXPECT_EQ(imports.begin(kRaw, store::RowFormat::Ndjson, start).error().code, Code::Full);
  const std::string_view view = text;
  const std::size_t half = text.size() / 2;
  EXPECT_TRUE(imports.write(*id, 0, view.substr(0, half), start));
  EXPECT_EQ(imports.write(*id, half + 1, "x", start).error().code, Code::Invalid) << "a gap";
  EXPECT_TRUE(imports.write(*id, 0, view.substr(0, half), start)) << "again";
  EXPECT_TRUE(imports.write(*id, half, view.substr(half), start));
  EXPECT_EQ(imports.write(*id, text.size(), "x", start).error().code, Code::TooLarge);
  EXPECT_EQ(imports.write("none", 0, "x", start).error().code, Code::NotFound);
  const auto here = [](const Imports::Step& step) { return step(); };
  EXPECT_EQ(imports.run(*id, *store_, here)->added, kRows);
  EXPECT_EQ(imports.run(*id, *store_, here).error().code, Code::NotFound);
  // Those that nobody sends parts of are forgotten.
  ASSERT_TRUE(imports.begin(kRaw, store::RowFormat::Ndjson, start));
  EXPECT_TRUE(imports.begin(kRaw, store::RowFormat::Ndjson, start + std::chrono::hours(1)));
  EXPECT_EQ(os::list_dir(dir_.path() + "/other/export")->size(), 1U);
}

TEST_F(CareTest, AStepThatCannotBeDoneNowIsTriedAgain) {
  append(0, 7, kRows, 1);
  const auto exported = care().export_rows(kRaw, store::RowFormat::Parquet, 0, INT64_MAX);
  ASSERT_TRUE(exported);
  reopen_in("other");
  const std::string path = dir_.path() + "/other/export/rows";
  save(*exported, path);
  int calls = 0;
  const auto sometimes = [&](const Imports::Step& step) -> base::Result<void> {
    if (++calls < 3) return base::fail(Code::Unavailable, "store");
    return step();
  };
  const auto counts =
      import_all(*store_, {std::string(kRaw), path, store::RowFormat::Parquet}, sometimes);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->added, 7U);
  const auto never = [](const Imports::Step&) -> base::Result<void> {
    return base::fail(Code::Full, "store");
  };
  EXPECT_EQ(
      import_all(*store_, {std::string(kRaw), path, store::RowFormat::Parquet}, never).error().code,
      Code::Full);
}

TEST_F(CareTest, LooksThroughEverythingAndMakesItSmall) {
  append(0, 70, kRows, 1);
  seal();
  append(70, kRows, kRows, 1);
  auto done = care().compact();
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->sealed_rows, 70U);
  EXPECT_EQ(done->pieces_after, 1U);
  auto found = care_->verify();
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_TRUE(found->sound()) << found->to_json();
  damage(piece_of_day(store::kDay));
  found = care_->verify();
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->sound());
  EXPECT_NE(found->to_json().find(".parquet"), std::string::npos);
  care_->stop();
  EXPECT_EQ(care_->verify().error().code, Code::Closed);
  EXPECT_FALSE(care_->submit([](Care&) {}));
}

}  // namespace
}  // namespace hub::retention
