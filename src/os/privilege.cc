#include "os/privilege.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace os {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

// capabilities(7), by number.
constexpr std::array<std::string_view, 41> kNames = {"chown",
                                                     "dac_override",
                                                     "dac_read_search",
                                                     "fowner",
                                                     "fsetid",
                                                     "kill",
                                                     "setgid",
                                                     "setuid",
                                                     "setpcap",
                                                     "linux_immutable",
                                                     "net_bind_service",
                                                     "net_broadcast",
                                                     "net_admin",
                                                     "net_raw",
                                                     "ipc_lock",
                                                     "ipc_owner",
                                                     "sys_module",
                                                     "sys_rawio",
                                                     "sys_chroot",
                                                     "sys_ptrace",
                                                     "sys_pacct",
                                                     "sys_admin",
                                                     "sys_boot",
                                                     "sys_nice",
                                                     "sys_resource",
                                                     "sys_time",
                                                     "sys_tty_config",
                                                     "mknod",
                                                     "lease",
                                                     "audit_write",
                                                     "audit_control",
                                                     "setfcap",
                                                     "mac_override",
                                                     "mac_admin",
                                                     "syslog",
                                                     "wake_alarm",
                                                     "block_suspend",
                                                     "audit_read",
                                                     "perfmon",
                                                     "bpf",
                                                     "checkpoint_restore"};
constexpr unsigned kMost = 64;

// The kernel's own interface (capget(2)): the C library has none, and libcap would be a library for
// two calls.
struct Sets {
  Capabilities effective = 0;
  Capabilities permitted = 0;
};

Result<Sets> read_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("capget");
  return Sets{(Capabilities{data[1].effective} << 32U) | data[0].effective,
              (Capabilities{data[1].permitted} << 32U) | data[0].permitted};
}

Result<void> write_sets(Capabilities set) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0].effective = data[0].permitted = static_cast<std::uint32_t>(set);
  data[1].effective = data[1].permitted = static_cast<std::uint32_t>(set >> 32U);
  if (::syscall(SYS_capset, &header, data.data()) != 0) return fail_errno("capset");
  return {};
}

// What no program started from here on can have. Needs CAP_SETPCAP; without it no_new_privs does.
void lower_bound(Capabilities keep) {
  for (unsigned number = 0; number < kMost; ++number) {
    if ((keep & capability(number)) == 0) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
}

Result<void> become(const Account& account) {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return fail_errno("keep capabilities");
  if (::setgroups(0, nullptr) != 0) return fail_errno("setgroups", account.name);
  if (::setresgid(account.gid, account.gid, account.gid) != 0)
    return fail_errno("setresgid", account.name);
  if (::setresuid(account.uid, account.uid, account.uid) != 0)
    return fail_errno("setresuid", account.name);
  return {};
}

bool may_become_another(Capabilities has) {
  return (has & capability(CAP_SETUID)) != 0 && (has & capability(CAP_SETGID)) != 0;
}

}  // namespace

Result<Account> find_account(const std::string& name) {
  std::vector<char> text(16U << 10U);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (error != 0) return fail(Code::Io, "user", error, name);
  if (found == nullptr) return fail(Code::NotFound, "user", -1, name);
  return Account{name, entry.pw_uid, entry.pw_gid};
}

std::string capability_names(Capabilities set) {
  std::string names;
  for (unsigned number = 0; number < kMost; ++number) {
    if ((set & capability(number)) == 0) continue;
    if (!names.empty()) names += ' ';
    names += number < kNames.size() ? std::string(kNames[number]) : fmt::format("{}", number);
  }
  return names;
}

Capabilities permitted_capabilities() {
  const auto sets = read_sets();
  return sets ? sets->permitted : 0;
}

Result<void> keep_only(const Rights& rights) {
  const Capabilities has = TRY(read_sets()).permitted;
  lower_bound(rights.keep);
  if (rights.account && may_become_another(has)) TRY(become(*rights.account));
  TRY(write_sets(has & rights.keep));
  // Not on kernels before 4.3, which have no such set.
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no_new_privs");
  return {};
}

void hide_memory() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace os
