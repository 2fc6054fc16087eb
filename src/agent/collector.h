#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/collect/source.h"
#include "os/loop.h"

namespace agent {

// Keeps the best source of process events open that works here: eBPF, else the process connector,
// else polling. A source that fails is replaced at once; while a lower tier serves, the better ones
// are tried again now and then. Threads: the loop's.
class Collector {
 public:
  using Opener = std::function<base::Result<std::unique_ptr<collect::Source>>(
      collect::Tier, os::Loop&, collect::Sink&, const collect::SourceOptions&)>;

  struct Options {
    std::optional<collect::Tier> tier;  // only this one; nullopt: the best
    collect::SourceOptions source;
    std::chrono::nanoseconds retry = std::chrono::minutes(5);
    Opener open = collect::open_source;
    // A source was opened: the first, and each that replaces one.
    std::function<void(collect::Tier)> on_tier;
  };

  // Errors: when no source can be opened; the detail says why for each.
  static base::Result<std::unique_ptr<Collector>> open(os::Loop& loop, collect::Sink& sink,
                                                       Options options);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  collect::Tier tier() const;
  // Why no better tier serves: "ebpf: ...; connector: ..."; empty on the best or a chosen tier.
  const std::string& reason() const { return reason_; }
  // Of all sources so far.
  collect::SourceStats stats() const;
  // Tells what waits in the kernel.
  void drain();

 private:
  Collector(os::Loop& loop, collect::Sink& sink, Options options);
  base::Result<void> open_best();
  void replace(std::unique_ptr<collect::Source> source);
  void on_failed(const base::Error& error);
  void retry();

  os::Loop& loop_;
  collect::Sink& sink_;
  Options options_;
  std::unique_ptr<collect::Source> source_;
  collect::SourceStats earlier_;  // of sources that were replaced
  std::string reason_;
  os::TimerId timer_ = 0;
};

}  // namespace agent
