#include "agent/hardware/hot_plug.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent::hardware {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Plugs : public ::testing::Test {
 protected:
  static Device device(const std::string& path, const std::string& name) {
    Device made;
    made.devpath = path;
    made.item.hardware_category = "USB";
    made.item.hardware_sub_category = "Storage";
    made.item.hardware_name = name;
    return made;
  }
  void plug(const std::string& path, const std::string& name) { sys_[path] = device(path, name); }
  void event(const std::string& action, const std::string& path, bool from_udev = false,
             const std::string& old = "") {
    Uevent uevent{action, path, "usb", from_udev, {}};
    if (!old.empty()) uevent.properties.emplace_back("DEVPATH_OLD", old);
    plugs_.on_event(uevent, udev_runs_, now_);
  }
  std::vector<std::string> after(std::chrono::milliseconds time) {
    now_ += time;
    plugs_.settle(now_);
    return std::exchange(told_, {});
  }
  std::vector<Device> present() const {
    std::vector<Device> all;
    for (const auto& [path, one] : sys_) {
      all.push_back(one);
    }
    return all;
  }

  bool udev_runs_ = false;
  base::MonoTime now_{};
  std::map<std::string, Device> sys_;
  std::vector<std::string> told_;
  HotPlug plugs_{{.read = [this](const std::string& path) -> std::optional<Device> {
                    const auto found = sys_.find(path);
                    if (found == sys_.end()) return std::nullopt;
                    return found->second;
                  },
                  .tell =
                      [this](Change change, const Device& one) {
                        told_.push_back(std::string(to_string(change)) + " " +
                                        one.item.hardware_name);
                      }}};
};

TEST_F(Plugs, AnAddedDeviceIsToldWhenItHasSettled) {
  plug("/d/1", "stick");
  event("add", "/d/1");
  EXPECT_THAT(after(200ms), IsEmpty());
  plug("/d/1", "stick with driver");
  event("bind", "/d/1");
  EXPECT_THAT(after(100ms), ElementsAre("Added stick with driver"));
  EXPECT_THAT(after(5s), IsEmpty());
}

TEST_F(Plugs, ARemovedDeviceIsToldAsWhatItWas) {
  plug("/d/1", "stick");
  plugs_.learn(present());
  sys_.clear();
  event("remove", "/d/1");
  EXPECT_THAT(after(300ms), ElementsAre("Removed stick"));
}

TEST_F(Plugs, OneThatGoesBeforeItSettlesIsToldAllTheSame) {
  plug("/d/1", "flash");
  event("add", "/d/1");
  sys_.clear();
  event("remove", "/d/1");
  EXPECT_THAT(after(0ms), ElementsAre("Added flash", "Removed flash"));
  EXPECT_THAT(after(5s), IsEmpty());
}

TEST_F(Plugs, OneThatNobodyCouldLookAtIsToldByTheKernelsWord) {
  Uevent add{"add", "/d/1", "usb", false, {{"DEVTYPE", "usb_device"}, {"PRODUCT", "951/1666/100"}}};
  plugs_.on_event(add, false, now_);
  event("remove", "/d/1");
  EXPECT_THAT(after(0ms), ElementsAre("Added 951/1666/100", "Removed 951/1666/100"));
  // One that is there and not to be told stays untold: an empty card reader, an interface of USB.
  plugs_.on_event(add, false, now_);
  EXPECT_THAT(after(300ms), IsEmpty());
  add.properties[0].second = "usb_interface";
  plugs_.on_event(add, false, now_);
  event("remove", "/d/1");
  EXPECT_THAT(after(300ms), IsEmpty());
}

TEST_F(Plugs, AnotherOneInItsPlaceIsTwoChanges) {
  plug("/d/1", "first");
  plugs_.learn(present());
  event("remove", "/d/1");
  plug("/d/1", "second");
  event("add", "/d/1");
  EXPECT_THAT(after(300ms), ElementsAre("Removed first", "Added second"));
}

TEST_F(Plugs, EventsThatChangeNothingAreNotTold) {
  plug("/d/1", "stick");
  plugs_.learn(present());
  // As written into the uevent files of sysfs.
  for (const char* action : {"add", "change", "remove", "bind"}) {
    event(action, "/d/1");
    EXPECT_THAT(after(300ms), IsEmpty()) << action;
  }
  event("remove", "/d/unknown");
  EXPECT_THAT(after(300ms), IsEmpty());
}

TEST_F(Plugs, AMediumComesAndGoes) {
  event("change", "/d/reader");
  EXPECT_THAT(after(300ms), IsEmpty());
  plug("/d/reader", "card");
  event("change", "/d/reader");
  EXPECT_THAT(after(300ms), ElementsAre("Added card"));
  plug("/d/reader", "larger card");
  event("change", "/d/reader");
  EXPECT_THAT(after(300ms), ElementsAre("Changed larger card"));
  sys_.clear();
  event("change", "/d/reader");
  EXPECT_THAT(after(300ms), ElementsAre("Removed larger card"));
}

TEST_F(Plugs, UdevsOwnEventEndsTheWait) {
  udev_runs_ = true;
  plug("/d/1", "stick");
  event("add", "/d/1");
  EXPECT_THAT(after(500ms), IsEmpty());
  event("add", "/d/1", true);
  EXPECT_THAT(after(0ms), ElementsAre("Added stick"));
  // Without it, the wait has an end.
  plug("/d/2", "other");
  event("add", "/d/2");
  EXPECT_THAT(after(2s), ElementsAre("Added other"));
  // A late one says nothing new.
  event("add", "/d/2", true);
  EXPECT_THAT(after(2s), IsEmpty());
}

TEST_F(Plugs, AMovedDeviceIsTheSame) {
  plug("/d/eth0", "eth0");
  event("add", "/d/eth0");
  sys_.clear();
  plug("/d/lan", "lan");
  event("move", "/d/lan", false, "/d/eth0");
  EXPECT_THAT(after(300ms), ElementsAre("Added lan"));
  sys_.clear();
  plug("/d/wan", "wan");
  event("move", "/d/wan", false, "/d/lan");
  EXPECT_THAT(after(0ms), ElementsAre("Changed wan"));
  sys_.clear();
  event("remove", "/d/wan");
  EXPECT_THAT(after(300ms), ElementsAre("Removed wan"));
}

TEST_F(Plugs, ComparisonTellsWhatWasMissed) {
  plug("/d/1", "one");
  plug("/d/2", "two");
  plugs_.learn(present());
  sys_.erase("/d/1");
  plug("/d/2", "two renamed");
  plug("/d/3", "three");
  plugs_.compare(present());
  EXPECT_THAT(after(0ms), ElementsAre("Removed one", "Changed two renamed", "Added three"));
  EXPECT_EQ(plugs_.known(), 2U);
}

TEST_F(Plugs, AFloodAsksForAComparison) {
  for (int i = 0; i < 5000; ++i) {
    event("add", "/d/" + std::to_string(i));
  }
  EXPECT_TRUE(plugs_.wants_comparison());
  plugs_.compare(present());
  EXPECT_FALSE(plugs_.wants_comparison());
}

TEST_F(Plugs, FlushTellsWhatWaits) {
  plug("/d/1", "stick");
  event("add", "/d/1");
  plugs_.flush();
  EXPECT_THAT(told_, ElementsAre("Added stick"));
}

TEST_F(Plugs, OtherSubsystemsArePassedOver) {
  plug("/d/1", "fan");
  plugs_.on_event({"add", "/d/1", "thermal", false, {}}, false, now_);
  EXPECT_THAT(after(5s), IsEmpty());
}

}  // namespace
}  // namespace agent::hardware
