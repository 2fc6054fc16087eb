#include "agent/watch/watch.h"

namespace agent {

std::vector<std::string> default_file_paths() {
  return {"/etc/passwd",
          "/etc/shadow",
          "/etc/group",
          "/etc/gshadow",
          "/etc/sudoers",
          "/etc/sudoers.d",
          "/etc/pam.d",
          "/etc/ssh",
          "/root/.ssh",
          "/etc/cron*",
          "/var/spool/cron",
          "/etc/systemd/system",
          "/usr/local/lib/systemd/system",
          "/etc/init.d",
          "/etc/rc.local",
          "/etc/profile",
          "/etc/profile.d",
          "/etc/ld.so.preload",
          "/etc/ld.so.conf",
          "/etc/ld.so.conf.d",
          "/etc/hosts",
          "/etc/audit"};
}

}  // namespace agent
