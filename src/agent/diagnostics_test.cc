#include "agent/diagnostics.h"

#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agent {
namespace {

using namespace std::chrono_literals;
using base::LogLevel;
using base::MonoTime;

constexpr MonoTime kStart{5h};

TEST(LineLimit, AdmitsEachKindNowAndThen) {
  LineLimit limit;
  EXPECT_TRUE(limit.admit("a", kStart).admitted);
  EXPECT_FALSE(limit.admit("a", kStart + 1s).admitted);
  EXPECT_TRUE(limit.admit("b", kStart + 1s).admitted);
  EXPECT_FALSE(limit.admit("a", kStart + 9s).admitted);
  const auto again = limit.admit("a", kStart + 11s);
  EXPECT_TRUE(again.admitted);
  EXPECT_EQ(again.suppressed, 2U);
}

TEST(LineLimit, AdmitsNotTooManyAltogether) {
  LineLimit limit;
  int admitted = 0;
  for (int i = 0; i < 100'000; ++i)
    admitted += limit.admit(std::to_string(i % 1000), kStart + 36ms * i).admitted ? 1 : 0;
  EXPECT_LE(admitted, 20 + 3600 / 10 + 1);  // an hour
  EXPECT_GE(admitted, 300);
}

TEST(Diagnostics, MakesEventsOfUrgentLines) {
  const auto loop = os::Loop::create().value();
  std::vector<schema::Diagnostic> told;
  {
    Diagnostics diagnostics(*loop, LogLevel::Warning, [&](const schema::Event& event) {
      told.push_back(std::get<std::vector<schema::Diagnostic>>(event.payload).at(0));
    });
    LOG_NOTICE("test.calm");
    LOG_ERROR("test.bad").field("why", "two words");
    std::thread other([] { LOG_WARNING("test.elsewhere"); });
    other.join();
    for (int i = 0; i < 200; ++i)
      LOG_ERROR("test.storm").field("i", i);
    loop->after(0ms, [&] { loop->stop(); });
    ASSERT_TRUE(loop->run());
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0].severity, schema::DiagnosticSeverity::Error);
    EXPECT_EQ(told[0].message, "test.bad why=\"two words\"");
    EXPECT_EQ(told[0].process_id, ::getpid());
    EXPECT_EQ(told[1].severity, schema::DiagnosticSeverity::Warning);
    EXPECT_NE(told[1].thread_id, told[0].thread_id);
    EXPECT_GT(told[1].thread_id, 0);
    EXPECT_EQ(told[2].message, "test.storm i=0");
    diagnostics.set_level(LogLevel::Info);
    LOG_NOTICE("test.calm");
    loop->after(0ms, [&] { loop->stop(); });
    ASSERT_TRUE(loop->run());
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told[3].severity, schema::DiagnosticSeverity::Information);
  }
  LOG_ERROR("test.after");
  EXPECT_EQ(told.size(), 4U);
}

}  // namespace
}  // namespace agent
