#pragma once

#include <string>
#include <string_view>

// Is this a machine of its own?
namespace agent::system {

// What a machine says of itself that may give away what it runs on; empty where it says nothing.
struct MachineSigns {
  std::string cpu_signature;    // 12 characters of the processor's hypervisor leaf
  bool cpu_hypervisor = false;  // the processor says that there is one
  std::string dmi_vendor;       // sys_vendor
  std::string dmi_product;      // product_name
  std::string hypervisor_type;  // /sys/hypervisor/type
  std::string device_tree;      // compatible of its hypervisor node
  std::string kernel_release;   // of uname
};

// "kvm", "qemu", "vmware", "hyperv", "xen", "virtualbox", "wsl", ...; "unknown" when there is one
// that tells no name; "none". Threads: pure.
std::string_view virtualization(const MachineSigns& signs);

// What a container leaves for those within to find.
struct ContainerSigns {
  std::string manager_file;     // content of /run/systemd/container
  std::string environment;      // of process 1
  bool docker_file = false;     // /.dockerenv
  bool podman_file = false;     // /run/.containerenv
  std::string cgroup_of_first;  // /proc/1/cgroup
};

// "docker", "podman", "lxc", "systemd-nspawn", ...; "none". Threads: pure.
std::string container(const ContainerSigns& signs);

// The signature of the processor's hypervisor leaf (x86; empty elsewhere or when there is none).
std::string cpu_hypervisor_signature();

}  // namespace agent::system
