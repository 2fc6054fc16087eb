#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "detect/alerts.h"

namespace detect {

inline base::WallTime at(int second) {
  return base::WallTime(std::chrono::seconds(1'800'000'000 + second));
}

// Alerts in a folder of their own.
class AlertsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "alertsXXXXXX";
    ASSERT_NE(::mkdtemp(dir_.data()), nullptr);
    open();
  }
  void TearDown() override {
    alerts_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open() {
    alerts_.reset();
    auto opened = Alerts::open({dir_ + "/state.db", "https://hub:8443"});
    ASSERT_TRUE(opened) << opened.error().to_string();
    alerts_ = std::move(*opened);
    alerts_->on_change([this](const AlertChange& change) { changes_.push_back(change); });
  }

  static Finding finding(std::uint64_t sequence, std::string device = "d1",
                         std::string entity = "/bin/sh") {
    Finding finding;
    finding.rule.id = "rule-1";
    finding.rule.title = "Miner";
    finding.rule.description = "Mines.";
    finding.rule.severity = Severity::High;
    finding.rule.remediation = {"Stop it", "Find out why"};
    finding.rule.tactics = {"Impact"};
    finding.rule.techniques = {"T1496"};
    finding.rule.aliases = {"Coin miner image"};
    finding.device_id = std::move(device);
    finding.module_id = "agent";
    finding.entity = std::move(entity);
    finding.why = "It mines.";
    finding.received = at(static_cast<int>(sequence));
    finding.sequence = sequence;
    finding.evidence.event_id = base::Guid::derived("alerts_test", std::to_string(sequence));
    finding.evidence.time = at(static_cast<int>(sequence) - 1);
    finding.evidence.event_name = "ProcessCreate";
    finding.evidence.details_json =
        R"({"Executable":"/tmp/xmrig","ProcessId":7,"CommandLine":"xmrig \"x\"","UserName":"root"})";
    finding.evidence.matched = {{"CommandLine", "xmrig", "contains 'xmrig'", "XMRig"}};
    return finding;
  }

  void apply(std::vector<Finding> findings) {
    const auto applied = alerts_->apply(findings);
    ASSERT_TRUE(applied) << applied.error().to_string();
  }
  std::vector<Alert> all(const AlertFilter& filter = {}) { return alerts_->list(filter)->items; }
  // The alert that the finding makes.
  std::string raise(const Finding& finding) {
    apply({finding});
    AlertFilter same;
    same.rule_id = finding.rule.id;
    same.device_id = finding.device_id;
    same.entity = finding.entity;
    same.open_only = true;
    same.hidden = Hidden::Too;
    const auto found = all(same);
    EXPECT_FALSE(found.empty());
    return found.empty() ? std::string() : found[0].id;
  }
  base::Result<Alert> close(const std::string& id, Verdict verdict = Verdict::Undetermined,
                            int second = 1000) {
    return alerts_->update(id, {.status = Status::Closed, .verdict = verdict}, 0, "ann",
                           at(second));
  }

  std::string dir_;
  std::unique_ptr<Alerts> alerts_;
  std::vector<AlertChange> changes_;
};

}  // namespace detect
