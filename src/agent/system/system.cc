#include "agent/system/system.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <utility>

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/system/boot_device.h"
#include "agent/system/interfaces.h"
#include "agent/system/texts.h"
#include "agent/system/virtual.h"
#include "base/text.h"
#include "base/time.h"
#include "os/file.h"
#include "os/process.h"

namespace agent::system {

using base::Result;

namespace {

constexpr std::size_t kMaxText = 1U << 20U;
constexpr std::size_t kMaxDetail = 1024;

using Details = schema::ExtraDetails;

class SystemInformation final : public Snapshot {
 public:
  explicit SystemInformation(std::string root) : root_(std::move(root)) {}

  schema::EventName event() const override { return schema::EventName::SystemInformation; }
  Result<schema::Payload> take() override;
  SourceReport source() const override {
    return {schema::EventName::SystemInformation, tier_, reason_, false, 0};
  }

 private:
  std::string text(const std::string& path) const {
    auto content = os::read_file(root_ + path, kMaxText);
    if (!content) return {};
    // Properties of the device tree end with NUL.
    while (content->ends_with('\0'))
      content->pop_back();
    return base::to_utf8(base::trim(*content));
  }
  // Adds a detail, when there is something to say.
  static void add(Details& details, const char* name, std::string_view value) {
    if (!value.empty()) details.emplace_back(name, value.substr(0, kMaxDetail));
  }

  void add_distribution(schema::SystemInformation& item) const;
  void add_kernel(schema::SystemInformation& item) const;
  void add_firmware(schema::SystemInformation& item) const;
  void add_memory(schema::SystemInformation& item) const;
  void add_processor(Details& details) const;
  void add_machine(Details& details) const;
  void add_boot(Details& details) const;
  void add_timezone(Details& details) const;
  Result<void> add_interfaces(Details& details) const;

  std::string root_;
  std::string tier_ = "none";
  std::string reason_;
};

void SystemInformation::add_distribution(schema::SystemInformation& item) const {
  std::string content = text("/etc/os-release");
  if (content.empty()) content = text("/usr/lib/os-release");
  const Assignments values = read_assignments(content);
  const auto value = [&values](std::string_view name) {
    return std::string(value_of(values, name).substr(0, kMaxDetail));
  };
  const std::string name = value("NAME");
  item.os_name = name.empty() ? "Linux" : name;
  std::string version = value("VERSION");
  if (version.empty()) version = value("VERSION_ID");
  if (!version.empty()) item.os_version = version;
  std::string vendor = value("VENDOR_NAME");
  if (vendor.empty()) vendor = value("ID");
  if (!vendor.empty()) item.os_vendor = vendor;
  add(item.extra_details, "DistributionId", value("ID"));
  add(item.extra_details, "DistributionLike", value("ID_LIKE"));
  add(item.extra_details, "DistributionVersionId", value("VERSION_ID"));
  add(item.extra_details, "DistributionBuild", value("BUILD_ID"));
  add(item.extra_details, "DistributionImage", value("IMAGE_ID"));
  add(item.extra_details, "DistributionImageVersion", value("IMAGE_VERSION"));
  add(item.extra_details, "DistributionSupportEnd", value("SUPPORT_END"));
}

void SystemInformation::add_kernel(schema::SystemInformation& item) const {
  utsname name{};
  if (::uname(&name) != 0) return;
  item.os_architecture = name.machine;
  item.host_name = base::to_utf8(name.nodename);
  add(item.extra_details, "KernelName", name.sysname);
  add(item.extra_details, "KernelRelease", name.release);
  add(item.extra_details, "KernelVersion", name.version);
  add(item.extra_details, "KernelTaint", text("/proc/sys/kernel/tainted"));
  add(item.extra_details, "SecurityModules", text("/sys/kernel/security/lsm"));
}

void SystemInformation::add_firmware(schema::SystemInformation& item) const {
  static constexpr std::array<std::pair<const char*, const char*>, 11> kDmi = {
      {{"BiosVendor", "bios_vendor"},
       {"BiosDate", "bios_date"},
       {"BiosRelease", "bios_release"},
       {"Manufacturer", "sys_vendor"},
       {"Product", "product_name"},
       {"ProductVersion", "product_version"},
       {"SerialNumber", "product_serial"},
       {"BoardVendor", "board_vendor"},
       {"Board", "board_name"},
       {"BoardVersion", "board_version"},
       {"ChassisType", "chassis_type"}}};
  Details& details = item.extra_details;
  std::string version = text("/sys/class/dmi/id/bios_version");
  for (const auto& [detail, file] : kDmi) {
    add(details, detail, text(std::string("/sys/class/dmi/id/") + file));
  }
  const std::string tree = "/proc/device-tree/";
  const std::string model = text(tree + "model");
  if (!model.empty()) {
    add(details, "DeviceTreeModel", model);
    std::string compatible = text(tree + "compatible");
    std::ranges::replace(compatible, '\0', ' ');
    add(details, "DeviceTreeCompatible", compatible);
    add(details, "DeviceTreeSerialNumber", text(tree + "serial-number"));
    if (version.empty()) version = text(tree + "chosen/u-boot,version");
  }
  if (!version.empty()) item.bios_version = version.substr(0, kMaxDetail);
  const bool efi = os::file_exists(root_ + "/sys/firmware/efi");
  if (efi || !version.empty())
    add(details, "FirmwareType", efi ? "uefi" : model.empty() ? "bios" : "devicetree");
  // Four bytes of attributes, then the value. Source: UEFI specification, section 3.3.
  const auto secure = os::read_file(
      root_ + "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 64);
  if (secure && secure->size() == 5)
    add(details, "SecureBoot", secure->back() == 1 ? "true" : "false");
}

void SystemInformation::add_memory(schema::SystemInformation& item) const {
  auto memory = read_memory(text("/proc/meminfo"));
  if (!memory) {
    struct sysinfo info{};
    if (::sysinfo(&info) != 0) return;
    memory = memory_of(info.totalram, info.freeram, info.totalswap, info.freeswap, info.mem_unit);
  }
  item.total_physical_memory_in_kb = memory->total;
  item.free_physical_memory_in_kb = memory->free;
  item.total_virtual_memory_in_kb = memory->total + memory->swap_total;
  item.free_virtual_memory_in_kb = memory->free + memory->swap_free;
  if (memory->available > 0)
    add(item.extra_details, "AvailableMemoryInKB", std::to_string(memory->available));
}

void SystemInformation::add_processor(Details& details) const {
  const std::string info = text("/proc/cpuinfo");
  std::string_view model = cpu_field(info, "model name");
  for (const std::string_view key : {"Model", "Hardware", "cpu model", "cpu", "uarch"}) {
    if (model.empty()) model = cpu_field(info, key);
  }
  add(details, "Processor", model);
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  if (count > 0) add(details, "Processors", std::to_string(count));
  add(details, "Microcode", cpu_field(info, "microcode"));
}

void SystemInformation::add_machine(Details& details) const {
  utsname name{};
  MachineSigns machine;
  machine.cpu_signature = cpu_hypervisor_signature();
  const std::string info = text("/proc/cpuinfo");
  const std::string flags = " " + std::string(cpu_field(info, "flags")) + " ";
  machine.cpu_hypervisor = flags.find(" hypervisor ") != std::string::npos;
  machine.dmi_vendor = text("/sys/class/dmi/id/sys_vendor");
  machine.dmi_product = text("/sys/class/dmi/id/product_name");
  machine.hypervisor_type = text("/sys/hypervisor/type");
  machine.device_tree = text("/proc/device-tree/hypervisor/compatible");
  if (::uname(&name) == 0) machine.kernel_release = name.release;
  add(details, "Virtualization", virtualization(machine));

  ContainerSigns within;
  within.manager_file = text("/run/systemd/container");
  within.environment = os::read_file(root_ + "/proc/1/environ", kMaxText).value_or("");
  within.docker_file = os::file_exists(root_ + "/.dockerenv");
  within.podman_file = os::file_exists(root_ + "/run/.containerenv");
  within.cgroup_of_first = text("/proc/1/cgroup");
  add(details, "Container", base::to_utf8(container(within)));
}

void SystemInformation::add_boot(Details& details) const {
  if (const auto id = os::ProcFs(root_ + "/proc").boot_id()) add(details, "BootId", *id);
  // "btime 1760000000": the second of the start, by the present clock.
  const std::string stat = text("/proc/stat");
  for (const std::string_view line : base::split(stat, '\n')) {
    if (!line.starts_with("btime ")) continue;
    if (const auto seconds = base::parse_int(line.substr(6))) {
      const base::WallTime at{std::chrono::seconds(*seconds)};
      add(details, "BootTimeUtc", base::format_rfc3339(at, 0));
    }
  }
}

void SystemInformation::add_timezone(Details& details) const {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(root_ + "/etc/localtime", error);
  std::string zone(zone_of_link(error ? "" : target.string()));
  if (zone.empty()) zone = text("/etc/timezone");
  add(details, "TimeZone", zone);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  // Reads /etc/localtime anew, should it have changed since the start.
  ::tzset();
  if (::localtime_r(&now, &local) != nullptr)
    add(details, "UtcOffsetMinutes", std::to_string(local.tm_gmtoff / 60));
}

Result<void> SystemInformation::add_interfaces(Details& details) const {
  const auto found = TRY(interfaces(root_ + "/sys"));
  details.emplace_back("NetworkInterfaces", interfaces_json(found));
  return {};
}

Result<schema::Payload> SystemInformation::take() {
  tier_ = "none";
  if (!os::file_exists(root_ + "/proc/self/mountinfo"))
    return base::fail(base::Code::NotFound, "/proc", -1, "not mounted");
  schema::SystemInformation item;
  add_distribution(item);
  add_kernel(item);
  add_firmware(item);
  add_memory(item);
  if (std::string device = boot_device(root_); !device.empty())
    item.boot_device = base::to_utf8(device);
  Details& details = item.extra_details;
  add_processor(details);
  add_machine(details);
  add_boot(details);
  add_timezone(details);
  reason_.clear();
  if (const auto added = add_interfaces(details); !added) {
    reason_ = added.error().to_string();
    details.emplace_back("Incomplete", "NetworkInterfaces");
  }
  tier_ = "proc";
  return schema::payload_of(std::move(item));
}

}  // namespace

std::unique_ptr<Snapshot> make(std::string root) {
  return std::make_unique<SystemInformation>(std::move(root));
}

}  // namespace agent::system
