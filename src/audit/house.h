#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/rules.h"
#include "audit/socket.h"
#include "base/result.h"

namespace audit {

// The kernel's audit system with rules of ours in it: puts them in, and leaves everything as it was
// found. Threads: one.
class House {
 public:
  struct Options {
    bool may_enable = true;
    std::string proc = "/proc";
  };

  // Removes rules that an agent which no longer lives left behind, and looks whether rules of ours
  // can work here; switches auditing on and takes the daemon's place if need be. Errors: as
  // Stream::watch.
  static base::Result<House> enter(Options options);
  ~House();
  House(House&&) noexcept = default;
  House& operator=(House&&) = delete;
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  // Rules that the kernel does not know the fields of are left out, as long as one remains.
  base::Result<void> add(const std::vector<Rule>& rules);
  void remove(const std::vector<Rule>& rules);

  // Puts back what somebody removed, as a daemon does that loads its rules. Errors: Denied
  // (switched off, or locked without ours), Io.
  base::Result<void> check();
  // Makes room when a daemon has asked for its place. Call it now and then.
  void look();
  // Records lost in the kernel since we entered; nullopt: no answer.
  std::optional<std::uint64_t> lost();
  const std::string& note() const { return note_; }

 private:
  explicit House(Control control, Options options)
      : control_(std::move(control)), options_(std::move(options)) {}
  base::Result<void> inspect(const Status& status);
  base::Result<void> settle(const Status& status);
  base::Result<void> take_place(const Status& status);
  bool is_stale(const Rule& rule) const;

  Control control_;
  Options options_;
  std::vector<Rule> installed_;
  std::optional<Control> place_;  // the daemon's, when we hold it
  bool enabled_by_us_ = false;
  std::uint32_t former_backlog_ = 0;  // 0: not changed
  std::uint32_t last_lost_ = 0;
  std::uint64_t lost_ = 0;
  std::string note_;
};

}  // namespace audit
