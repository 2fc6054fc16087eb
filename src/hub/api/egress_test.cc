// Quarantine, stream of events, exports, forwards.
#include <future>

#include <gtest/gtest.h>

#include "detect/stream.h"
#include "hub/api/server_testing.h"
#include "hub/egress/exporter.h"
#include "hub/ingest/ingest.h"
#include "hub/quarantine/quarantine.h"

namespace hub::api {
namespace {

constexpr const char* kGood =
    R"({"AgentVersion":"1.0","AgentId":"00000000-0000-4000-8000-00000000000a","MessageSchemaVersion":"1.0","Events":[)"
    R"({"Id":"00000000-0000-4000-8000-00000000000b","TimestampLocal":"2026-01-02T03:04:05Z",)"
    R"("TimestampUTC":"2026-01-02T03:04:05Z","Category":"Triggered","Name":"ProcessCreate","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"Executable":"/bin/sh","ProcessId":10,)"
    R"("ParentProcessId":1,"UserId":"0","CommandLine":"sh"}]}]})";

class EgressTest : public ServerTest {
 protected:
  ~EgressTest() override {
    server_->stop();
    if (exporter_) exporter_->stop();
    if (ingest_) ingest_->stop();
  }

  void add_parts(Dependencies& dependencies) override {
    quarantine::Options held;
    held.path = dir_ + "/quarantine.db";
    quarantine_ = must(quarantine::Quarantine::open(std::move(held)));
    exporter_ = std::make_unique<egress::Exporter>(*queries_, egress::Exporter::Options());
    stream_ = must(detect::Stream::load(""));
    ingest::Options options;
    options.journal_dir = dir_ + "/journal";
    options.batch_delay = std::chrono::milliseconds(5);
    ingest_ =
        must(ingest::Ingest::start(std::move(options), *events_, *alerts_, *stream_, operations_));
    live_.ingest = ingest_.get();
    dependencies.quarantine = quarantine_.get();
    dependencies.exporter = exporter_.get();
    dependencies.live = &live_;
  }

  void send_telemetry(const std::string& device, const std::string& payload) {
    std::promise<bool> durable;
    ingest::Received message;
    message.device_id = device;
    message.received_at = base::wall_now();
    message.payload = payload;
    ingest::Done done = [&durable](bool stored) { durable.set_value(stored); };
    ASSERT_TRUE(ingest_->submit(message, done));
    ASSERT_TRUE(durable.get_future().get());
  }
  std::string hold(const std::string& payload) {
    quarantine::Message message;
    message.sequence = ++held_;
    message.device_id = "press-1";
    message.module_id = "azureiotsecurity";
    message.auth_method = R"({"scope":"module"})";
    message.received = base::wall_now();
    message.properties = "%24.mid=m1&line=7";
    message.reason = "message_invalid";
    message.why = "Events: expected an array";
    message.payload = payload;
    EXPECT_TRUE(quarantine_->add({&message, 1}));
    return std::to_string(quarantine_->list({})->items[0].id);
  }

  // The lines of a stream that ends.
  std::vector<std::string> lines(const std::string& query, const Headers& headers) {
    const Reply reply = get("/api/v1/stream/events?follow=false&" + query, headers);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    std::vector<std::string> out;
    for (const std::string_view line : base::split(reply.body, '\n')) {
      if (!line.empty()) out.emplace_back(line);
    }
    return out;
  }

  std::unique_ptr<quarantine::Quarantine> quarantine_;
  std::unique_ptr<egress::Exporter> exporter_;
  std::unique_ptr<detect::Stream> stream_;
  std::unique_ptr<ingest::Ingest> ingest_;
  Live live_;
  std::uint64_t held_ = 0;
};

TEST_F(EgressTest, ShowsWhatIsHeldAndItsContent) {
  start();
  const std::string id = hold("{\"bad\":1}");
  const auto list = get("/api/v1/quarantine?device=press-1", owner()).json();
  ASSERT_EQ(list.find("items")->if_array()->size(), 1U);
  EXPECT_EQ(list.find("items")->if_array()->at(0).text_or("why", ""), "Events: expected an array");
  const auto one = get("/api/v1/quarantine/" + id, owner()).json();
  EXPECT_EQ(one.find("systemProperties")->text_or("messageId", ""), "m1");
  EXPECT_EQ(one.find("properties")->text_or("line", ""), "7");
  const Reply content = get("/api/v1/quarantine/" + id + "/content", owner());
  EXPECT_EQ(content.body, "{\"bad\":1}");
  EXPECT_EQ(content.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(get("/api/v1/quarantine/" + id + "/content", token(Role::Reader)).status, 403U);
  EXPECT_EQ(get("/api/v1/quarantine/99", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/quarantine/x'%20OR%201=1", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/quarantine?cursor=x", owner()).status, 400U);
}

TEST_F(EgressTest, ReplaysWhatIsAcceptableAndKeepsTheRest) {
  start();
  const std::string bad = hold("{\"bad\":1}");
  const std::string good = hold(kGood);
  EXPECT_EQ(send("POST", "/api/v1/quarantine/" + good + "/replay", "", token(Role::Reader)).status,
            403U);
  EXPECT_EQ(send("POST", "/api/v1/quarantine/" + good + "/replay", "", owner()).status, 204U);
  EXPECT_EQ(get("/api/v1/quarantine/" + good, owner()).status, 404U);
  const Reply refused = send("POST", "/api/v1/quarantine/" + bad + "/replay", "", owner());
  EXPECT_EQ(refused.status, 409U);
  EXPECT_NE(refused.body.find("still refused"), std::string::npos);
  const auto left = get("/api/v1/quarantine/" + bad, owner()).json();
  EXPECT_EQ(left.find("attempts")->to_json(), "1");
  EXPECT_EQ(send("DELETE", "/api/v1/quarantine/" + bad, "", owner()).status, 204U);
  EXPECT_EQ(send("DELETE", "/api/v1/quarantine/" + bad, "", owner()).status, 404U);
  EXPECT_EQ(ingest_->counters().security_messages.value(), 1U);
  const Reply audit = get("/api/v1/audit", owner());
  EXPECT_NE(audit.body.find("quarantine.replay"), std::string::npos);
  EXPECT_NE(audit.body.find("quarantine.discard"), std::string::npos);
}

TEST_F(EgressTest, StreamsFromAnyOffsetAndEndsWhenAsked) {
  start();
  for (int i = 0; i < 3; ++i)
    send_telemetry("press-" + std::to_string(i), "{\"n\":" + std::to_string(i) + "}");
  const auto all = lines("from=earliest", owner());
  ASSERT_EQ(all.size(), 3U);
  const auto first = base::json::parse(all[0]);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->find("body")->to_json(), "{\"n\":0}");
  const std::string offset(first->text_or("offset", ""));
  EXPECT_EQ(lines("after=" + offset, owner()), (std::vector<std::string>{all[1], all[2]}));
  EXPECT_EQ(lines("from=" + offset, owner()), all);
  EXPECT_EQ(lines("from=earliest&device=press-9*", owner()).size(), 0U);
  EXPECT_EQ(lines("from=earliest&device=*-2", owner()), std::vector<std::string>{all[2]});
  EXPECT_EQ(lines("from=earliest&kinds=events,alerts", owner()).size(), 0U);
  EXPECT_EQ(lines("", owner()).size(), 0U);
  for (const char* bad : {"from=x", "from=1.2.3", "after=latest&from=1", "from=999999", "kinds=foo",
                          "follow=maybe", "form=1"}) {
    EXPECT_EQ(get(std::string("/api/v1/stream/events?") + bad, owner()).status, 400U) << bad;
  }
  EXPECT_EQ(get("/api/v1/stream/events").status, 401U);
}

TEST_F(EgressTest, FollowsWhatComes) {
  options_.heartbeat = std::chrono::seconds(1);
  start();
  Connected reader = connect();
  reader.send_raw(make("GET", "/api/v1/stream/events", "", owner()));
  EXPECT_NE(reader.read_raw("\r\n\r\n").find("chunked"), std::string::npos);
  // A sign of life: it reads.
  reader.read_raw("\r\n\n\r\n");
  send_telemetry("press-1", "first");
  EXPECT_NE(reader.read_raw("\"body\":\"first\"").find("\"telemetry\""), std::string::npos);
  send_telemetry("press-1", "second");
  reader.read_raw("\"body\":\"second\"");
  server_->stop();
}

TEST_F(EgressTest, OnlySoManyReadersAtOnce) {
  options_.max_event_streams = 1;
  start();
  {
    Connected reader = connect();
    reader.send_raw(make("GET", "/api/v1/stream/events", "", owner()));
    reader.read_raw("\r\n\r\n");
    const Reply busy = get("/api/v1/stream/events?follow=false", owner());
    EXPECT_EQ(busy.status, 503U);
    EXPECT_EQ(busy.headers.count("retry-after"), 1U);
  }
}

TEST_F(EgressTest, ExportsTablesAndQueries) {
  start();
  const Reply empty = get("/api/v1/export?table=SecurityAlert", owner());
  EXPECT_EQ(empty.status, 200U) << empty.body;
  EXPECT_EQ(empty.body, "");
  EXPECT_NE(empty.headers.at("content-disposition").find("SecurityAlert.ndjson"),
            std::string::npos);
  const Reply rows =
      send("POST", "/api/v1/export", R"({"query":"range x from 1 to 3 step 1"})", owner());
  EXPECT_EQ(rows.body, "{\"x\":1}\n{\"x\":2}\n{\"x\":3}\n");
  const Reply with_value = send(
      "POST", "/api/v1/export",
      R"({"query":"declare query_parameters(n:long); print n = n","parameters":{"n":7}})", owner());
  EXPECT_EQ(with_value.body, "{\"n\":7}\n");
  const Reply without_value =
      send("POST", "/api/v1/export", R"({"query":"declare query_parameters(n:long); print n"})",
           owner());
  EXPECT_EQ(without_value.status, 400U);
  EXPECT_EQ(without_value.code(), "BadQuery");
  const Reply parquet =
      get("/api/v1/export?table=IoTHubOperations&format=parquet&from=2026-01-01T00:00:00Z&"
          "to=2027-01-01T00:00:00Z",
          token(Role::Reader));
  EXPECT_EQ(parquet.status, 200U);
  EXPECT_TRUE(parquet.body.starts_with("PAR1"));
  EXPECT_EQ(parquet.headers.at("content-type"), "application/vnd.apache.parquet");
  EXPECT_EQ(get("/api/v1/export?table=SecurityAlerts", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/export?table=SecurityAlert%7Ctake%201", owner()).status, 404U);
  EXPECT_EQ(get("/api/v1/export?table=SecurityAlert&from=yesterday", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/export?table=SecurityAlert&format=csv", owner()).status, 400U);
  EXPECT_EQ(get("/api/v1/export", owner()).status, 400U);
  const Reply faulty = send("POST", "/api/v1/export", R"({"query":"nonsense"})", owner());
  EXPECT_EQ(faulty.status, 400U);
  EXPECT_EQ(faulty.code(), "BadQuery");
  EXPECT_NE(get("/api/v1/audit", owner()).body.find("data.export"), std::string::npos);
}

TEST_F(EgressTest, NoForwardsAreAnEmptyList) {
  start();
  EXPECT_EQ(get("/api/v1/forwards", owner()).body, "{\"items\":[]}");
}

}  // namespace
}  // namespace hub::api
