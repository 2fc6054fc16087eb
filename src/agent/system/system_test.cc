#include "agent/system/system.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "agent/system/boot_device.h"
#include "agent/system/interfaces.h"
#include "base/json.h"
#include "os/scratch_testing.h"
#include "schema/events.h"

namespace agent::system {
namespace {

using std::string_view_literals::operator""sv;

class FakeRoot {
 public:
  const std::string& path() const { return dir_.path(); }
  FakeRoot& file(const std::string& name, std::string_view content) {
    const std::filesystem::path full = dir_.path() + name;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << content;
    return *this;
  }
  FakeRoot& link(const std::string& name, const std::string& target) {
    const std::filesystem::path full = dir_.path() + name;
    std::filesystem::create_directories(full.parent_path());
    std::filesystem::create_symlink(target, full);
    return *this;
  }

 private:
  os::ScratchDir dir_;
};

std::string detail(const schema::SystemInformation& item, std::string_view name) {
  for (const auto& [key, value] : item.extra_details) {
    if (key == name) return value;
  }
  return "(absent)";
}

schema::SystemInformation take(const std::string& root) {
  const auto snapshot = make(root);
  auto payload = snapshot->take();
  if (!payload) {
    ADD_FAILURE() << payload.error().to_string();
    return {};
  }
  EXPECT_EQ(snapshot->source().tier, "proc");
  return std::get<std::vector<schema::SystemInformation>>(*payload).at(0);
}

TEST(SystemInformation, TellsWhatAnArmBoardSays) {
  FakeRoot root;
  root.file("/proc/self/mountinfo", "23 1 179:2 / / rw - ext4 /dev/root rw\n")
      .file("/sys/dev/block/179:2/uevent", "MAJOR=179\nDEVNAME=mmcblk0p2\n")
      .file("/etc/os-release",
            "NAME=\"Poky\"\nID=poky\nVERSION=\"4.0 (Kirkstone)\"\nVENDOR_NAME=ACME\n")
      .file("/proc/meminfo",
            "MemTotal: 1000 kB\nMemFree: 400 kB\nSwapTotal: 50 kB\nSwapFree: 25 kB\n")
      .file("/proc/device-tree/model", "ACME Board 3\0"sv)
      .file("/proc/device-tree/compatible", "acme,board3\0acme,soc\0"sv)
      .file("/proc/device-tree/chosen/u-boot,version", "2023.04\0"sv)
      .file("/proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n")
      .file("/proc/stat", "cpu 1 2 3\nbtime 1700000000\n")
      .link("/etc/localtime", "/usr/share/zoneinfo/Asia/Tokyo");
  const auto item = take(root.path());
  EXPECT_EQ(item.os_name, "Poky");
  EXPECT_EQ(item.os_version, "4.0 (Kirkstone)");
  EXPECT_EQ(item.os_vendor, "ACME");
  EXPECT_EQ(item.boot_device, "/dev/mmcblk0p2");
  EXPECT_EQ(item.bios_version, "2023.04");
  EXPECT_EQ(item.total_physical_memory_in_kb, 1000);
  EXPECT_EQ(item.free_physical_memory_in_kb, 400);
  EXPECT_EQ(item.total_virtual_memory_in_kb, 1050);
  EXPECT_EQ(item.free_virtual_memory_in_kb, 425);
  EXPECT_EQ(detail(item, "DeviceTreeModel"), "ACME Board 3");
  EXPECT_EQ(detail(item, "DeviceTreeCompatible"), "acme,board3 acme,soc");
  EXPECT_EQ(detail(item, "FirmwareType"), "devicetree");
  EXPECT_EQ(detail(item, "BootId"), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(detail(item, "BootTimeUtc"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(detail(item, "TimeZone"), "Asia/Tokyo");
}

TEST(SystemInformation, TellsDmiAndSecureBoot) {
  FakeRoot root;
  root.file("/proc/self/mountinfo", "23 1 0:30 / / rw - btrfs /dev/sda2 rw\n")
      .file("/sys/class/dmi/id/bios_version", "F.21\n")
      .file("/sys/class/dmi/id/sys_vendor", "ACME Corp.\n")
      .file("/sys/class/dmi/id/product_serial", "S/N 5\n")
      .file("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "\6\0\0\0\1"sv);
  const auto item = take(root.path());
  EXPECT_EQ(item.bios_version, "F.21");
  EXPECT_EQ(item.boot_device, "/dev/sda2");
  EXPECT_EQ(detail(item, "Manufacturer"), "ACME Corp.");
  EXPECT_EQ(detail(item, "SerialNumber"), "S/N 5");
  EXPECT_EQ(detail(item, "FirmwareType"), "uefi");
  EXPECT_EQ(detail(item, "SecureBoot"), "true");
  // Without /proc/meminfo the kernel is asked.
  struct sysinfo info{};
  ASSERT_EQ(::sysinfo(&info), 0);
  EXPECT_EQ(item.total_physical_memory_in_kb, std::int64_t(info.totalram * info.mem_unit / 1024));
}

TEST(SystemInformation, IsAnErrorWithoutProc) {
  const os::ScratchDir empty;
  const auto snapshot = make(empty.path());
  EXPECT_FALSE(snapshot->take());
  EXPECT_EQ(snapshot->source().tier, "none");
}

TEST(SystemInformation, OfThisMachineIsAValidEvent) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  const auto item = take("");
  EXPECT_EQ(item.os_architecture, name.machine);
  EXPECT_EQ(item.host_name, name.nodename);
  EXPECT_EQ(detail(item, "KernelRelease"), name.release);
  EXPECT_GT(item.total_physical_memory_in_kb, 0);
  const auto parsed = base::json::parse(detail(item, "NetworkInterfaces"));
  ASSERT_TRUE(parsed);
  bool loopback = false;
  for (const auto& entry : *parsed->if_array()) {
    loopback |= entry.text_or("name", "") == "lo";
  }
  EXPECT_TRUE(loopback);
}

TEST(BootDevice, PrefersWhereTheKernelLies) {
  FakeRoot root;
  root.file("/proc/self/mountinfo",
            "23 1 8:2 / / rw - ext4 /dev/sda2 rw\n24 23 8:1 / /boot rw - ext4 /dev/sda1 rw\n")
      .file("/sys/dev/block/8:1/uevent", "DEVNAME=sda1\n")
      .file("/sys/dev/block/8:2/uevent", "DEVNAME=sda2\n");
  EXPECT_EQ(boot_device(root.path()), "/dev/sda1");
}

TEST(BootDevice, AsksTheCommandLineWhenRootIsInMemory) {
  FakeRoot root;
  root.file("/proc/self/mountinfo", "23 1 0:2 / / rw - rootfs rootfs rw\n")
      .file("/proc/cmdline", "quiet root=PARTUUID=AB-02\n");
  EXPECT_EQ(boot_device(root.path()), "PARTUUID=AB-02");
  root.link("/dev/disk/by-partuuid/ab-02", "../../mmcblk1p2");
  EXPECT_EQ(boot_device(root.path()), "/dev/mmcblk1p2");
  EXPECT_EQ(boot_device("/nonexistent"), "");
}

TEST(Interfaces, ReadSysfsAndTheKernel) {
  FakeRoot root;
  root.file("/class/net/can0/address", "00:00:00:00:00:00\n")
      .file("/class/net/wlan7/address", "02:00:5e:00:53:01\n")
      .file("/class/net/wlan7/operstate", "up\n")
      .file("/class/net/wlan7/mtu", "1500\n")
      .file("/class/net/wlan7/speed", "-1\n")
      .file("/class/net/wlan7/uevent", "DEVTYPE=wlan\nINTERFACE=wlan7\n")
      .link("/class/net/wlan7/device", "../../../devices/usb1/1-1")
      .file("/class/net/bonding_masters", "");
  std::filesystem::create_directories(root.path() + "/devices/usb1/1-1");
  std::filesystem::create_directories(root.path() + "/drivers/acme_wifi");
  const auto found = interfaces(root.path());
  ASSERT_TRUE(found);
  const auto named = [&](std::string_view name) -> const Interface* {
    for (const auto& interface : *found) {
      if (interface.name == name) return &interface;
    }
    return nullptr;
  };
  ASSERT_NE(named("wlan7"), nullptr);
  EXPECT_EQ(named("wlan7")->mac, "02:00:5e:00:53:01");
  EXPECT_EQ(named("wlan7")->kind, "wlan");
  EXPECT_EQ(named("wlan7")->mtu, 1500);
  EXPECT_EQ(named("wlan7")->speed_mbit, 0);
  EXPECT_TRUE(named("wlan7")->physical);
  ASSERT_NE(named("can0"), nullptr);
  EXPECT_EQ(named("can0")->mac, "");
  EXPECT_EQ(named("bonding_masters"), nullptr);
  ASSERT_NE(named("lo"), nullptr);
  EXPECT_THAT(named("lo")->addresses, ::testing::Contains("127.0.0.1/8"));
}

}  // namespace
}  // namespace agent::system
