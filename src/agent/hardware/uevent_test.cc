#include "agent/hardware/uevent.h"

#include <gtest/gtest.h>

namespace agent::hardware {
namespace {

using std::string_view_literals::operator""sv;
using std::string_literals::operator""s;

constexpr std::string_view kAdd =
    "add@/devices/pci0000:00/usb1/1-1\0ACTION=add\0DEVPATH=/devices/pci0000:00/usb1/1-1\0"
    "SUBSYSTEM=usb\0DEVTYPE=usb_device\0PRODUCT=46d/c52b/1211\0SEQNUM=4711\0"sv;

base::ByteVec udev_datagram(std::string_view properties, std::uint32_t magic = 0xfeedcafe) {
  base::ByteWriter out;
  out.text("libudev\0"sv);
  out.u32be(magic);
  out.u32le(40);
  out.u32le(40);
  out.u32le(static_cast<std::uint32_t>(properties.size()));
  out.u32be(1);
  out.u32be(2);
  out.u32be(3);
  out.u32be(4);
  out.text(properties);
  return std::move(out).take();
}

TEST(ReadUevent, ReadsTheKernels) {
  const auto event = read_uevent(base::as_bytes(kAdd));
  ASSERT_TRUE(event) << event.error().to_string();
  EXPECT_EQ(event->action, "add");
  EXPECT_EQ(event->devpath, "/devices/pci0000:00/usb1/1-1");
  EXPECT_EQ(event->subsystem, "usb");
  EXPECT_EQ(event->property("PRODUCT"), "46d/c52b/1211");
  EXPECT_EQ(event->property("SEQNUM"), "4711");
  EXPECT_EQ(event->property("ABSENT"), "");
  EXPECT_FALSE(event->from_udev);
}

TEST(ReadUevent, ReadsUdevs) {
  const std::string_view properties = "ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=net\0"sv;
  const auto event = read_uevent(udev_datagram(properties));
  ASSERT_TRUE(event) << event.error().to_string();
  EXPECT_TRUE(event->from_udev);
  EXPECT_EQ(event->subsystem, "net");
  EXPECT_FALSE(read_uevent(udev_datagram(properties, 0xcafefeed)));
  const auto whole = udev_datagram(properties);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_uevent({whole.data(), size})) << size;
  }
}

TEST(ReadUevent, RefusesWhatIsNone) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("nothing"), "add@/x\0ACTION=add\0"sv,
        "add@x\0ACTION=add\0DEVPATH=x\0"sv, "add@/x\0DEVPATH=/x\0"sv,
        "add@/x\0ACTION=add\0DEVPATH=/devices/../etc\0"sv,
        "add@/x\0ACTION=add\0DEVPATH=/devices/..\0"sv}) {
    EXPECT_FALSE(read_uevent(base::as_bytes(text))) << text;
  }
}

TEST(ReadUevent, KeepsABoundedNumberOfProperties) {
  std::string text = "add@/x\0ACTION=add\0DEVPATH=/x\0"s;
  for (int i = 0; i < 1000; ++i) {
    text += "P" + std::to_string(i) + "=1" + std::string(1, '\0');
  }
  const auto event = read_uevent(base::as_bytes(text));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->properties.size(), 256U);
}

}  // namespace
}  // namespace agent::hardware
