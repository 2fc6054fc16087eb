#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/collect/container_images.h"
#include "agent/connections/lifetimes.h"
#include "schema/message.h"

namespace agent::connections {

// What an event says beside the report.
struct EventFacts {
  std::string_view tier;  // as Source::tier()
  bool lossy = false;
  std::string_view boot_id;
  std::uint64_t sequence = 0;
  std::uint32_t own_net_ns = 0;
  std::optional<std::string> remote_name;  // by the device's own DNS answers
};

// A ConnectionCreate. docs/reference/agent-extra-details.md lists the ExtraDetails. Threads: one
// (`containers`).
schema::Event make_event(const Report& report, const EventFacts& facts,
                         collect::ContainerImages& containers);

}  // namespace agent::connections
