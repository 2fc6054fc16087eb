#include "agent/agent.h"

#include <array>
#include <filesystem>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace agent {
namespace {

using namespace std::chrono_literals;

// An agent whose hub is out of reach: what it collects stays in its spool.
class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    ASSERT_TRUE(os::write_file_atomic(
        scratch_ / "connection",
        "HostName=localhost:1;DeviceId=d1;ModuleId=m1;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==\n"));
    auto config = load_config(std::nullopt, {},
                              {{"hub.connection_string_file", scratch_ / "connection"},
                               {"state.dir", scratch_ / "state"},
                               {"collect.poll_interval", "50ms"}});
    ASSERT_TRUE(config) << config.error().to_string();
    config_ = std::move(*config);
  }

  std::unique_ptr<Agent> start() {
    auto agent = Agent::start(*loop_, config_);
    EXPECT_TRUE(agent) << agent.error().to_string();
    return agent ? std::move(*agent) : nullptr;
  }

  void turn_for(std::chrono::milliseconds time) {
    loop_->after(time, [this] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
  }

  void stop(Agent& agent) {
    loop_->after(0ms, [&] { agent.stop(); });
    ASSERT_TRUE(loop_->run());
  }

  // A process with that name and a life of its own, ended when the test says so.
  pid_t sleeper(std::string name) {
    std::string seconds = "30";
    std::array<char*, 3> argv = {name.data(), seconds.data(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(::posix_spawn(&child, "/bin/sleep", nullptr, nullptr, argv.data(), environ), 0);
    return child;
  }

  static void end(pid_t child) {
    ::kill(child, SIGTERM);
    ::waitpid(child, nullptr, 0);
  }

  // Everything in the spool; events lie there as they will be sent.
  std::string spooled() {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_ / "state")) {
      if (entry.path().extension() == ".seg") all += os::read_file(entry.path()).value();
    }
    return all;
  }

  os::ScratchDir scratch_;
  std::unique_ptr<os::Loop> loop_;
  Config config_;
};

TEST_F(AgentTest, CollectsWithoutAHub) {
  const auto agent = start();
  ASSERT_NE(agent, nullptr);
  const auto ready = base::json::parse(agent->ready_line());
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->text_or("event", ""), "ready");
  EXPECT_EQ(ready->text_or("deviceId", ""), "d1");
  EXPECT_EQ(ready->text_or("moduleId", ""), "m1");
  EXPECT_NE(ready->text_or("tier", ""), "");

  const pid_t child = sleeper("agent-test-sleeper");
  turn_for(200ms);
  end(child);
  turn_for(200ms);
  stop(*agent);

  const auto stopped = base::json::parse(agent->stopped_line());
  ASSERT_TRUE(stopped);
  const auto count = [&](const char* name) { return *stopped->find(name)->if_int(); };
  EXPECT_EQ(count("collected"), count("acknowledged") + count("dropped") + count("pending"));
  EXPECT_EQ(count("acknowledged"), 0);
  EXPECT_GE(count("pending"), 4);  // a heartbeat, the sleeper's two events, statistics
  const std::string events = spooled();
  EXPECT_NE(events.find(R"("CommandLine":"agent-test-sleeper 30")"), std::string::npos);
  EXPECT_NE(events.find(R"("Name":"ProcessTerminate")"), std::string::npos);
  EXPECT_NE(events.find(R"("Name":"Heartbeat")"), std::string::npos);
  EXPECT_NE(events.find(R"("FirstRun":"true")"), std::string::npos);
  EXPECT_NE(events.find(R"("Name":"DroppedEventsStatistics")"), std::string::npos);
}

TEST_F(AgentTest, SaysHowTheFormerRunEnded) {
  {
    const auto agent = start();
    ASSERT_NE(agent, nullptr);
    stop(*agent);
  }
  {
    const auto agent = start();  // destroyed without stop(), as a crash would
    ASSERT_NE(agent, nullptr);
    turn_for(50ms);
    EXPECT_NE(spooled().find(R"("UncleanExit":"false")"), std::string::npos);
  }
  const auto agent = start();
  ASSERT_NE(agent, nullptr);
  stop(*agent);
  EXPECT_NE(spooled().find(R"("UncleanExit":"true")"), std::string::npos);
}

TEST_F(AgentTest, OneAgentOwnsTheState) {
  const auto first = start();
  ASSERT_NE(first, nullptr);
  const auto second = Agent::start(*loop_, config_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::Conflict);
  stop(*first);
}

TEST_F(AgentTest, SaysWhatIsWrongWithTheConnectionString) {
  config_.hub.connection_string_file.clear();
  EXPECT_FALSE(Agent::start(*loop_, config_));
  config_.hub.connection_string_file = scratch_ / "none";
  const auto absent = Agent::start(*loop_, config_);
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().detail.find("none"), std::string::npos);
  config_.hub.connection_string_file = scratch_ / "wrong";
  ASSERT_TRUE(os::write_file_atomic(scratch_ / "wrong", "HostName=x;SharedAccessKey=c2VjcmV0\n"));
  const auto wrong = Agent::start(*loop_, config_);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().detail.find("wrong"), std::string::npos);
  // A secret never gets into a message.
  EXPECT_EQ(wrong.error().to_string().find("c2VjcmV0"), std::string::npos);
}

}  // namespace
}  // namespace agent
