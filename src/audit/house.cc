#include "audit/house.h"

#include <algorithm>
#include <utility>

#include <linux/audit.h>
#include <unistd.h>

#include "base/log.h"
#include "os/process.h"

namespace audit {

using base::Code;
using base::fail;
using base::Result;

namespace {

// While the place is ours. Records wait there only until the kernel's own thread comes to them.
constexpr std::uint32_t kBacklogLimit = 8192;
constexpr std::uint32_t kLocked = 2;
constexpr std::uint32_t kPanic = 2;
constexpr std::string_view kProgram = "vedette-agent";

std::string_view base_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path.substr(path.rfind('/') + 1);
}

void append(std::string& note, std::string_view sentence) {
  if (!note.empty()) note += "; ";
  note += sentence;
}

std::uint32_t own_pid() {
  return static_cast<std::uint32_t>(::getpid());
}

}  // namespace

Result<House> House::enter(Options options) {
  House house(TRY(Control::open()), std::move(options));
  const Status status = TRY(house.control_.status());
  TRY(house.inspect(status));
  TRY(house.settle(status));
  house.last_lost_ = status.lost;
  return house;
}

House::~House() {
  if (control_.fd() < 0) return;  // moved from
  remove(std::vector<Rule>(installed_));
  if (const auto status = control_.status()) {
    // A daemon that came meanwhile wants it on.
    const bool nobody = status->daemon == 0 || status->daemon == own_pid();
    if (enabled_by_us_ && status->enabled == 1 && nobody) {
      [[maybe_unused]] const auto off = control_.set_enabled(false);
    }
    if (former_backlog_ != 0 && status->backlog_limit == kBacklogLimit) {
      [[maybe_unused]] const auto restored = control_.set_backlog_limit(former_backlog_);
    }
  }
  // Last, so that nothing of this goes into the kernel's log.
  if (place_) {
    [[maybe_unused]] const auto left = place_->set_daemon(0);
  }
}

// An agent puts its own pid into each of its rules, so that its own doings are left out; that also
// says whose they are.
bool House::is_stale(const Rule& rule) const {
  if (rule.key() != kKey) return false;
  const auto pid = rule.value(AUDIT_PID);
  if (!pid || *pid == own_pid()) return true;
  const os::ProcFs proc(options_.proc);
  const auto program = proc.executable(static_cast<pid_t>(*pid));
  if (!program) return true;
  const auto own = proc.executable(::getpid());
  return base_name(*program) != kProgram && (!own || base_name(*program) != base_name(*own));
}

Result<void> House::inspect(const Status& status) {
  if (status.failure == kPanic) {
    return fail(Code::Denied, "audit", -1,
                "this device is to panic when an audit record is lost (auditctl -f 2); rules of "
                "ours could make that happen");
  }
  const std::vector<Rule> rules = TRY(control_.rules());
  bool some = false;
  for (const Rule& rule : rules) {
    if (is_stale(rule) && status.enabled != kLocked) {
      [[maybe_unused]] const auto removed = control_.remove(rule);
      LOG_NOTICE("audit.stale_rule_removed");
      continue;
    }
    if (silences(rule) == Silences::All) {
      return fail(Code::Unsupported, "audit", -1,
                  "an audit rule of this device (never,task or the like) keeps system calls from "
                  "being audited");
    }
    some = some || silences(rule) == Silences::Some;
  }
  if (some) append(note_, "audit rules of this device (never) keep some events from being seen");
  return {};
}

Result<void> House::settle(const Status& status) {
  if (status.enabled == kLocked)
    return fail(Code::Denied, "audit", -1, "audit rules are locked until the next boot (-e 2)");
  if (status.enabled == 0) {
    if (status.daemon != 0)
      return fail(Code::Denied, "audit", -1, "auditing was switched off (auditctl -e 0)");
    if (!options_.may_enable) {
      return fail(Code::Denied, "audit", -1,
                  "auditing is off, and the configuration does not allow switching it on");
    }
  }
  // First the place, so that no record goes into the kernel's log.
  if (status.daemon == 0) TRY(take_place(status));
  if (status.enabled == 0) {
    TRY(control_.set_enabled(true));
    enabled_by_us_ = true;
    append(note_, "auditing was off and is on while the agent runs");
    LOG_NOTICE("audit.switched_on");
  }
  return {};
}

Result<void> House::take_place(const Status& status) {
  Control place = TRY(Control::open());
  TRY(place.refuse_records());
  const auto taken = place.set_daemon(own_pid());
  if (!taken && taken.error().code == Code::Exists) return {};  // somebody was quicker
  TRY(taken);
  place_ = std::move(place);
  append(note_, "no audit daemon runs; the agent stands in for it");
  if (status.backlog_limit != 0 && status.backlog_limit < kBacklogLimit) {
    TRY(control_.set_backlog_limit(kBacklogLimit));
    former_backlog_ = status.backlog_limit;
  }
  return {};
}

Result<void> House::add(const std::vector<Rule>& rules) {
  std::size_t added = 0;
  std::optional<base::Error> refused;
  for (const Rule& rule : rules) {
    const auto one = control_.add(rule);
    if (one || one.error().code == Code::Exists) {
      if (std::ranges::find(installed_, rule) == installed_.end()) installed_.push_back(rule);
      ++added;
      continue;
    }
    if (one.error().at != EINVAL) return one;
    refused = one.error();
  }
  if (refused && added == 0) return std::unexpected(*refused);
  if (refused) append(note_, "this kernel does not know some of the audit rules");
  return {};
}

void House::remove(const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    if (std::erase(installed_, rule) == 0) continue;
    const auto removed = control_.remove(rule);
    if (!removed && removed.error().code != Code::NotFound) {
      LOG_WARNING("audit.rule_not_removed").field("error", removed.error().to_string());
    }
  }
}

Result<void> House::check() {
  const Status status = TRY(control_.status());
  if (status.enabled == 0) return fail(Code::Denied, "audit", -1, "auditing was switched off");
  const std::vector<Rule> present = TRY(control_.rules());
  for (const Rule& rule : installed_) {
    if (std::ranges::find(present, rule) != present.end()) continue;
    const auto added = control_.add(rule);
    if (!added && added.error().code != Code::Exists) {
      return fail(Code::Denied, "audit", added.error().at,
                  "audit rules of ours were removed and cannot be put back");
    }
    LOG_NOTICE("audit.rule_restored");
  }
  return {};
}

void House::look() {
  if (!place_ || !place_->place_wanted()) return;
  // The daemon that asked was refused, and will come again: under systemd at once.
  [[maybe_unused]] const auto left = place_->set_daemon(0);
  place_.reset();
  append(note_, "made room for an audit daemon");
  LOG_NOTICE("audit.place_given_up");
}

std::optional<std::uint64_t> House::lost() {
  const auto status = control_.status();
  if (!status) return std::nullopt;
  // The count is reset by whoever likes (auditctl --reset-lost).
  if (status->lost > last_lost_) lost_ += status->lost - last_lost_;
  last_lost_ = status->lost;
  return lost_;
}

}  // namespace audit
