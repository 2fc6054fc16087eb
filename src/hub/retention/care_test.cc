// Backups and transfers on real stores.
#include "hub/retention/care.h"

#include <array>

#include "hub/retention/care_testing.h"

namespace hub::retention {
namespace {

namespace fs = std::filesystem;
using base::Code;

const base::WallTime kNow = base::wall_now();

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

// In every table, to the byte, and once.
TEST_P(Transfers, RowsCountInUsageAsIfTheyHadComeHere) {
  append(0, kRows, kRows, 2);
  store::Batch batch;
  const kql::Ticks time = store::day_begin(store::kDay) + 5;
  store::AlertRow alert;
  alert.outbox = 1;
  alert.time_generated = time;
  alert.alert_id = "a";
  alert.rule_id = "miner";
  alert.title = "Mínér";
  alert.description = "It mines";
  alert.compromised_entity = "d1";
  alert.extended_json = R"({"a":1})";
  alert.entities_json = "[1,2]";
  alert.remediation_json = "[]";
  batch.alerts = {alert};
  store::OperationRow operation;
  operation.time = time;
  operation.category = "Connections";
  operation.device_id = "d1";
  operation.operation = "connect";
  operation.reason = "ok";
  operation.caller_ip = "192.0.2.1";
  batch.operations = {operation};
  operation.properties = R"({"b":2})";
  batch.operations.push_back(operation);
  store::TelemetryRow telemetry;
  telemetry.time_generated = time;
  telemetry.device_id = "d2";
  telemetry.body = "21.5";
  telemetry.properties = R"({"unit":"C"})";
  telemetry.system_properties = "{}";  // says nothing
  batch.telemetry = {telemetry};
  store::AuditRow audit;
  audit.id = 1;
  audit.time = time;
  audit.actor = "admin";
  audit.action = "device.create";
  audit.target = "d1";
  audit.detail = "made";
  batch.audits = {audit};
  ASSERT_TRUE(store_->append(batch, ++sequence_));
  const auto usage = [this] {
    return kql(
        "Usage | order by DataType asc, StartTime asc, DeviceId asc, EventType asc | "
        "summarize L = make_list(strcat(DataType, ' ', StartTime, ' ', TimeGenerated, ' ', "
        "DeviceId, ' ', EventType, ' ', RowCount, ' ', ByteCount)) | "
        "project strcat_array(L, '\\n')");
  };
  const std::string expected = usage();
  constexpr std::array<std::string_view, 5> kTables = {kRaw, "SecurityAlert", "IoTHubOperations",
                                                       "DeviceTelemetry", "IoTHubAudit"};
  for (const std::string_view table : kTables) {
    const std::string path = dir_.path() + "/" + std::string(table);
    const auto file = care().export_rows(table, GetParam(), 0, kql::kMaxDateTimeTicks);
    ASSERT_TRUE(file) << file.error().to_string();
    save(*file, path);
  }
  reopen_in("other");
  // As often as they are sent: what is there already does not count again.
  for (int i = 0; i < 2; ++i) {
    for (const std::string_view table : kTables) {
      const auto done =
          care().import_file(table, GetParam(), dir_.path() + "/" + std::string(table));
      ASSERT_TRUE(done) << table << done.error().to_string();
    }
    EXPECT_EQ(usage(), expected);
  }
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
