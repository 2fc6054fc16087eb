// Alerts as rows of SecurityAlert: what queries that others have published find of them.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>

#include "base/shared_testing.h"
#include "detect/alerts_testing.h"
#include "store/query.h"

namespace detect {
namespace {

class AlertWorkspaceTest : public AlertsTest {
 protected:
  void SetUp() override {
    AlertsTest::SetUp();
    store::EventStoreOptions options;
    options.path = dir_ + "/events.duckdb";
    options.resource_id = "/hubs/test";
    options.memory_limit = std::size_t{256} << 20U;
    options.threads = 1;
    auto opened = store::EventStore::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    auto queries = store::Queries::open(*store_, 1);
    ASSERT_TRUE(queries) << queries.error().to_string();
    queries_ = std::move(*queries);
  }
  void TearDown() override {
    queries_.reset();
    store_.reset();
    AlertsTest::TearDown();
  }

  void store_rows() {
    store::Batch batch;
    batch.alerts = *alerts_->outbox(store_->alert_outbox(), 1000);
    const auto stored = store_->append(batch, ++sequence_);
    ASSERT_TRUE(stored) << stored.error().to_string();
  }
  store::QueryResult ask(const std::string& kql) {
    auto result = queries_->run_kql(kql, {.now = at(3600)});
    if (result) return std::move(*result);
    ADD_FAILURE() << kql << "\n"
                  << (result.error().diagnostics.empty() ? result.error().error.to_string()
                                                         : result.error().diagnostics[0].message);
    return {};
  }
  // The cell of the first row; empty: no such column.
  static std::string cell(const store::QueryResult& result, std::string_view column) {
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      if (result.columns[i].name == column)
        return store::value_text(result.columns[i].type, result.rows.at(0).at(i));
    }
    return {};
  }

  std::unique_ptr<store::EventStore> store_;
  std::unique_ptr<store::Queries> queries_;
  std::uint64_t sequence_ = 0;
};

Finding connection(std::uint64_t sequence, std::string title, Finding out) {
  out.rule.id = "rule-" + title;
  out.rule.title = std::move(title);
  out.rule.techniques = {"T1571", "T1059.004"};
  out.rule.tactics = {"CommandAndControl"};
  out.sequence = sequence;
  out.evidence.event_name = "ConnectionCreate";
  out.evidence.details_json =
      R"({"LocalAddress":"10.0.0.7","RemoteAddress":"203.0.113.5","RemotePort":4444,)"
      R"("Direction":"Out","Protocol":"TCP","Executable":"/usr/bin/nc"})";
  return out;
}

TEST_F(AlertWorkspaceTest, ColumnsThatRulesReadAreFilled) {
  apply({connection(1, "Outbound", finding(1))});
  auto incoming = connection(2, "Inbound", finding(2));
  incoming.evidence.details_json =
      R"({"LocalAddress":"10.0.0.7","RemoteAddress":"203.0.113.5","Direction":"In","Protocol":"UDP"})";
  apply({incoming});
  store_rows();
  const auto rows = ask(
      "SecurityAlert | where AlertName == 'Outbound' | extend P = parse_json(ExtendedProperties) "
      "| project Source = tostring(P.SourceDeviceAddress), "
      "Destination = tostring(P.DestinationDeviceAddress), Protocol = tostring(P.Protocol), "
      "DeviceId = tostring(P.DeviceId), Uri = tostring(P.AlertManagementUri), AlertLink, "
      "ProviderName, VendorName, VendorOriginalId, SystemAlertId, Techniques, SubTechniques, "
      "Tactics, Ip = tostring(parse_json(Entities)[2].Address)");
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(cell(rows, "Source"), "10.0.0.7");
  EXPECT_EQ(cell(rows, "Destination"), "203.0.113.5");
  EXPECT_EQ(cell(rows, "Protocol"), "TCP");
  EXPECT_EQ(cell(rows, "DeviceId"), "d1");
  EXPECT_EQ(cell(rows, "Uri"), cell(rows, "AlertLink"));
  EXPECT_EQ(cell(rows, "ProviderName"), "IoTSecurity");
  EXPECT_EQ(cell(rows, "VendorName"), "Vedette");
  EXPECT_EQ(cell(rows, "VendorOriginalId"), cell(rows, "SystemAlertId"));
  EXPECT_EQ(cell(rows, "Techniques"), R"(["T1571","T1059.004"])");
  EXPECT_EQ(cell(rows, "SubTechniques"), R"(["T1059.004"])");
  EXPECT_EQ(cell(rows, "Tactics"), "CommandAndControl");
  EXPECT_EQ(cell(rows, "Ip"), "203.0.113.5");
  const auto in = ask(
      "SecurityAlert | where AlertName == 'Inbound' | extend P = parse_json(ExtendedProperties) "
      "| project Source = tostring(P.SourceDeviceAddress), To = "
      "tostring(P.DestinationDeviceAddress)");
  ASSERT_EQ(in.rows.size(), 1U);
  EXPECT_EQ(cell(in, "Source"), "203.0.113.5");
  EXPECT_EQ(cell(in, "To"), "10.0.0.7");
}

TEST_F(AlertWorkspaceTest, TheLatestRowSaysWhatPeopleMadeOfIt) {
  const std::string id = raise(connection(1, "Outbound", finding(1)));
  ASSERT_TRUE(close(id, Verdict::FalsePositive));
  store_rows();
  const auto latest =
      ask("SecurityAlert | summarize arg_max(TimeGenerated, *) by SystemAlertId "
          "| extend P = parse_json(ExtendedProperties) "
          "| project Status, Class = tostring(P.Classification), New = tostring(P.isNew)");
  ASSERT_EQ(latest.rows.size(), 1U);
  EXPECT_EQ(cell(latest, "Status"), "Resolved");
  EXPECT_EQ(cell(latest, "Class"), "FalsePositive");
  EXPECT_EQ(cell(latest, "New"), "False");
}

// A name of an alert that the query asks for.
std::string wanted_name(const std::string& query) {
  std::smatch found;
  static const std::regex list(R"(dynamic\(\["([^"]+)\")");
  static const std::regex name(R"(AlertName\s+(?:==|contains|has_any|has|in)\s*\(?\s*"([^"]+)\")");
  if (std::regex_search(query, found, list) || std::regex_search(query, found, name))
    return found[1];
  return {};
}

TEST_F(AlertWorkspaceTest, PublishedRulesFindAlertsOfTheirNames) {
  const auto folder = base::shared_data("corpora/kql_queries");
  if (!folder) GTEST_SKIP() << "no corpora/kql_queries in VEDETTE_SHARED or ../shared";
  std::vector<std::pair<std::string, std::string>> queries;  // name of an alert, query
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (!entry.path().filename().string().starts_with("sentinel_")) continue;
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    queries.emplace_back(wanted_name(text), text);
    ASSERT_FALSE(queries.back().first.empty()) << entry.path();
  }
  ASSERT_EQ(queries.size(), 15U);
  std::uint64_t sequence = 0;
  apply({connection(++sequence, "Nobody asks for this one", finding(1))});
  store_rows();
  for (const auto& [name, query] : queries)
    EXPECT_EQ(ask(query).rows.size(), 0U) << query;
  for (const auto& [name, query] : queries) {
    ++sequence;
    apply({connection(sequence, name, finding(sequence, "device-" + std::to_string(sequence)))});
  }
  store_rows();
  sequence = 1;
  for (const auto& [name, query] : queries) {
    const std::string device = "device-" + std::to_string(++sequence);
    const auto result = ask(query + "\n| where DeviceId == '" + device + "'");
    ASSERT_EQ(result.rows.size(), 1U) << query;
    EXPECT_EQ(cell(result, "AlertName"), name);
    EXPECT_EQ(cell(result, "SourceDeviceAddress"), "10.0.0.7");
    EXPECT_EQ(cell(result, "RemediationSteps"), "Stop it");
    EXPECT_EQ(cell(result, "Protocol"), "TCP");
    EXPECT_TRUE(cell(result, "AlertLink").starts_with("https://hub:8443/alerts/"));
  }
}

}  // namespace
}  // namespace detect
