#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/collect/container_images.h"
#include "agent/collect/users.h"
#include "agent/watch/watch.h"
#include "schema/message.h"

namespace agent::files {

// One change, as it is told.
struct Change {
  schema::FileOperation operation = schema::FileOperation::Unknown;
  std::string path;
  std::string new_path;  // of Rename; empty: not known
  bool folder = false;
  bool found_late = false;  // it was there when its folder began to be watched
  std::uint32_t pid = 0;    // 0: not known
  base::WallTime time;
};

struct EventFacts {
  std::string_view tier;  // as Backend::tier()
  std::string_view boot_id;
  std::uint64_t sequence = 0;
  std::optional<ProcessFacts> process;
};

// A FileEvent, with what the file system says of the file now. Threads: one (`users`,
// `containers`).
schema::Event make_event(const Change& change, const EventFacts& facts, collect::Users& users,
                         collect::ContainerImages& containers);

}  // namespace agent::files
