#include "hub/egress/forwarder.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/egress/forwards.h"
#include "hub/ingest/ingest_testing.h"
#include "os/file.h"

namespace hub::egress {
namespace {

using ingest::Hub;
using ingest::kPatience;
using Kind = Verdict::Kind;

// Answers as a test says and keeps what it was given. Outlives the forwarder.
class Scripted {
 public:
  struct Given {
    std::string id;
    std::vector<std::string> bodies;
  };

  // In turn; the last one for all that follow.
  void answer(std::vector<Verdict> verdicts) {
    const std::lock_guard lock(mutex_);
    verdicts_ = std::move(verdicts);
    next_ = 0;
  }
  Verdict take(const Delivery& delivery) {
    Given given{delivery.id, {}};
    std::string_view rest = delivery.body;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const auto json = base::json::parse(rest.substr(0, end));
      given.bodies.emplace_back(json ? json->text_or("body", "?") : "not JSON");
      rest.remove_prefix(end + 1);
    }
    const std::lock_guard lock(mutex_);
    const Verdict verdict =
        verdicts_.empty() ? Verdict() : verdicts_[std::min(next_++, verdicts_.size() - 1)];
    (verdict.kind == Kind::Taken ? taken_ : failed_).push_back(std::move(given));
    changed_.notify_all();
    return verdict;
  }
  // The bodies that were taken, once there are that many.
  std::vector<std::string> taken(std::size_t count) {
    std::unique_lock lock(mutex_);
    const auto all = [this] {
      std::vector<std::string> out;
      for (const Given& given : taken_)
        out.insert(out.end(), given.bodies.begin(), given.bodies.end());
      return out;
    };
    changed_.wait_for(lock, kPatience, [&] { return all().size() >= count; });
    return all();
  }
  std::vector<Given> failed(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return failed_.size() >= count; });
    return failed_;
  }
  std::vector<Given> deliveries() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Verdict> verdicts_;
  std::size_t next_ = 0;
  std::vector<Given> taken_;
  std::vector<Given> failed_;
};

class ScriptedTarget final : public Target {
 public:
  explicit ScriptedTarget(Scripted& script) : script_(script) {}
  Verdict deliver(const Delivery& delivery, const std::stop_token&) override {
    return script_.take(delivery);
  }

 private:
  Scripted& script_;
};

ForwardSettings quick() {
  ForwardSettings settings;
  settings.name = "siem";
  settings.filter.kinds[static_cast<std::size_t>(egress::Kind::Telemetry)] = true;
  settings.batch_delay = std::chrono::milliseconds(1);
  settings.retry_min = std::chrono::milliseconds(1);
  settings.retry_max = std::chrono::milliseconds(4);
  return settings;
}

CursorTable cursors_in(const store::TempDir& dir) {
  auto opened = CursorTable::open(dir.path() + "/cursors.db");
  EXPECT_TRUE(opened) << opened.error().to_string();
  return std::move(*opened);
}

void send(Hub& hub, int from, int to) {
  for (int i = from; i < to; ++i)
    EXPECT_TRUE(hub.send("m" + std::to_string(i), false));
}

std::vector<std::string> names(int from, int to) {
  std::vector<std::string> out;
  for (int i = from; i < to; ++i)
    out.push_back("m" + std::to_string(i));
  return out;
}

TEST(Forwarder, BringsWhatComesInOrder) {
  const store::TempDir dir;
  Scripted script;
  Hub hub(dir.path());
  CursorTable cursors = cursors_in(dir);
  const Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                            hub.operations, Feed::latest(*hub.ingest));
  send(hub, 0, 20);
  EXPECT_EQ(script.taken(20), names(0, 20));
  EXPECT_EQ(forwarder.state().lost, 0U);
}

TEST(Forwarder, TriesTheSameAgainUntilItIsTaken) {
  const store::TempDir dir;
  Scripted script;
  script.answer({{Kind::Later, "down"}, {Kind::Later, "down"}, {}});
  Hub hub(dir.path());
  CursorTable cursors = cursors_in(dir);
  const Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                            hub.operations, Feed::latest(*hub.ingest));
  send(hub, 0, 1);
  EXPECT_EQ(script.taken(1), names(0, 1));
  const auto failed = script.failed(2);
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].id, failed[1].id);
  EXPECT_EQ(failed[0].id, script.deliveries()[0].id);
  std::vector<std::string> told;
  EXPECT_TRUE(ingest::eventually([&] {
    told.clear();
    for (const auto& record : hub.operations.recent(100)) {
      if (record.category == operations::Category::Routes) told.push_back(record.operation);
    }
    return told.size() >= 2;
  }));
  EXPECT_EQ(told, (std::vector<std::string>{"forwardHealthy", "forwardUnhealthy"}));
}

TEST(Forwarder, OneBadLineCostsNoOther) {
  const store::TempDir dir;
  Scripted script;
  Hub hub(dir.path());
  send(hub, 0, 4);
  CursorTable cursors = cursors_in(dir);
  // All four, both halves of the first pair, and so on: m1 alone is what they refuse.
  script.answer({{Kind::Refused, "400"}, {Kind::Refused, "400"}, {}, {Kind::Refused, "400"}, {}});
  const Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                            hub.operations, Feed::earliest(*hub.ingest));
  EXPECT_EQ(script.taken(3), (std::vector<std::string>{"m0", "m2", "m3"}));
  EXPECT_EQ(forwarder.state().refused, 1U);
}

TEST(Forwarder, GoesOnWhereItWasAfterARestart) {
  const store::TempDir dir;
  Scripted script;
  CursorTable cursors = cursors_in(dir);
  {
    Hub hub(dir.path());
    Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                        hub.operations, Feed::latest(*hub.ingest));
    send(hub, 0, 3);
    EXPECT_EQ(script.taken(3), names(0, 3));
    forwarder.stop();
  }
  script.answer({{Kind::Later, "down"}});
  {
    Hub hub(dir.path());
    send(hub, 3, 5);
    Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                        hub.operations, **cursors.find("siem"));
    EXPECT_GE(script.failed(1).size(), 1U);
    forwarder.stop();
  }
  script.answer({});
  Hub hub(dir.path());
  const Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                            hub.operations, **cursors.find("siem"));
  EXPECT_EQ(script.taken(5), names(0, 5));
}

TEST(Forwarder, CountsWhatLeftTheJournalMeanwhile) {
  const store::TempDir dir;
  Scripted script;
  ingest::Options options;
  options.journal_segment_bytes = 4'096;
  Hub hub(dir.path(), options);
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(hub.send(std::string(1'000, 'x'), false));
  hub.drain();
  ASSERT_TRUE(ingest::eventually([&] { return Feed::earliest(*hub.ingest).sequence > 1; }));
  EXPECT_TRUE(hub.send("last", false));
  CursorTable cursors = cursors_in(dir);
  const Forwarder forwarder(quick(), std::make_unique<ScriptedTarget>(script), *hub.ingest, cursors,
                            hub.operations, Offset{1, 0});
  const std::uint64_t sent = hub.ingest->counters().telemetry_messages.value();
  ASSERT_TRUE(ingest::eventually([&] { return forwarder.state().lost > 0; }));
  const std::uint64_t lost = forwarder.state().lost;
  // Neither more nor less than what did not come: the records are messages and nothing else but
  // what was recorded about them.
  EXPECT_GE(lost + script.taken(sent - std::min(sent, lost)).size(), sent);
}

// ------------------------------------------------------------------------------------- the file

std::string text_of(const std::string& path) {
  const auto text = os::read_file(path);
  return text ? *text : text.error().to_string();
}

Delivery delivery_of(std::string_view body) {
  Delivery delivery;
  delivery.body = body;
  return delivery;
}

TEST(FileTarget, AppendsAndBeginsAnewWhenItIsLarge) {
  const store::TempDir dir;
  ForwardSettings settings;
  settings.path = dir.path() + "/deep/lines.ndjson";
  settings.rotate_bytes = 10;
  settings.keep_files = 2;
  auto target = make_file(settings);
  ASSERT_TRUE(target) << target.error().to_string();
  for (const char* body : {"{1}\n", "{2}\n", "{3}\n", "{4}\n", "{5}\n", "{6}\n", "{7}\n"})
    EXPECT_EQ((*target)->deliver(delivery_of(body), {}).kind, Kind::Taken);
  EXPECT_EQ(text_of(settings.path), "{7}\n");
  EXPECT_EQ(text_of(settings.path + ".1"), "{5}\n{6}\n");
  EXPECT_EQ(text_of(settings.path + ".2"), "{3}\n{4}\n");
  EXPECT_FALSE(os::file_exists(settings.path + ".3"));
}

TEST(FileTarget, ALineThatACrashCutOffGoes) {
  const store::TempDir dir;
  ForwardSettings settings;
  settings.path = dir.path() + "/lines.ndjson";
  std::ofstream(settings.path) << "{1}\n{2}\n{\"half";
  auto target = make_file(settings);
  ASSERT_TRUE(target);
  EXPECT_EQ((*target)->deliver(delivery_of("{3}\n"), {}).kind, Kind::Taken);
  EXPECT_EQ(text_of(settings.path), "{1}\n{2}\n{3}\n");
  std::ofstream(settings.path) << std::string(200'000, 'x');
  target = make_file(settings);
  ASSERT_TRUE(target);
  EXPECT_EQ(text_of(settings.path), "");
}

TEST(FileTarget, SaysWhatItCannotUse) {
  const store::TempDir dir;
  ForwardSettings settings;
  settings.path = dir.path();
  EXPECT_FALSE(make_file(settings));
}

// ------------------------------------------------------------------------------------- the rest

TEST(ForwardUrl, TakesHttpsOnly) {
  EXPECT_EQ(parse_https_url("https://siem.example/in?key=1"),
            (Url{"siem.example", 443, "/in?key=1"}));
  EXPECT_EQ(parse_https_url("HTTPS://siem.example"), (Url{"siem.example", 443, "/"}));
  EXPECT_EQ(parse_https_url("https://[::1]:8443/x"), (Url{"::1", 8443, "/x"}));
  EXPECT_EQ(parse_https_url("https://h:99?x"), (Url{"h", 99, "/?x"}));
  for (const char* bad : {"", "http://h", "https://", "https://u:p@h", "https://h:0",
                          "https://h:65536", "https://h:x", "https://h/a b", "https://h/#f",
                          "https://[::1", "https://h\r\nX: y", "ftp://h"}) {
    EXPECT_EQ(parse_https_url(bad), std::nullopt) << bad;
  }
}

TEST(ForwardSignature, IsHmacOverTimeAndBody) {
  // As another tool computes it: printf '1700000000.{}\n' | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(sign("secret", 1'700'000'000, "{}\n"),
            "t=1700000000,v1=dc2e07c928691c3fdecbdca708e89415b4ad6f1c9ddb31cd2da8967da29cd435");
}

TEST(Forwards, RememberHowFarTheyAreAndRefuseWhatIsNotUsable) {
  const store::TempDir dir;
  Hub hub(dir.path());
  ForwardSettings settings = quick();
  settings.type = ForwardType::File;
  settings.path = dir.path() + "/lines.ndjson";
  {
    auto forwards =
        Forwards::start({settings}, dir.path() + "/state.db", *hub.ingest, hub.operations);
    ASSERT_TRUE(forwards) << forwards.error().to_string();
    send(hub, 0, 2);
    EXPECT_TRUE(ingest::eventually([&] { return (*forwards)->states()[0].lines >= 2; }));
    (*forwards)->stop();
    EXPECT_EQ((*forwards)->states()[0].behind, 0U);
  }
  send(hub, 2, 4);
  auto again = Forwards::start({settings}, dir.path() + "/state.db", *hub.ingest, hub.operations);
  ASSERT_TRUE(again);
  EXPECT_TRUE(ingest::eventually([&] { return (*again)->states()[0].lines >= 2; }));
  (*again)->stop();
  const std::string text = text_of(settings.path);
  for (int i = 0; i < 4; ++i)
    EXPECT_NE(text.find("\"m" + std::to_string(i) + "\""), std::string::npos) << i;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  settings.type = ForwardType::Webhook;
  settings.ca_file = dir.path() + "/none.pem";
  const auto refused =
      Forwards::start({settings}, dir.path() + "/state.db", *hub.ingest, hub.operations);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("forward.siem"), std::string::npos);
}

}  // namespace
}  // namespace hub::egress
