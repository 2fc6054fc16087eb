#include "agent/collector.h"

#include <utility>

#include "base/log.h"

namespace agent {

using base::Result;
using collect::Tier;

namespace {

constexpr Tier kBestFirst[] = {Tier::Ebpf, Tier::Audit, Tier::Connector, Tier::Proc};

collect::SourceStats sum(collect::SourceStats a, const collect::SourceStats& b) {
  a.received += b.received;
  a.kernel_lost += b.kernel_lost;
  a.overruns += b.overruns;
  a.malformed += b.malformed;
  return a;
}

std::string why(Tier tier, const base::Error& error) {
  return std::string(collect::tier_name(tier)) + ": " +
         (error.detail.empty() ? error.to_string() : error.detail);
}

}  // namespace

Collector::Collector(os::Loop& loop, collect::Sink& sink, Options options)
    : loop_(loop), sink_(sink), options_(std::move(options)) {
  options_.source.on_failed = [this](const base::Error& error) { on_failed(error); };
}

Collector::~Collector() {
  loop_.cancel(timer_);
}

Result<std::unique_ptr<Collector>> Collector::open(os::Loop& loop, collect::Sink& sink,
                                                   Options options) {
  std::unique_ptr<Collector> collector(new Collector(loop, sink, std::move(options)));
  TRY(collector->open_best());
  if (!collector->options_.tier) {
    collector->timer_ =
        loop.every(collector->options_.retry, [raw = collector.get()] { raw->retry(); });
  }
  return collector;
}

Result<void> Collector::open_best() {
  std::string reason;
  for (const Tier tier : kBestFirst) {
    if (options_.tier && *options_.tier != tier) continue;
    auto source = options_.open(tier, loop_, sink_, options_.source);
    if (source) {
      reason_ = std::move(reason);
      replace(std::move(*source));
      return {};
    }
    if (!reason.empty()) reason += "; ";
    reason += why(tier, source.error());
  }
  return base::fail(base::Code::Unavailable, "no source of process events works", -1,
                    std::move(reason));
}

// The new one is open before the old one ends: a start in between is told twice rather than not.
void Collector::replace(std::unique_ptr<collect::Source> source) {
  if (source_ != nullptr) {
    source_->drain();
    earlier_ = sum(earlier_, source_->stats());
  }
  source_ = std::move(source);
  if (options_.on_tier) options_.on_tier(source_->tier());
  if (reason_.empty()) {
    LOG_NOTICE("collect.tier").field("tier", collect::tier_name(source_->tier()));
  } else {
    LOG_WARNING("collect.tier")
        .field("tier", collect::tier_name(source_->tier()))
        .field("because", reason_);
  }
}

void Collector::on_failed(const base::Error& error) {
  LOG_ERROR("collect.failed")
      .field("tier", collect::tier_name(source_->tier()))
      .field("error", error.to_string());
  // The source is on the stack: replace it in a later turn.
  loop_.after(std::chrono::nanoseconds(0), [this] {
    if (const auto opened = open_best(); !opened) {
      LOG_ERROR("collect.none").field("error", opened.error().to_string());
      loop_.after(std::chrono::seconds(10),
                  [this] { on_failed({base::Code::Unavailable, "still none", -1, {}}); });
    }
  });
}

void Collector::retry() {
  for (const Tier tier : kBestFirst) {
    if (tier == source_->tier()) return;
    auto source = options_.open(tier, loop_, sink_, options_.source);
    if (!source) continue;
    reason_.clear();
    replace(std::move(*source));
    return;
  }
}

Tier Collector::tier() const {
  return source_->tier();
}
collect::SourceStats Collector::stats() const {
  return sum(earlier_, source_->stats());
}
void Collector::drain() {
  source_->drain();
}

}  // namespace agent
