// The stream of changes, over HTTPS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

TEST_F(ServerTest, StreamsChanges) {
  start();
  const Headers who = token(Role::Reader);
  Connected stream = connect();
  stream.send_raw(make("GET", "/api/v1/stream", "", who));
  const std::string opening = stream.read_raw("\nid: ");
  EXPECT_THAT(opening, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(opening, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(opening, HasSubstr("Cache-Control: no-store\r\n"));

  add_alert("d1");
  const std::string seen = stream.read_raw("}\n\n");
  EXPECT_THAT(seen, HasSubstr("event: alert\n"));
  const std::size_t data = seen.rfind("data: ");
  ASSERT_NE(data, std::string::npos) << seen;
  const std::string json = seen.substr(data + 6, seen.find('\n', data) - data - 6);
  EXPECT_THAT(document_.judge_schema("StreamAlert", json), ::testing::IsEmpty()) << json;
  const std::size_t at = seen.rfind("id: ");
  const std::string id = seen.substr(at + 4, seen.find('\n', at) - at - 4);

  // A change while nobody listens is there for who resumes.
  identity::NewIdentity wanted;
  wanted.name.device_id = "d2";
  ASSERT_TRUE(registry_->create(wanted, "test"));
  Connected resumed = connect();
  Headers resume = who;
  resume.emplace_back("Last-Event-ID", id);
  resumed.send_raw(make("GET", "/api/v1/stream", "", resume));
  const std::string rest = resumed.read_raw("}\n\n");
  EXPECT_THAT(rest, HasSubstr("event: device\ndata: {\"deviceId\":\"d2\",\"change\":\"created\"}"));
  EXPECT_THAT(rest, Not(HasSubstr("event: reset")));
}

TEST_F(ServerTest, AnOldStreamStartsOver) {
  start();
  for (const char* id : {"5", "junk", "99999999999999999"}) {
    Headers who = token(Role::Reader);
    who.emplace_back("Last-Event-ID", id);
    Connected stream = connect();
    stream.send_raw(make("GET", "/api/v1/stream", "", who));
    EXPECT_THAT(stream.read_raw("\nid: "), HasSubstr("event: reset\ndata: {}\n")) << id;
  }
}

TEST_F(ServerTest, AStreamEndsWithItsSession) {
  options_.heartbeat = 1s;
  start();
  const Headers who = browser("rita");
  Connected stream = connect();
  stream.send_raw(make("GET", "/api/v1/stream", "", who));
  EXPECT_THAT(stream.read_raw(": heartbeat"), HasSubstr(": heartbeat"));
  EXPECT_EQ(send("DELETE", "/api/v1/session", "", who).status, 204U);
  stream.read_raw("never");  // to the end
}

TEST_F(ServerTest, StreamsAreLimited) {
  options_.max_streams = 1;
  start();
  const Headers who = token(Role::Reader);
  Connected stream = connect();
  stream.send_raw(make("GET", "/api/v1/stream", "", who));
  stream.read_raw("\nid: ");
  EXPECT_EQ(get("/api/v1/stream", who).status, 503U);
}

}  // namespace
}  // namespace hub::api
