#include "agent/system/virtual.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace agent::system {

namespace {

using Names = std::pair<std::string_view, std::string_view>;

// Source: the vendors' documentation of leaf 0x40000000.
constexpr std::array kCpuSignatures = {
    Names{"KVMKVMKVM", "kvm"},           Names{"Linux KVM Hv", "kvm"},
    Names{"TCGTCGTCGTCG", "qemu"},       Names{"VMwareVMware", "vmware"},
    Names{"Microsoft Hv", "hyperv"},     Names{"XenVMMXenVMM", "xen"},
    Names{"VBoxVBoxVBox", "virtualbox"}, Names{"bhyve bhyve ", "bhyve"},
    Names{"ACRNACRNACRN", "acrn"},       Names{"prl hyperv", "parallels"},
    Names{"QNXQVMBSQG", "qnx"},          Names{"SRESRESRESRE", "sre"}};

// Beginnings of the names that virtual machines give as their maker or model.
constexpr std::array kDmiNames = {Names{"QEMU", "qemu"},
                                  Names{"KVM", "kvm"},
                                  Names{"VMware", "vmware"},
                                  Names{"VirtualBox", "virtualbox"},
                                  Names{"innotek", "virtualbox"},
                                  Names{"Xen", "xen"},
                                  Names{"Bochs", "bochs"},
                                  Names{"Parallels", "parallels"},
                                  Names{"BHYVE", "bhyve"},
                                  Names{"Amazon EC2", "amazon"},
                                  Names{"Google Compute", "google"},
                                  Names{"OpenStack", "openstack"},
                                  Names{"Apple Virtualization", "apple"}};

std::string_view of_dmi(const MachineSigns& signs) {
  for (const auto& [beginning, name] : kDmiNames) {
    if (signs.dmi_product.starts_with(beginning) || signs.dmi_vendor.starts_with(beginning)) {
      // Bare machines of that cloud bear its name, too.
      if (name == "amazon" && signs.dmi_product.ends_with(".metal")) continue;
      return name;
    }
  }
  if (signs.dmi_vendor == "Microsoft Corporation" && signs.dmi_product == "Virtual Machine")
    return "hyperv";
  return {};
}

std::string_view of_cpu(const MachineSigns& signs) {
  for (const auto& [signature, name] : kCpuSignatures) {
    if (!signs.cpu_signature.empty() && signs.cpu_signature.starts_with(signature)) return name;
  }
  return {};
}

// The value of a variable in a block of NAME=value, each with its NUL.
std::string_view variable(std::string_view block, std::string_view name) {
  for (const std::string_view entry : base::split(block, '\0')) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  }
  return {};
}

}  // namespace

std::string_view virtualization(const MachineSigns& signs) {
  const std::string release = base::to_lower(signs.kernel_release);
  if (release.find("microsoft") != std::string::npos) return "wsl";
  const std::string_view dmi = of_dmi(signs);
  const std::string_view cpu = of_cpu(signs);
  // A machine under KVM names itself QEMU; a more telling maker's name stands.
  if (!dmi.empty() && (cpu.empty() || (dmi != "qemu" && cpu == "kvm"))) return dmi;
  if (!cpu.empty()) return cpu;
  if (signs.hypervisor_type == "xen") return "xen";
  if (signs.device_tree.starts_with("linux,kvm")) return "kvm";
  if (signs.device_tree.starts_with("xen")) return "xen";
  if (signs.device_tree.starts_with("vmware")) return "vmware";
  return signs.cpu_hypervisor || !signs.device_tree.empty() ? "unknown" : "none";
}

std::string container(const ContainerSigns& signs) {
  const std::string_view manager = base::trim(signs.manager_file);
  if (!manager.empty()) return std::string(manager);
  const std::string_view told = variable(signs.environment, "container");
  if (!told.empty()) return std::string(told.substr(0, 64));
  if (signs.podman_file) return "podman";
  if (signs.docker_file) return "docker";
  for (const std::string_view name : {"docker", "libpod", "kubepods", "lxc"}) {
    if (signs.cgroup_of_first.find(name) != std::string::npos)
      return name == "libpod" ? "podman" : std::string(name);
  }
  return "none";
}

std::string cpu_hypervisor_signature() {
#if defined(__x86_64__) || defined(__i386__)
  constexpr unsigned kHypervisorBit = 1U << 31U;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kHypervisorBit) == 0) return {};
  __cpuid(0x40000000, a, b, c, d);
  std::array<char, 12> text{};
  std::memcpy(text.data(), &b, 4);
  std::memcpy(text.data() + 4, &c, 4);
  std::memcpy(text.data() + 8, &d, 4);
  std::string signature(text.data(), text.size());
  // Some leave the end of it zero.
  std::erase(signature, '\0');
  return signature;
#else
  return {};
#endif
}

}  // namespace agent::system
