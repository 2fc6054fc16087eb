#include "agent/system/virtual.h"

#include <gtest/gtest.h>

namespace agent::system {
namespace {

using std::string_literals::operator""s;

TEST(Virtualization, IsToldByWhatTheMachineSays) {
  const auto of = [](auto change) {
    MachineSigns signs;
    change(signs);
    return std::string(virtualization(signs));
  };
  EXPECT_EQ(of([](auto&) {}), "none");
  EXPECT_EQ(of([](auto& s) { s.cpu_hypervisor = true; }), "unknown");
  EXPECT_EQ(of([](auto& s) { s.cpu_signature = "KVMKVMKVM"; }), "kvm");
  EXPECT_EQ(of([](auto& s) { s.cpu_signature = "Microsoft Hv"; }), "hyperv");
  EXPECT_EQ(of([](auto& s) { s.cpu_signature = "KVMKVMKVM", s.dmi_vendor = "QEMU"; }), "kvm");
  EXPECT_EQ(of([](auto& s) { s.cpu_signature = "KVMKVMKVM", s.dmi_vendor = "Amazon EC2"; }),
            "amazon");
  EXPECT_EQ(of([](auto& s) { s.dmi_vendor = "Amazon EC2", s.dmi_product = "m5.metal"; }), "none");
  EXPECT_EQ(of([](auto& s) { s.dmi_vendor = "QEMU"; }), "qemu");
  EXPECT_EQ(of([](auto& s) { s.dmi_vendor = "Microsoft Corporation", s.dmi_product = "Surface"; }),
            "none");
  EXPECT_EQ(of([](auto& s) {
              s.dmi_vendor = "Microsoft Corporation", s.dmi_product = "Virtual Machine";
            }),
            "hyperv");
  EXPECT_EQ(of([](auto& s) { s.hypervisor_type = "xen"; }), "xen");
  EXPECT_EQ(of([](auto& s) { s.device_tree = "linux,kvm"; }), "kvm");
  EXPECT_EQ(of([](auto& s) { s.device_tree = "other"; }), "unknown");
  EXPECT_EQ(of([](auto& s) { s.kernel_release = "5.15.0-microsoft-standard-WSL2"; }), "wsl");
}

TEST(Container, IsToldByWhatItsManagerLeft) {
  const auto of = [](auto change) {
    ContainerSigns signs;
    change(signs);
    return container(signs);
  };
  EXPECT_EQ(of([](auto&) {}), "none");
  EXPECT_EQ(of([](auto& s) { s.manager_file = "lxc\n"; }), "lxc");
  EXPECT_EQ(of([](auto& s) { s.environment = "A=1\0container=podman\0"s; }), "podman");
  EXPECT_EQ(of([](auto& s) { s.environment = "nocontainer=x\0"s; }), "none");
  EXPECT_EQ(of([](auto& s) { s.docker_file = true; }), "docker");
  EXPECT_EQ(of([](auto& s) { s.cgroup_of_first = "0::/kubepods.slice/x\n"; }), "kubepods");
  EXPECT_EQ(of([](auto& s) { s.cgroup_of_first = "0::/init.scope\n"; }), "none");
}

}  // namespace
}  // namespace agent::system
