#include "agent/hardware/hardware.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/hardware/device.h"
#include "agent/hardware/socket.h"
#include "os/file.h"

namespace agent::hardware {
namespace {

TEST(UeventSocket, HearsTheKernel) {
  auto socket = UeventSocket::open();
  ASSERT_TRUE(socket) << socket.error().to_string();
  if (::access("/sys/class/mem/null/uevent", W_OK) != 0)
    GTEST_SKIP() << "only root may have the kernel send an event";
  std::ofstream("/sys/class/mem/null/uevent") << "change\n";
  bool heard = false;
  // Sent before write(2) returned.
  const auto received = socket->receive([&heard](const Uevent& event) {
    heard |= event.action == "change" && event.devpath == "/devices/virtual/mem/null" &&
             event.subsystem == "mem" && !event.from_udev;
  });
  ASSERT_TRUE(received);
  EXPECT_TRUE(heard);
}

TEST(HardwareSnapshot, IsAListOfThisMachine) {
  const auto snapshot = make_snapshot();
  const auto payload = snapshot->take();
  ASSERT_TRUE(payload) << payload.error().to_string();
  for (const auto& item : std::get<std::vector<schema::ConnectedHardware>>(*payload)) {
    EXPECT_FALSE(item.hardware_category.empty());
    EXPECT_FALSE(item.hardware_sub_category.empty()) << item.hardware_name;
    EXPECT_FALSE(item.hardware_name.empty());
  }
  EXPECT_EQ(snapshot->source().tier, "sysfs");
  EXPECT_FALSE(make_snapshot("/nonexistent")->take());
}

TEST(HardwareWatch, CanBeTurnedOffAndOn) {
  auto loop = os::Loop::create();
  ASSERT_TRUE(loop);
  WatchContext context;
  context.loop = loop->get();
  context.emit = [](schema::Event) {};
  context.settings.off = {schema::EventName::ConnectedHardware};
  const auto watch = open(context);
  EXPECT_EQ(watch->sources().at(0).tier, "none");
  EXPECT_EQ(watch->sources().at(0).reason, "off");
  watch->configure({});
  EXPECT_NE(watch->sources().at(0).tier, "none");
  watch->configure(context.settings);
  EXPECT_EQ(watch->sources().at(0).tier, "none");
}

TEST(HardwareWatch, SaysThatPollingIsLossy) {
  auto loop = os::Loop::create();
  ASSERT_TRUE(loop);
  WatchContext context;
  context.loop = loop->get();
  context.emit = [](schema::Event) {};
  context.tier = "proc";
  const auto report = open(context)->sources().at(0);
  EXPECT_EQ(report.tier, "sysfs");
  EXPECT_TRUE(report.lossy);
  EXPECT_FALSE(report.reason.empty());
}

}  // namespace
}  // namespace agent::hardware
