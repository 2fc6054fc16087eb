#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "agent/baseline/host.h"
#include "os/fd.h"

namespace agent::baseline {

// This machine; or a folder taken as the root of one, where links stay within the folder and the
// answers that only a running kernel has are Unsupported.
class SystemHost : public Host {
 public:
  // `abandoned`, if there is one, is looked at now and then, and outlives the host.
  // Errors: NotFound, Io.
  static base::Result<std::unique_ptr<SystemHost>> open(
      const std::string& root = "/", const std::atomic<bool>* abandoned = nullptr);

  base::Result<std::string> read(const std::string& path) const override;
  base::Result<FileFacts> stat(const std::string& path) const override;
  base::Result<FileFacts> lstat(const std::string& path) const override;
  base::Result<std::vector<std::string>> list(const std::string& path) const override;
  base::Result<std::string> link(const std::string& path) const override;
  base::Result<void> walk(
      const std::string& top, const WalkLimits& limits,
      const std::function<bool(const std::string&, const FileFacts&)>& visit) const override;
  bool abandoned() const override {
    return abandoned_ != nullptr && abandoned_->load(std::memory_order_relaxed);
  }
  base::Result<bool> clock_synchronised() const override;
  base::Result<AuditFacts> audit() const override;
  base::Result<FirewallFacts> firewall(IpFamily family) const override;
  base::Result<bool> password_makes(std::string_view password,
                                    const std::string& hash) const override;
  base::Result<std::string> docker(const std::string& path) const override;

 protected:
  SystemHost(os::Fd root, bool whole_machine, const std::atomic<bool>* abandoned = nullptr);

 private:
  base::Result<os::Fd> open_path(const std::string& path, int flags) const;

  struct CloseLibrary {
    void operator()(void* library) const;
  };

  os::Fd root_;
  bool whole_machine_;
  const std::atomic<bool>* abandoned_;
  // crypt(3), opened when it is first asked for.
  mutable std::unique_ptr<void, CloseLibrary> crypt_;
};

}  // namespace agent::baseline
