#pragma once

#include <fstream>
#include <string>

#include <sched.h>
#include <sys/mount.h>

#include "os/scratch_testing.h"

namespace os {

// A file system of its own that holds little, in memory. Needs root: tests ask mounted() and skip.
class SmallDisk {
 public:
  // `options` as for tmpfs: size=64k, nr_inodes=5.
  explicit SmallDisk(const std::string& options) {
    // A name space of mounts for this test program only.
    if (::unshare(CLONE_NEWNS) != 0) return;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    mounted_ = ::mount("vedette-test", dir_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(dir_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  std::string operator/(const std::string& name) const { return dir_ / name; }

  // Takes all the space that is left.
  void fill() const {
    std::ofstream file(*this / "ballast", std::ios::binary);
    while (file << std::string(4096, 'x') << std::flush) {
    }
  }

 private:
  ScratchDir dir_;
  bool mounted_ = false;
};

}  // namespace os
