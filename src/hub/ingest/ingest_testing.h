#pragma once

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "detect/alerts.h"
#include "detect/stream.h"
#include "hub/ingest/ingest.h"
#include "schema/message.h"
#include "store/events.h"
#include "store/store_testing.h"

// A hub's stores and ingest, for tests.
namespace hub::ingest {
using Table = std::vector<std::vector<std::string>>;

inline constexpr std::chrono::seconds kPatience{30};

inline base::WallTime clock_at(int second) {
  return base::WallTime(std::chrono::seconds(1'800'000'000 + second));
}

inline schema::Event process_event(std::uint64_t number, const std::string& command_line) {
  schema::ProcessCreate item;
  item.executable = "/usr/bin/dash";
  item.command_line = command_line;
  item.process_id = static_cast<std::int64_t>(number);
  item.parent_process_id = 1;
  item.user_id = "0";
  item.user_name = "root";
  schema::Event event;
  event.id = base::Guid::derived("ingest_test", std::to_string(number));
  event.time = {clock_at(static_cast<int>(number)), std::chrono::minutes(60)};
  event.payload = schema::payload_of(std::move(item));
  return event;
}

inline std::string message_of(std::vector<schema::Event> events) {
  schema::Message message;
  message.agent_version = "1.2.3";
  message.agent_id = base::Guid::derived("ingest_test", "agent");
  message.events = std::move(events);
  return schema::encode_message(message);
}

// Asks until the answer is yes, or patience ends: for what happens soon after an answer.
template <class Check>
bool eventually(Check check) {
  const auto deadline = base::mono_now() + kPatience;
  while (!check()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A hub's stores and ingest over one folder; opened again and again as a hub is.
class Hub {
 public:
  using Clock = std::function<base::WallTime()>;
  explicit Hub(
      std::string dir, Options options = {}, Clock now = [] { return clock_at(0); })
      : dir_(std::move(dir)), options_(std::move(options)) {
    options_.journal_dir = dir_ + "/journal";
    options_.retry_delay = std::chrono::milliseconds(5);
    options_.batch_delay = std::chrono::milliseconds(5);
    options_.now = std::move(now);
    auto opened_events = store::EventStore::open(store::store_options(dir_));
    EXPECT_TRUE(opened_events) << opened_events.error().to_string();
    events = std::move(*opened_events);
    auto opened_alerts = detect::Alerts::open({dir_ + "/state.db", "https://hub"});
    EXPECT_TRUE(opened_alerts) << opened_alerts.error().to_string();
    alerts = std::move(*opened_alerts);
    stream = std::move(*detect::Stream::load(""));
    auto started = Ingest::start(options_, *events, *alerts, *stream, operations);
    EXPECT_TRUE(started) << started.error().to_string();
    ingest = std::move(*started);
    operations.set_sink([this](const operations::Record& record) { ingest->record(record); });
  }
  ~Hub() {
    ingest->stop();
    operations.set_sink({});
  }
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Submits and waits for the answer.
  bool send(std::string_view payload, bool security = true, base::WallTime received = clock_at(0)) {
    std::promise<bool> answer;
    Done done = [&answer](bool durable) { answer.set_value(durable); };
    Received message;
    message.device_id = "device-1";
    message.module_id = security ? "azureiotsecurity" : "";
    message.received_at = received;
    message.payload = payload;
    message.security = security;
    EXPECT_TRUE(ingest->submit(message, done));
    auto future = answer.get_future();
    EXPECT_EQ(future.wait_for(kPatience), std::future_status::ready);
    return future.get();
  }
  void drain() {
    const auto drained = ingest->drain(kPatience);
    EXPECT_TRUE(drained) << drained.error().to_string();
  }
  std::vector<operations::Record> refusals() const {
    std::vector<operations::Record> out;
    for (const auto& record : operations.recent(100)) {
      if (record.level != operations::Level::Information) out.push_back(record);
    }
    return out;
  }

  std::unique_ptr<store::EventStore> events;
  std::unique_ptr<detect::Alerts> alerts;
  std::unique_ptr<detect::Stream> stream;
  operations::Operations operations;
  std::unique_ptr<Ingest> ingest;

 private:
  std::string dir_;
  Options options_;
};

inline std::string rows_path(const store::TempDir& dir) {
  return dir.path() + "/events.duckdb";
}

}  // namespace hub::ingest
