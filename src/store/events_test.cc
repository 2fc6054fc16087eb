#include "store/events.h"

#include <fstream>
#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/manifest.h"
#include "store/store_testing.h"

namespace store {
namespace {

using Table = std::vector<std::vector<std::string>>;

base::Guid guid(std::uint64_t number) {
  return base::Guid::derived("events_test", std::to_string(number));
}

EventRow row(std::uint64_t number, kql::Ticks time_stamp = kql::kUnixEpochTicks) {
  EventRow row;
  row.time_generated = kql::kUnixEpochTicks + static_cast<kql::Ticks>(number);
  row.time_stamp = time_stamp;
  row.device_id = "device-1";
  row.module_id = "agent";
  row.agent_version = "1.0";
  row.event_id = guid(number);
  row.name = "ProcessCreate";
  row.category = "Triggered";
  row.type = "Security";
  row.details = R"({"CommandLine":"sh"})";
  return row;
}

EventKey key(std::uint64_t number, kql::Ticks time_stamp = 0, std::uint32_t item = 0) {
  return {"device-1", "agent", guid(number), item, time_stamp};
}

std::unique_ptr<EventStore> open(const EventStoreOptions& options) {
  auto store = EventStore::open(options);
  EXPECT_TRUE(store) << store.error().to_string();
  return store ? std::move(*store) : nullptr;
}

TEST(EventStore, KeepsRowsOfEveryTable) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  std::string tenant;
  {
    auto store = open(options);
    tenant = store->tenant_id();
    Batch batch;
    auto event = row(1);
    event.details = batch.keep(R"({"CommandLine":"it's"})");
    event.item = 3;
    batch.events.push_back(event);
    AlertRow alert;
    alert.outbox = 9;
    alert.alert_id = "alert-1";
    alert.title = "Miner";
    alert.extended_json = R"({"DeviceId":"device-1"})";
    batch.alerts.push_back(alert);
    OperationRow operation;
    operation.operation = "deviceConnect";
    operation.sub_code = 401003;
    operation.properties = R"({"a":1})";
    batch.operations.push_back(operation);
    ASSERT_TRUE(store->append(batch, 41));
    EXPECT_EQ(store->journal_sequence(), 41U);
    EXPECT_EQ(store->stats().rows_appended, 3U);
  }
  {
    auto store = open(options);
    EXPECT_EQ(store->journal_sequence(), 41U);
    EXPECT_EQ(store->alert_outbox(), 9U);
    EXPECT_EQ(store->tenant_id(), tenant);
  }
  EXPECT_EQ(
      ask(options.path,
          "SELECT DeviceId, ModuleId, RawEventName, EventDetails, IoTRawEventId, TenantId, "
          "AssociatedResourceId, Type, IsEmpty FROM SecurityIoTRawEvent"),
      (Table{{"device-1", "agent", "ProcessCreate", R"({"CommandLine":"it's"})",
              guid(1).to_string(), tenant, "/hubs/test-hub", "SecurityIoTRawEvent", "false"}}));
  EXPECT_EQ(ask(options.path,
                "SELECT SystemAlertId, VendorOriginalId, AlertName, DisplayName, ProviderName, "
                "ExtendedProperties, ResourceId FROM SecurityAlert"),
            (Table{{"alert-1", "alert-1", "Miner", "Miner", "IoTSecurity",
                    R"({"DeviceId":"device-1"})", "/hubs/test-hub"}}));
  EXPECT_EQ(
      ask(options.path, "SELECT OperationName, SubCode, Properties->>'$.a' FROM IoTHubOperations"),
      (Table{{"deviceConnect", "401003", "1"}}));
}

OperationRow connect_row() {
  OperationRow row;
  row.time = 638'000'000'000'000'000;
  row.category = "Connections";
  row.operation = "deviceConnect";
  row.level = "Error";
  row.status_code = 401;
  row.sub_code = 401003;
  row.reason = "sas_expired";
  row.device_id = "d1";
  row.protocol = "MQTT_WS";
  row.caller_ip = "192.0.2.7";
  row.sdk_version = "sdk";
  row.meter_units = 2;
  row.count = 3;
  row.security_messages = 2;
  row.small_messages = 1;
  row.auth_scope = "device";
  row.auth_type = "sas";
  row.auth_issuer = "iothub";
  row.credential = "hash";
  row.ip_filter_rule = "everybody";
  row.tls_version = "TLSv1.3";
  row.tls_cipher = "TLS_AES_128_GCM_SHA256";
  return row;
}

TEST(EventStore, OperationsKeepEveryFieldInAColumn) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
    Batch batch;
    batch.operations.push_back(connect_row());
    ASSERT_TRUE(store->append(batch, 1));
  }
  EXPECT_EQ(ask(options.path,
                "SELECT TlsVersion, TlsCipher, AuthScope, AuthType, AuthIssuer, AuthPolicy, "
                "CredentialHash, IpFilterRule, Count, MeterUnits, SecurityMessages, "
                "SmallSecurityMessages FROM IoTHubOperations"),
            (Table{{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "device", "sas", "iothub", "", "hash",
                    "everybody", "3", "2", "2", "1"}}));
  EXPECT_EQ(ask(options.path, "SELECT Properties FROM IoTHubOperations"),
            (Table{{R"({"auth":{"scope":"device","type":"sas","issuer":"iothub",)"
                    R"("credential":"hash","acceptingIpFilterRule":"everybody"},)"
                    R"("tls":{"version":"TLSv1.3","cipher":"TLS_AES_128_GCM_SHA256"},)"
                    R"("meterUnits":2})"}}));
  EXPECT_EQ(ask(options.path,
                "SELECT Category, OperationName, Level, ResultType, ResourceProvider, "
                "ResourceType, properties_s->>'$.deviceId', properties_s->>'$.protocol', "
                "properties_s->>'$.authType' FROM AzureDiagnostics"),
            (Table{{"Connections", "deviceConnect", "Error", "401003", "MICROSOFT.DEVICES",
                    "IOTHUBS", "d1", "mqtt-ws",
                    R"({"scope":"device","type":"sas","issuer":"iothub",)"
                    R"("acceptingIpFilterRule":"everybody"})"}}));
}

// A store that an older program made: rows in tables of the names that are views now, and without
// what came later.
TEST(EventStore, OlderTablesAreTakenOver) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto database = duck::Database::open(options.path, {std::size_t{256} << 20U, 1, dir.path()});
    ASSERT_TRUE(database);
    auto connection = *duck::Connection::open(*database);
    std::string sql;
    for (const TableDefinition* table : all_tables()) {
      if (table->stored.empty()) continue;
      TableDefinition older = *table;
      std::erase_if(older.stored,
                    [](const StoredColumn& column) { return !column.absent.empty(); });
      sql += create_table_sql(older, older.relation, Lifetime::Lasting);
    }
    sql +=
        "CREATE TABLE position(journal_sequence BIGINT NOT NULL, outbox BIGINT NOT NULL); "
        "INSERT INTO position VALUES (7, 0); "
        "CREATE VIEW IoTHubOperations AS SELECT OperationName FROM operation; "
        "INSERT INTO operation VALUES (0, 'Connections', 'old', 'Error', 401, 0, '', '', 'd0', "
        "'', '', 'MQTT', '', '', 0, 0, '', '', '{\"auth\":{\"type\":\"x509\"}}'); "
        "INSERT INTO raw_event VALUES (5, 4, 'd0', 'm', '1', uuid(), uuid(), 0, 'Login', "
        "'Triggered', 'Security', false, '{\"TimestampLocal\":\"1\"}')";
    const auto made = connection.execute(sql);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  for (const std::uint64_t sequence : {8U, 9U}) {
    auto store = open(options);
    EXPECT_EQ(store->audit_position(), 0U);
    EXPECT_EQ(store->journal_sequence(), sequence - 1);
    Batch batch;
    batch.operations.push_back(connect_row());
    batch.events.push_back(row(sequence));
    ASSERT_TRUE(store->append(batch, sequence));
  }
  EXPECT_EQ(ask(options.path,
                "SELECT OperationName, Count, TlsVersion, Properties->>'$.auth.type' FROM "
                "IoTHubOperations ORDER BY DeviceId LIMIT 2"),
            (Table{{"old", "1", "", "x509"}, {"deviceConnect", "3", "TLSv1.3", "sas"}}));
  EXPECT_EQ(
      ask(options.path, "SELECT EventDetails FROM SecurityIoTRawEvent ORDER BY TimeGenerated"),
      (Table{{R"({"TimestampLocal":"1"})"},
             {R"({"CommandLine":"sh"})"},
             {R"({"CommandLine":"sh"})"}}));
  EXPECT_EQ(ask(options.path, "SELECT WrittenLocal FROM raw_event ORDER BY TimeGenerated LIMIT 1"),
            (Table{{"1"}}));
}

TEST(EventStore, AuditRowsComeWithTheirPosition) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
    Batch batch;
    AuditRow row;
    row.id = 7;
    row.actor = "ann";
    row.action = "certificate.put";
    row.target = "root";
    row.result = "Conflict";
    row.status_code = 409;
    batch.audits = {row};
    batch.audits.push_back(row);
    batch.audits.back().id = 9;
    batch.audits.back().result = "ok";
    ASSERT_TRUE(store->append(batch, 0));
    EXPECT_EQ(store->audit_position(), 9U);
  }
  EXPECT_EQ(open(options)->audit_position(), 9U);
  EXPECT_EQ(ask(options.path,
                "SELECT AuditId, Identity, OperationName, Category, Target, ResultType, Result, "
                "StatusCode, Properties FROM IoTHubAudit ORDER BY AuditId"),
            (Table{{"7", "ann", "certificate.put", "certificate", "root", "Failure", "Conflict",
                    "409", "{}"},
                   {"9", "ann", "certificate.put", "certificate", "root", "Success", "ok", "409",
                    "{}"}}));
}

TEST(EventStore, ChunkBordersLoseNothing) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
    std::uint64_t number = 0;
    std::uint64_t sequence = 0;
    for (const std::size_t rows : {1UL, 2047UL, 2048UL, 2049UL, 5000UL, 0UL}) {
      Batch batch;
      for (std::size_t i = 0; i < rows; ++i)
        batch.events.push_back(row(number++));
      ASSERT_TRUE(store->append(batch, ++sequence));
    }
  }
  EXPECT_EQ(ask(options.path,
                "SELECT count(*), count(DISTINCT IoTRawEventId), min(strlen(EventDetails)) FROM "
                "SecurityIoTRawEvent"),
            (Table{{"11145", "11145", "20"}}));
}

TEST(EventStore, MendsTextThatIsNotUtf8) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
    Batch batch;
    auto bad = row(1);
    bad.device_id = "caf\xE9";
    batch.events.push_back(bad);
    auto zero = row(2);
    zero.device_id = std::string_view("a\0b", 3);
    batch.events.push_back(zero);
    ASSERT_TRUE(store->append(batch, 1));
  }
  EXPECT_EQ(ask(options.path, "SELECT strlen(DeviceId) FROM raw_event ORDER BY 1"),
            (Table{{"3"}, {"6"}}));
}

TEST(EventStore, ClaimsEachIdentityOnce) {
  const TempDir dir;
  auto store = open(store_options(dir.path()));
  const std::vector<EventKey> keys = {key(1),
                                      key(2),
                                      key(1),
                                      key(2, 0, 1),
                                      {"device-2", "agent", guid(1), 0, 0},
                                      {"device-1", "", guid(1), 0, 0}};
  EXPECT_EQ(*store->claim(keys), (std::vector<std::uint8_t>{1, 1, 0, 1, 1, 1}));
  EXPECT_EQ(*store->claim(keys), std::vector<std::uint8_t>(6, 0));
  EXPECT_EQ(store->stats().duplicates, 7U);
}

TEST(EventStore, KnowsStoredIdentitiesAfterReopening) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
    Batch batch;
    batch.events.push_back(row(1, 100));
    ASSERT_TRUE(store->append(batch, 1));
  }
  auto store = open(options);
  EXPECT_EQ(*store->claim(std::vector{key(1, 100), key(2, 100)}),
            (std::vector<std::uint8_t>{0, 1}));
}

// More rows than are kept in memory: the older ones are found in the database.
TEST(EventStore, FindsOldIdentitiesInTheDatabase) {
  const TempDir dir;
  auto options = store_options(dir.path());
  options.recent_keys = 100;
  const auto append = [](EventStore& store, std::uint64_t first, std::uint64_t count,
                         std::uint64_t sequence) {
    Batch batch;
    std::vector<EventKey> keys;
    for (std::uint64_t i = first; i < first + count; ++i) {
      batch.events.push_back(row(i, static_cast<kql::Ticks>(i)));
      keys.push_back(key(i, static_cast<kql::Ticks>(i)));
    }
    EXPECT_EQ(*store.claim(keys), std::vector<std::uint8_t>(count, 1));
    ASSERT_TRUE(store.append(batch, sequence));
  };
  {
    auto store = open(options);
    append(*store, 0, 1000, 1);
    append(*store, 1000, 1000, 2);
    std::vector<EventKey> again;
    for (std::uint64_t i = 0; i < 2000; ++i)
      again.push_back(key(i, static_cast<kql::Ticks>(i)));
    EXPECT_EQ(*store->claim(again), std::vector<std::uint8_t>(2000, 0));
    EXPECT_GE(store->stats().lookups, 1900U);
  }
  auto store = open(options);
  std::vector<EventKey> keys;
  for (std::uint64_t i = 0; i < 2001; ++i)
    keys.push_back(key(i, static_cast<kql::Ticks>(i)));
  std::vector<std::uint8_t> expected(2001, 0);
  expected[2000] = 1;
  EXPECT_EQ(*store->claim(keys), expected);
  // An old event that was never stored is new, and then is not.
  EXPECT_EQ(*store->claim(std::vector{key(5000, 7)}), (std::vector<std::uint8_t>{1}));
  EXPECT_EQ(*store->claim(std::vector{key(5000, 7)}), (std::vector<std::uint8_t>{0}));
}

TEST(EventStore, DamagedFileSaysWhatToDo) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
  }
  {
    std::fstream file(options.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    file << std::string(8192, '\xAA');
  }
  const auto store = EventStore::open(options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, base::Code::Corrupt) << store.error().to_string();
  EXPECT_NE(store.error().detail.find(options.path), std::string::npos);
  EXPECT_NE(store.error().detail.find("move this file"), std::string::npos) << store.error().detail;
}

TEST(EventStore, QueriesCannotReachFilesOrLoosenThat) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  {
    auto store = open(options);
  }
  const auto refused = [&](const std::string& sql) {
    auto database =
        *duck::Database::open(options.path, {std::size_t{256} << 20U, 1, options.path + ".tmp"});
    auto connection = *duck::Connection::open(database);
    return !connection.execute(sql);
  };
  EXPECT_TRUE(refused("SELECT * FROM read_csv('/etc/passwd')"));
  EXPECT_TRUE(refused("COPY (SELECT 1) TO '" + dir.path() + "/out.csv'"));
  EXPECT_TRUE(refused("SET enable_external_access = true"));
  EXPECT_TRUE(refused("ATTACH '" + dir.path() + "/other.duckdb'"));
  EXPECT_TRUE(refused("LOAD httpfs"));
  EXPECT_FALSE(refused("SELECT 1"));
}

// Lets no file of this process grow beyond a size, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  sighandler_t old_handler_ = nullptr;
};

TEST(EventStore, FullDiskFailsAndTheSameBatchSucceedsLater) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  std::uint64_t sequence = 0;
  {
    auto store = open(options);
    std::uint64_t number = 0;
    const auto fill = [&](Batch& batch) {
      for (int i = 0; i < 3000; ++i)
        batch.events.push_back(row(number++));
    };
    Batch before;
    fill(before);
    ASSERT_TRUE(store->append(before, ++sequence));
    Batch batch;
    fill(batch);
    {
      const FileSizeLimit limit(64 * 1024);
      for (int attempt = 0; attempt < 3; ++attempt) {
        const auto result = store->append(batch, sequence + 1);
        ASSERT_FALSE(result);
        EXPECT_TRUE(result.error().code == base::Code::Full ||
                    result.error().code == base::Code::Io ||
                    result.error().code == base::Code::Corrupt)
            << result.error().to_string();
      }
      EXPECT_EQ(store->journal_sequence(), sequence);
    }
    const auto retried = store->append(batch, sequence + 1);
    ASSERT_TRUE(retried) << retried.error().to_string();
    EXPECT_EQ(store->stats().failures, 3U);
  }
  EXPECT_EQ(ask(options.path, "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"6000", "6000"}}));
  EXPECT_EQ(ask(options.path, "SELECT journal_sequence FROM position"), (Table{{"2"}}));
}

constexpr std::uint64_t kRowsInBatch = 50;

// Appends numbered batches for ever, saying so after each. Never returns.
[[noreturn]] void append_for_ever(const EventStoreOptions& options, int progress) {
  auto store = EventStore::open(options);
  if (!store) ::_exit(2);
  for (std::uint64_t sequence = (*store)->journal_sequence() + 1;; ++sequence) {
    Batch batch;
    for (std::uint64_t i = 0; i < kRowsInBatch; ++i)
      batch.events.push_back(row(sequence * kRowsInBatch + i));
    if (!(*store)->append(batch, sequence)) ::_exit(3);
    if (::write(progress, &sequence, sizeof sequence) != sizeof sequence) ::_exit(4);
  }
}

// Starts the above, kills it without mercy after some batches; returns the last one that it said
// was stored.
std::uint64_t run_and_kill(const EventStoreOptions& options, int batches) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    append_for_ever(options, pipe[1]);
  }
  ::close(pipe[1]);
  std::uint64_t last = 0;
  std::uint64_t sequence = 0;
  while (batches-- > 0 && ::read(pipe[0], &sequence, sizeof sequence) == sizeof sequence)
    last = sequence;
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  // What it said between our last look and its end counts too.
  while (::read(pipe[0], &sequence, sizeof sequence) == sizeof sequence)
    last = sequence;
  ::close(pipe[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  return last;
}

TEST(EventStore, KilledAtAnyMomentItHasEveryBatchOnce) {
  const TempDir dir;
  const auto options = store_options(dir.path());
  std::minstd_rand random(20180810);
  for (int round = 0; round < 12; ++round) {
    const std::uint64_t said = run_and_kill(options, 1 + static_cast<int>(random() % 60));
    std::uint64_t stored = 0;
    {
      auto store = open(options);
      ASSERT_NE(store, nullptr);
      stored = store->journal_sequence();
    }
    EXPECT_GE(stored, said);
    EXPECT_LE(stored, said + 1);
    EXPECT_EQ(ask(options.path,
                  "SELECT count(*), count(DISTINCT EventId), max(TimeGenerated) FROM raw_event"),
              (Table{{std::to_string(stored * kRowsInBatch), std::to_string(stored * kRowsInBatch),
                      std::to_string(row((stored + 1) * kRowsInBatch - 1).time_generated)}}));
  }
}

}  // namespace
}  // namespace store
