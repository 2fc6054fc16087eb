#include "agent/split/rights.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/split/confinement.h"
#include "base/log.h"
#include "os/file.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

namespace agent::split {

using base::fail;
using base::Result;

namespace {

Result<void> give_folder(const std::string& folder, const os::Account& account) {
  TRY(os::make_dirs(folder));
  if (::lchown(folder.c_str(), account.uid, account.gid) != 0)
    return base::fail_errno("chown", folder);
  std::error_code error;
  // Links are not followed: whoever could make one here owns the folder anyway.
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    if (::lchown(entry->path().c_str(), account.uid, account.gid) != 0)
      return base::fail_errno("chown", entry->path().string());
  }
  if (error) return fail(base::Code::Io, "list", error.value(), folder);
  return {};
}

// Kernels before 5.11 count the memory of BPF against this limit.
void allow_locked_memory() {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &all);
}

}  // namespace

os::Capabilities collector_capabilities(bool fanotify) {
  os::Capabilities set = 0;
  for (const int number : {CAP_AUDIT_CONTROL,     // rules of our own
                           CAP_AUDIT_READ,        // the records
                           CAP_BPF, CAP_PERFMON,  // programs on tracepoints
                           // Firewall tables, the process connector, large socket buffers.
                           CAP_NET_ADMIN,
                           CAP_NET_RAW,          // the device's own DNS answers
                           CAP_SYS_PTRACE,       // what others run, and their sockets
                           CAP_DAC_READ_SEARCH,  // logs, accounts, package databases
                           // To be quick enough for the process connector.
                           CAP_SYS_NICE})
    set |= os::capability(static_cast<unsigned>(number));
  if (fanotify) set |= os::capability(CAP_SYS_ADMIN);
  return set;
}

Result<RightsKept> keep_collector_rights(const RightsWanted& wanted) {
  RightsKept kept;
  os::Rights rights;
  rights.keep = collector_capabilities(wanted.fanotify);
  const os::Capabilities before = os::permitted_capabilities();
  const bool may_change = (before & os::capability(CAP_SETUID)) != 0 &&
                          (before & os::capability(CAP_SETGID)) != 0 &&
                          (before & os::capability(CAP_CHOWN)) != 0;
  if (!wanted.user.empty() && may_change && ::geteuid() == 0) {
    const auto account = os::find_account(wanted.user);
    if (account) {
      TRY(give_folder(wanted.state_dir, *account));
      rights.account = *account;
      kept.user = account->name;
    }
  }
  allow_locked_memory();
  TRY(os::keep_only(rights));
  os::hide_memory();
  kept.capabilities = os::permitted_capabilities();
  const auto filtered = confine_collector();
  kept.filtered = filtered.has_value();
  if (!filtered) {
    LOG_WARNING("rights.calls_not_filtered").field("error", filtered.error().to_string());
  }
  LOG_INFO("rights.kept")
      .field("uid", static_cast<unsigned>(::getuid()))
      .field("capabilities", os::capability_names(kept.capabilities))
      .field("calls_filtered", kept.filtered ? "true" : "false");
  return kept;
}

os::Rights network_rights(const std::string& user) {
  os::Rights rights;
  for (const std::string& name : {user, std::string("nobody")}) {
    if (name.empty()) continue;
    if (const auto account = os::find_account(name); account && account->uid != 0) {
      rights.account = *account;
      return rights;
    }
  }
  return rights;
}

}  // namespace agent::split
