#include "agent/hardware/device.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/hardware/ids.h"
#include "agent/hardware/kinds.h"
#include "os/scratch_testing.h"

namespace agent::hardware {
namespace {

// A sysfs made of plain files.
class Devices : public ::testing::Test {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;

  void make(const std::string& devpath, const std::string& subsystem, const std::string& list,
            const Files& files) {
    const std::string folder = root() + "/sys" + devpath;
    std::filesystem::create_directories(folder);
    std::filesystem::create_directories(root() + "/sys/" + list);
    std::filesystem::create_directories(root() + "/sys/bus/" + subsystem);
    std::filesystem::create_directory_symlink(root() + "/sys/bus/" + subsystem,
                                              folder + "/subsystem");
    std::filesystem::create_directory_symlink(
        folder, root() + "/sys/" + list + "/" + devpath.substr(devpath.rfind('/') + 1));
    for (const auto& [name, content] : files) {
      write("/sys" + devpath + "/" + name, content);
    }
  }
  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root() + name).parent_path());
    std::ofstream(root() + name) << content;
  }
  void driver(const std::string& devpath, const std::string& name) {
    std::filesystem::create_directories(root() + "/sys/drivers/" + name);
    std::filesystem::create_directory_symlink(root() + "/sys/drivers/" + name,
                                              root() + "/sys" + devpath + "/driver");
  }
  schema::ConnectedHardware item(const std::string& devpath) {
    const auto device = Reader(root()).read(devpath);
    if (!device) ADD_FAILURE() << devpath << " is not told";
    return device ? device->item : schema::ConnectedHardware();
  }
  static std::string detail(const schema::ConnectedHardware& item, std::string_view name) {
    for (const auto& [key, value] : item.extra_details) {
      if (key == name) return value;
    }
    return "(absent)";
  }
  const std::string& root() const { return dir_.path(); }

  static constexpr const char* kStick = "/devices/pci0/usb1/1-1";
  void make_stick() {
    make(kStick, "usb", "bus/usb/devices",
         {{"idVendor", "0951\n"},
          {"idProduct", "1666\n"},
          {"manufacturer", "ACME\n"},
          {"product", "Stick 3.0\n"},
          {"serial", "60A44C\n"},
          {"bDeviceClass", "00\n"},
          {"speed", "480\n"},
          {"uevent", "MAJOR=189\nMINOR=1\nDEVNAME=bus/usb/001/002\nDEVTYPE=usb_device\n"},
          {"1-1:1.0/bInterfaceClass", "08\n"}});
  }

 private:
  os::ScratchDir dir_;
};

TEST_F(Devices, AUsbStickTellsItsStrings) {
  make_stick();
  driver(kStick, "usb");
  const auto told = item(kStick);
  EXPECT_EQ(told.hardware_category, "USB");
  EXPECT_EQ(told.hardware_sub_category, "Storage");
  EXPECT_EQ(told.hardware_name, "ACME Stick 3.0");
  EXPECT_EQ(detail(told, "VendorId"), "0951");
  EXPECT_EQ(detail(told, "ProductId"), "1666");
  EXPECT_EQ(detail(told, "SerialNumber"), "60A44C");
  EXPECT_EQ(detail(told, "Driver"), "usb");
  EXPECT_EQ(detail(told, "DeviceNode"), "/dev/bus/usb/001/002");
}

TEST_F(Devices, AKeyboardHiddenInAStickShows) {
  make_stick();
  write(std::string("/sys") + kStick + "/1-1:1.1/bInterfaceClass", "03\n");
  const auto told = item(kStick);
  EXPECT_EQ(told.hardware_sub_category, "Composite");
  EXPECT_EQ(detail(told, "Interfaces"), "HumanInterface,Storage");
}

TEST_F(Devices, InterfacesOfUsbAreNoDevices) {
  make("/devices/pci0/usb1/1-1/1-1:1.0", "usb", "bus/usb/devices",
       {{"uevent", "DEVTYPE=usb_interface\n"}});
  EXPECT_FALSE(Reader(root()).read("/devices/pci0/usb1/1-1/1-1:1.0"));
}

TEST_F(Devices, NamesComeFromListsWhereTheDeviceHasNone) {
  make("/devices/pci0/0000:00:1f.2", "pci", "bus/pci/devices",
       {{"vendor", "0x8086\n"},
        {"device", "0x2922\n"},
        {"class", "0x010601\n"},
        {"uevent", "PCI_ID=8086:2922\nPCI_SUBSYS_ID=1AF4:1100\n"}});
  EXPECT_EQ(item("/devices/pci0/0000:00:1f.2").hardware_name, "8086:2922");
  write("/usr/share/misc/pci.ids",
        "# list\n8086  ACME Chips\n\t2922  Six Ports\n\t\t1af4 1100  Sub\n");
  const auto told = item("/devices/pci0/0000:00:1f.2");
  EXPECT_EQ(told.hardware_name, "ACME Chips Six Ports");
  EXPECT_EQ(told.hardware_sub_category, "SataController");
  EXPECT_EQ(detail(told, "VendorId"), "8086");
  // What udev found is at hand and comes first.
  write("/run/udev/data/+pci:0000:00:1f.2",
        "I:1\nE:ID_VENDOR_FROM_DATABASE=Of Udev\n"
        "E:ID_MODEL_FROM_DATABASE=Controller\n");
  EXPECT_EQ(item("/devices/pci0/0000:00:1f.2").hardware_name, "Of Udev Controller");
}

TEST_F(Devices, ADiskNamesTheUsbDeviceItIsPartOf) {
  make_stick();
  const std::string path = std::string(kStick) + "/host0/block/sda";
  make(path, "block", "class/block",
       {{"size", "60000\n"},
        {"removable", "1\n"},
        {"ro", "0\n"},
        {"device/vendor", "ACME    \n"},
        {"device/model", "Stick\n"},
        {"uevent", "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n"}});
  const auto told = item(path);
  EXPECT_EQ(told.hardware_category, "Storage");
  EXPECT_EQ(told.hardware_sub_category, "RemovableDisk");
  EXPECT_EQ(told.hardware_name, "ACME Stick");
  EXPECT_EQ(detail(told, "SizeBytes"), "30720000");
  EXPECT_EQ(detail(told, "UsbPort"), "1-1");
  EXPECT_EQ(detail(told, "SerialNumber"), "60A44C");
  EXPECT_EQ(detail(told, "DeviceNode"), "/dev/sda");
  // Without a medium there is no disk; partitions are parts of it.
  write("/sys" + path + "/size", "0\n");
  EXPECT_FALSE(Reader(root()).read(path));
  make(path + "/sda1", "block", "class/block", {{"size", "5\n"}, {"partition", "1\n"}});
  EXPECT_FALSE(Reader(root()).read(path + "/sda1"));
}

TEST_F(Devices, PortsWithoutHardwareAreNotTold) {
  make("/devices/virtual/tty/tty1", "tty", "class/tty", {{"uevent", "DEVNAME=tty1\n"}});
  make("/devices/platform/serial8250/tty/ttyS1", "tty", "class/tty",
       {{"type", "0\n"}, {"device/x", ""}});
  make("/devices/platform/serial8250/tty/ttyS0", "tty", "class/tty",
       {{"type", "4\n"}, {"device/x", ""}, {"uevent", "DEVNAME=ttyS0\n"}});
  EXPECT_FALSE(Reader(root()).read("/devices/virtual/tty/tty1"));
  EXPECT_FALSE(Reader(root()).read("/devices/platform/serial8250/tty/ttyS1"));
  EXPECT_EQ(item("/devices/platform/serial8250/tty/ttyS0").hardware_sub_category, "Uart");
}

TEST_F(Devices, NetworkInterfacesTellTheirKind) {
  make("/devices/virtual/net/lo", "net", "class/net", {{"type", "772\n"}});
  make("/devices/virtual/net/br0", "net", "class/net",
       {{"type", "1\n"}, {"address", "02:00:5e:00:53:02\n"}, {"uevent", "DEVTYPE=bridge\n"}});
  make("/devices/virtual/net/tun3", "net", "class/net",
       {{"type", "65534\n"}, {"tun_flags", "0x1001\n"}});
  make("/devices/pci0/net/can0", "net", "class/net", {{"type", "280\n"}});
  EXPECT_FALSE(Reader(root()).read("/devices/virtual/net/lo"));
  EXPECT_EQ(item("/devices/virtual/net/br0").hardware_sub_category, "bridge");
  EXPECT_EQ(detail(item("/devices/virtual/net/br0"), "MacAddress"), "02:00:5e:00:53:02");
  EXPECT_EQ(detail(item("/devices/virtual/net/br0"), "Virtual"), "true");
  EXPECT_EQ(item("/devices/virtual/net/tun3").hardware_sub_category, "tun");
  EXPECT_EQ(item("/devices/pci0/net/can0").hardware_sub_category, "can");
}

TEST_F(Devices, TextOfDevicesIsMadeHarmless) {
  make_stick();
  write(std::string("/sys") + kStick + "/product", std::string(5000, 'x') + "\n");
  write(std::string("/sys") + kStick + "/manufacturer", "\xff\xfe evil\n");
  EXPECT_LE(item(kStick).hardware_name.size(), 600U);
  EXPECT_EQ(detail(item(kStick), "Vendor"), "\xEF\xBF\xBD\xEF\xBF\xBD evil");
}

TEST_F(Devices, AllAreListedByPath) {
  make_stick();
  make("/devices/virtual/net/br0", "net", "class/net", {{"type", "1\n"}});
  const auto all = Reader(root()).all();
  ASSERT_TRUE(all);
  std::vector<std::string> paths;
  for (const auto& device : *all) {
    paths.push_back(device.devpath);
  }
  EXPECT_THAT(paths, ::testing::ElementsAre(kStick, "/devices/virtual/net/br0"));
  EXPECT_FALSE(Reader("/nonexistent").all());
}

TEST(FindIds, FindsVendorAndProduct) {
  const std::string_view text =
      "# comment\n0001  First\n\t1111  Wrong\n0951  ACME\n\t1665  Other\n\t\t00  an interface\n"
      "\t1666  Stick\n0952  Next\n\t1667  Not Acme's\n\nC 09  Hub\n";
  EXPECT_EQ(find_ids(text, 0x0951, 0x1666).vendor, "ACME");
  EXPECT_EQ(find_ids(text, 0x0951, 0x1666).product, "Stick");
  EXPECT_EQ(find_ids(text, 0x0951, 0x1667).vendor, "ACME");
  EXPECT_EQ(find_ids(text, 0x0951, 0x1667).product, "");
  EXPECT_EQ(find_ids(text, 0x9999, 0x1666).vendor, "");
  EXPECT_EQ(find_ids("", 0, 0).vendor, "");
  EXPECT_EQ(find_ids("0951", 0x0951, 0).vendor, "");
}

TEST(InputKind, IsToldByCapabilities) {
  // As two kernels with words of 64 and of 32 bits write the same keyboard.
  EXPECT_EQ(input_kind({"120013",
                        "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe", "", ""},
                       64),
            "Keyboard");
  EXPECT_EQ(input_kind({"120013", "ffffffff fffffffe", "", ""}, 32), "Keyboard");
  EXPECT_EQ(input_kind({"17", "1f0000 0 0 0 0", "903", ""}, 64), "Mouse");
  EXPECT_EQ(input_kind({"b", "400 0 0 0 0 0", "", "3"}, 64), "Touch");
  EXPECT_EQ(input_kind({"21", "", "", ""}, 64), "Switch");
  EXPECT_EQ(input_kind({"3", "10000000000000 0", "", ""}, 64), "Other");
  EXPECT_EQ(input_kind({"", "zz", "", ""}, 64), "Other");
}

}  // namespace
}  // namespace agent::hardware
