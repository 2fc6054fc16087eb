#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "os/loop.h"
#include "schema/events.h"
#include "schema/message.h"

// What is common to everything that the agent watches or photographs.
namespace audit {
class Stream;
}

namespace agent {

// Where the events of one type come from at present: told in reported properties and in a
// Diagnostic event, so that nobody takes silence for peace.
struct SourceReport {
  schema::EventName event{};
  std::string tier;        // "ebpf", "audit", "inet_diag", "journal", "proc", ...; "none"
  std::string reason;      // why no better one serves: "ebpf: ...; audit: ..."; may be empty
  bool lossy = false;      // things may happen between two looks and never be seen
  std::uint64_t lost = 0;  // known to have happened and never made into an event, since the start
};

// What a living or recent process was, for events that only know its number.
struct ProcessFacts {
  std::string executable;
  std::string command_line;
  std::optional<std::uint32_t> uid;
  std::uint64_t start_ticks = 0;  // 0: not known
  std::string cgroup;             // empty: not known
};

// Who is process N? Asks what the process events taught, then /proc. Threads: the loop's.
class ProcessDirectory {
 public:
  virtual ~ProcessDirectory() = default;
  virtual std::optional<ProcessFacts> find(std::uint32_t pid) const = 0;
  // The same, as it was at that moment: it may have run another program, or ended, since then.
  virtual std::optional<ProcessFacts> find_at(std::uint32_t pid,
                                              [[maybe_unused]] base::WallTime at) const {
    return find(pid);
  }
  // Takes over what the kernel has told by now, so that find() knows each process that acted before
  // this call. For facts that came another way and may have overtaken the process's own.
  virtual void catch_up() const {}
};

// Where accounts, rights, logins, and what starts by itself are set up.
std::vector<std::string> default_file_paths();

// Settings of the module twin that reach into collecting; they may change at any moment.
struct WatchSettings {
  std::set<schema::EventName> off;  // priority Off: neither collected nor counted
  bool loopback = false;            // ConnectionCreate for connections within the device
  bool dns_names = true;            // join names from the device's own DNS answers
  bool hash_executables = true;     // SHA-256 in ProcessCreate
  // FileEvent: files and folders (these with all below).
  std::vector<std::string> file_paths = default_file_paths();
  std::set<std::string>
      audit_records;  // AuditRecord: record types by name ("SYSCALL"); empty: none
  bool operator==(const WatchSettings&) const = default;
};

// What a watch is given. All of it outlives the watch.
struct WatchContext {
  os::Loop* loop = nullptr;
  // Takes a finished event (id and time set). May be called at any time from the loop.
  std::function<void(schema::Event)> emit;
  std::function<std::uint64_t()> next_sequence;
  const ProcessDirectory* processes = nullptr;
  audit::Stream* audit = nullptr;  // the one for all in the agent; nullptr: none
  std::string boot_id;
  std::string state_dir;      // for cursors that must survive a restart; exists
  std::string tier = "auto";  // forced for tests: "ebpf", "audit", "connector", "proc"
  WatchSettings settings;     // as of the start
};

// Something that is watched while the agent runs, and told as it happens. Threads: the loop's.
class Watch {
 public:
  virtual ~Watch() = default;
  // Of each event type that it makes.
  virtual std::vector<SourceReport> sources() const = 0;
  // Takes new settings over, at once and without losing what is under way.
  virtual void configure(const WatchSettings& settings) = 0;
  // Tells what waits in the kernel, without waiting for more: before the agent stops.
  virtual void drain() = 0;
};

}  // namespace agent
