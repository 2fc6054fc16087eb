#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/container_images.h"
#include "agent/collect/facts.h"
#include "agent/collect/hasher.h"
#include "agent/collect/past_images.h"
#include "agent/collect/process_table.h"
#include "agent/collect/users.h"
#include "agent/watch/watch.h"
#include "base/time.h"
#include "os/process.h"
#include "schema/message.h"

namespace agent::collect {

struct ProcessEventCounts {
  std::uint64_t created = 0;     // ProcessCreate made
  std::uint64_t terminated = 0;  // ProcessTerminate made
  std::uint64_t excluded = 0;    // left out as the configuration says
  std::uint64_t incomplete = 0;  // of those created: something could not be found out
};

// Makes ProcessCreate and ProcessTerminate of what a source tells, with what the process table and
// the account file add. docs/reference/agent-extra-details.md lists the ExtraDetails.
//
// A ProcessTerminate is made for every process whose start was told or that was there before us;
// not for a fork that never ran a program of its own, unless forks are reported too. Threads: one.
class ProcessEvents final : public Sink, public ProcessDirectory {
 public:
  struct Options {
    bool forks = false;  // a fork makes a ProcessCreate too
    bool ends = true;
    std::vector<std::string> excluded_executables;  // full paths
    std::string boot_id;
    std::string account_file = "/etc/passwd";
    std::string container_root;  // before the paths where runtimes keep their containers
    std::size_t table_capacity = 8192;
    std::function<std::uint64_t()> next_sequence;
    std::function<void(schema::Event)> emit;
    // Takes a ProcessCreate of a program instead of emit; for what needs more time to find out.
    std::function<void(schema::Event, const Program&)> finish{};
    std::function<void()> catch_up{};  // has the source tell what waits in the kernel
    os::ProcFs proc{};
  };

  explicit ProcessEvents(Options options);

  // Whose facts come from now on.
  void set_tier(Tier tier) { tier_ = tier; }
  // Learns the processes that are there, so that their children's parents are known.
  void learn_present();

  void on_forked(const Forked& forked) override;
  void on_started(Started started) override;
  void on_ended(const Ended& ended) override;

  std::optional<ProcessFacts> find(std::uint32_t pid) const override;
  std::optional<ProcessFacts> find_at(std::uint32_t pid, base::WallTime at) const override;
  void catch_up() const override;

  const ProcessEventCounts& counts() const { return counts_; }
  const ProcessTable& table() const { return table_; }

 private:
  std::shared_ptr<const Image> image_of(const ProcessId& process);
  // Reads a process that was there before us; nullptr when it is not that one, or gone.
  std::shared_ptr<const Image> learn(const ProcessId& process);
  // Of /proc, without keeping it.
  std::optional<ProcessFacts> read_facts(std::uint32_t pid) const;
  void keep_past(const ProcessId& process);
  bool excluded(std::string_view executable) const;
  void add_common(schema::ExtraDetails& details);

  Options options_;
  Tier tier_ = Tier::Ebpf;
  ProcessTable table_;
  PastImages past_;
  Users users_;
  ContainerImages containers_;
  ProcessEventCounts counts_;
};

}  // namespace agent::collect
