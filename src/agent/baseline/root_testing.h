#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/baseline/system_host.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace agent::baseline {

// A system of files for one test, and what its kernel would say.
class TestRoot : public SystemHost {
 public:
  TestRoot() : TestRoot(std::make_unique<os::ScratchDir>()) {}

  void file(const std::string& path, const std::string& text, unsigned mode = 0644,
            unsigned uid = 0, unsigned gid = 0) {
    const std::string full = inside(path);
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full, std::ios::binary) << text;
    own(full, mode, uid, gid);
  }
  void folder(const std::string& path, unsigned mode = 0755, unsigned uid = 0, unsigned gid = 0) {
    std::filesystem::create_directories(inside(path));
    own(inside(path), mode, uid, gid);
  }
  void link(const std::string& path, const std::string& target) {
    const std::string full = inside(path);
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::filesystem::create_symlink(target, full);
  }
  using SystemHost::link;
  const std::string& path() const { return scratch_->path(); }

  std::optional<bool> synchronised;
  std::optional<AuditFacts> audit_facts;
  std::map<IpFamily, FirewallFacts> firewalls;
  std::map<std::string, std::string> docker_answers;

  base::Result<bool> clock_synchronised() const override {
    if (!synchronised) return SystemHost::clock_synchronised();
    return *synchronised;
  }
  base::Result<AuditFacts> audit() const override {
    if (!audit_facts) return SystemHost::audit();
    return *audit_facts;
  }
  base::Result<FirewallFacts> firewall(IpFamily family) const override {
    const auto found = firewalls.find(family);
    if (found == firewalls.end()) return SystemHost::firewall(family);
    return found->second;
  }
  base::Result<std::string> docker(const std::string& request) const override {
    const auto found = docker_answers.find(request);
    if (found == docker_answers.end())
      return base::fail(base::Code::Unavailable, "docker", -1, request);
    return found->second;
  }

 private:
  explicit TestRoot(std::unique_ptr<os::ScratchDir> scratch)
      : SystemHost(os::Fd(::open(scratch->path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                   false),
        scratch_(std::move(scratch)) {}

  std::string inside(const std::string& path) const { return scratch_->path() + path; }
  static void own(const std::string& full, unsigned mode, unsigned uid, unsigned gid) {
    if (::chown(full.c_str(), uid, gid) != 0) ADD_FAILURE() << "chown " << full;
    if (::chmod(full.c_str(), mode) != 0) ADD_FAILURE() << "chmod " << full;
  }

  std::unique_ptr<os::ScratchDir> scratch_;
};

}  // namespace agent::baseline
