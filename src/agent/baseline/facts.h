#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/baseline/account_files.h"
#include "agent/baseline/distro.h"
#include "agent/baseline/host.h"
#include "agent/baseline/installed.h"
#include "agent/baseline/mounts.h"
#include "agent/baseline/pam.h"
#include "agent/baseline/sshd_config.h"
#include "agent/baseline/sudoers.h"
#include "agent/baseline/sysctl_files.h"

namespace agent::baseline {

struct RunningProcess {
  int pid = 0;
  std::string name;  // as the kernel names it, at most 15 characters
  std::vector<std::string> arguments;
};

// "tcp/22", "udp/69" with where it listens.
struct Listener {
  std::string port;
  std::string address;  // "0.0.0.0", "::1"
  bool loopback = false;
};

// What one walk over the local file systems found.
struct Walked {
  struct Found {
    std::vector<std::string> paths;  // the first kMaxPaths
    std::size_t count = 0;
  };
  static constexpr std::size_t kMaxPaths = 2000;
  Found setuid, world_writable, not_sticky, unowned;
  std::size_t entries = 0;
  std::string incomplete;  // what could not be looked at; empty: all was
};

// What several checks need of a system: read at the first question, kept until the run ends.
// Threads: one. The host must outlive it.
class Facts {
 public:
  explicit Facts(const Host& host) : host_(host) {}
  const Host& host() const { return host_; }

  template <class T>
  using Answer = const base::Result<T>&;

  Answer<Distro> distro();
  Answer<std::vector<Account>> accounts();
  Answer<std::vector<ShadowEntry>> shadow();
  Answer<std::vector<Group>> groups();
  Answer<std::vector<Mount>> mounts();
  Answer<std::vector<Mount>> fstab();
  Answer<std::string> login_defs();
  Answer<Installed> installed();
  // NotFound: there is no SSH server here.
  Answer<SshdConfig> sshd();
  // NotFound: no sudo.
  Answer<Sudoers> sudoers();
  Answer<std::vector<RunningProcess>> processes();
  Answer<std::vector<Listener>> listeners();
  Answer<std::map<std::string, SysctlSetting>> sysctl_files();
  // The stack of a service; of PAM's files that are there.
  base::Result<std::vector<PamEntry>> pam(const std::string& service);
  Answer<Walked> walked();

  // Accounts that people use: a shell that lets them in, and root or an id of 1000 and above.
  base::Result<std::vector<Account>> people();

 private:
  template <class T, class Read>
  const base::Result<T>& once(std::optional<base::Result<T>>& slot, Read&& read) {
    if (!slot) slot.emplace(read());
    return *slot;
  }

  const Host& host_;
  std::optional<base::Result<Distro>> distro_;
  std::optional<base::Result<std::vector<Account>>> accounts_;
  std::optional<base::Result<std::vector<ShadowEntry>>> shadow_;
  std::optional<base::Result<std::vector<Group>>> groups_;
  std::optional<base::Result<std::vector<Mount>>> mounts_;
  std::optional<base::Result<std::vector<Mount>>> fstab_;
  std::optional<base::Result<std::string>> login_defs_;
  std::optional<base::Result<Installed>> installed_;
  std::optional<base::Result<SshdConfig>> sshd_;
  std::optional<base::Result<Sudoers>> sudoers_;
  std::optional<base::Result<std::vector<RunningProcess>>> processes_;
  std::optional<base::Result<std::vector<Listener>>> listeners_;
  std::optional<base::Result<std::map<std::string, SysctlSetting>>> sysctl_files_;
  std::optional<base::Result<Walked>> walked_;
};

// Listening sockets in the text of /proc/net/{tcp,tcp6,udp,udp6}; `protocol` "tcp" or "udp". A UDP
// socket listens while it has no peer. Threads: pure. Source: proc_net_tcp of the kernel.
std::vector<Listener> read_listeners(std::string_view text, std::string_view protocol);

}  // namespace agent::baseline
