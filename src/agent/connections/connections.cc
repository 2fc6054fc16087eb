#include "agent/connections/connections.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>

#include "agent/connections/event.h"
#include "agent/connections/lifetimes.h"
#include "agent/connections/socket_owners.h"
#include "agent/connections/sources.h"
#include "agent/dns/listener.h"
#include "base/log.h"

namespace agent::connections {

using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr auto kRetry = 5min;
constexpr auto kRetryNone = 10s;

// The forced tier as process events name it, as connections do.
std::string_view own_name(std::string_view tier) {
  if (tier == "auto") return {};
  return tier == "connector" ? std::string_view("inet_diag") : tier;
}

std::uint32_t own_network_namespace() {
  struct stat status{};
  if (::stat("/proc/self/ns/net", &status) != 0) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

class Connections final : public Watch {
 public:
  Connections(const WatchContext& context, Tiers tiers)
      : context_(context),
        tiers_(std::move(tiers)),
        settings_(context.settings),
        lifetimes_({.who = [this](const Observed& seen) { return who(seen); },
                    .emit = [this](const Report& report) { emit(report); }}),
        net_ns_(own_network_namespace()) {
    if (const std::string_view forced = own_name(context.tier); !forced.empty())
      std::erase_if(tiers_, [&](const auto& tier) { return tier.first != forced; });
    retry_ = context_.loop->every(kRetry, [this] { improve(); });
    apply();
  }

  ~Connections() override {
    for (const os::TimerId timer : {retry_, expiry_, reopen_})
      context_.loop->cancel(timer);
  }

  std::vector<SourceReport> sources() const override {
    SourceReport report;
    report.event = schema::EventName::ConnectionCreate;
    report.tier = source_ == nullptr ? "none" : std::string(source_->tier());
    report.reason = off() ? "off" : reason_;
    if (!off() && !names_reason_.empty())
      report.reason += (report.reason.empty() ? "names: " : "; names: ") + names_reason_;
    report.lossy = source_ != nullptr && source_->lossy();
    report.lost = lost_before_ + (source_ == nullptr ? 0 : source_->lost());
    return {report};
  }

  void configure(const WatchSettings& settings) override {
    const bool loopback = settings.loopback != settings_.loopback;
    settings_ = settings;
    if (loopback && source_ != nullptr) source_->set_loopback(settings_.loopback);
    apply();
  }

  void drain() override {
    if (source_ != nullptr) source_->drain();
    lifetimes_.flush();
  }

 private:
  bool off() const { return settings_.off.contains(schema::EventName::ConnectionCreate); }

  // Opens and closes what the settings want.
  void apply() {
    if (off()) {
      if (source_ != nullptr) drain();
      drop_source();
      names_.reset();
      return;
    }
    if (source_ == nullptr) open_best();
    if (!settings_.dns_names) {
      names_.reset();
    } else if (names_ == nullptr) {
      open_names();
    }
  }

  void open_names() {
    auto names = dns::Listener::open(*context_.loop);
    if (names) {
      names_ = std::move(*names);
      names_reason_.clear();
      return;
    }
    names_reason_ = names.error().detail.empty() ? names.error().to_string() : names.error().detail;
    LOG_WARNING("connections.no_names").field("because", names_reason_);
  }

  Result<std::unique_ptr<Source>> open_tier(const Opener& opener) {
    SourceOptions options;
    options.loopback = settings_.loopback;
    options.before_batch = [this] { before_batch(); };
    options.on_failed = [this](const base::Error& error) { on_failed(error); };
    return opener(*context_.loop, options, [this](const Observed& seen) { take(seen); });
  }

  void open_best() {
    reason_.clear();
    for (const auto& [name, opener] : tiers_) {
      auto source = open_tier(opener);
      if (source) {
        replace(std::move(*source));
        return;
      }
      if (!reason_.empty()) reason_ += "; ";
      reason_ += fmt::format(
          "{}: {}", name,
          source.error().detail.empty() ? source.error().to_string() : source.error().detail);
    }
    LOG_ERROR("connections.none").field("because", reason_);
    reopen_ = context_.loop->after(kRetryNone, [this] {
      if (source_ == nullptr && !off()) open_best();
    });
  }

  // The new one is open before the old one ends.
  void replace(std::unique_ptr<Source> source) {
    drop_source();
    source_ = std::move(source);
    LOG_NOTICE("connections.tier").field("tier", source_->tier()).field("because", reason_);
  }

  void drop_source() {
    if (source_ == nullptr) return;
    source_->drain();
    lifetimes_.flush();
    lost_before_ += source_->lost();
    source_.reset();
  }

  void on_failed(const base::Error& error) {
    LOG_ERROR("connections.failed").field("error", error.to_string());
    // The source is on the stack: replace it in a later turn.
    reopen_ = context_.loop->after(0ns, [this] {
      drop_source();
      open_best();
    });
  }

  void improve() {
    if (off() || source_ == nullptr) return;
    for (const auto& [name, opener] : tiers_) {
      if (name == source_->tier()) return;
      auto source = open_tier(opener);
      if (!source) continue;
      reason_.clear();
      replace(std::move(*source));
      return;
    }
  }

  // What the process and the resolver did before is known first.
  void before_batch() {
    if (context_.processes != nullptr) context_.processes->catch_up();
    if (names_ != nullptr) names_->drain();
  }

  void take(const Observed& seen) {
    if (seen.pid == 0 && seen.executable.empty()) {
      Observed completed = seen;
      if (const auto pid = owners_.find(seen.inode, base::mono_now())) completed.pid = *pid;
      lifetimes_.take(completed, base::mono_now());
    } else {
      lifetimes_.take(seen, base::mono_now());
    }
    plan_expiry();
  }

  void plan_expiry() {
    const base::MonoTime due = lifetimes_.next_expiry();
    if (due == base::MonoTime::max() || expiry_ != 0) return;
    expiry_ =
        context_.loop->after(std::max(due - base::mono_now(), base::MonoTime::duration(0)), [this] {
          expiry_ = 0;
          lifetimes_.expire(base::mono_now());
          plan_expiry();
        });
  }

  std::optional<ProcessFacts> who(const Observed& seen) const {
    if (seen.pid == 0 || context_.processes == nullptr) return std::nullopt;
    return context_.processes->find_at(seen.pid, seen.time);
  }

  void emit(const Report& report) {
    EventFacts facts;
    facts.tier = source_ == nullptr ? std::string_view() : source_->tier();
    facts.lossy = source_ != nullptr && source_->lossy();
    facts.boot_id = context_.boot_id;
    facts.sequence = context_.next_sequence();
    facts.own_net_ns = net_ns_;
    if (names_ != nullptr) facts.remote_name = names_->name_of(report.seen.remote.address);
    context_.emit(make_event(report, facts, containers_));
  }

  const WatchContext& context_;
  Tiers tiers_;
  WatchSettings settings_;
  Lifetimes lifetimes_;
  SocketOwners owners_;
  collect::ContainerImages containers_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<dns::Listener> names_;
  std::string reason_;
  std::string names_reason_;
  std::uint64_t lost_before_ = 0;  // by sources that were replaced
  std::uint32_t net_ns_ = 0;
  os::TimerId retry_ = 0;
  os::TimerId expiry_ = 0;
  os::TimerId reopen_ = 0;
};

}  // namespace

Tiers tiers(Opener audit) {
  Tiers tiers;
  tiers.emplace_back("ebpf", open_ebpf);
  if (audit) tiers.emplace_back("audit", std::move(audit));
  tiers.emplace_back("inet_diag", open_inet_diag);
  tiers.emplace_back("proc", open_proc);
  return tiers;
}

std::unique_ptr<Watch> open(const WatchContext& context, Tiers tiers) {
  return std::make_unique<Connections>(context, std::move(tiers));
}

}  // namespace agent::connections
