#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "detect/process_memory.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "shell/commands.h"
#include "sigma/record.h"

namespace detect {

// The commands of processes that start, for rules, with what earlier events of the
// device tell of them: what runs above them, and what was downloaded. Threads: one at a time.
class ProcessCommands {
 public:
  // Takes an item of an event. Of a ProcessCreate there are commands after it; of all else none,
  // but what it tells is remembered. The event must outlive what is asked of its commands.
  void read(const schema::Event& event, std::size_t item, const Origin& origin);
  std::size_t size() const { return size_; }
  // `command` is below size(). For rules; valid until the next read().
  sigma::Subject subject(std::size_t command) const { return {commands_, command, *event_}; }
  // What is told of it beside what of it matched: where it stood.
  Match where(std::size_t command) const;
  // The earlier events whose downloads it runs.
  std::vector<Evidence> downloads_run(std::size_t command) const;
  // Whether a command downloads; then, after all of them were looked at, the evidence of the event
  // is to be remembered.
  bool downloads() const;
  void remember(const Evidence& evidence);

  void forget();
  // Threads: any.
  CommandCounters counters() const;

 private:
  void find_downloads();

  ProcessTree tree_;
  Downloads downloads_;
  shell::Commands commands_;
  const schema::Event* event_ = nullptr;  // the caller's
  std::size_t size_ = 0;
  std::string device_;
  base::WallTime time_;
  std::vector<std::string_view>
      ancestors_;  // of the tree, which stays as it is until the next read()
  // The process of the last read(), which the tree does not know yet.
  struct {
    bool waits = false;
    std::int64_t process = 0;
    std::int64_t parent = 0;
    std::string name;
  } begun_;
  base::Counter cut_;
};

}  // namespace detect
