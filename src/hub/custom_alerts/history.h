#pragma once

#include <expected>
#include <string>
#include <vector>

#include "detect/custom/definition.h"
#include "store/query.h"

// What is stored, as custom alerts look at it. For the sources of this folder.
namespace hub::custom_alerts {

// Something that was counted or seen at about that time: at the start of its window, or first.
struct Moment {
  enum class What : std::uint8_t { Seen, Connected, Disconnected, HubStarted };
  What what = What::Seen;
  base::WallTime time;
  std::string device_id;
  std::string module_id;
  std::int64_t count = 1;
  std::string value;  // of a List; Connected, Disconnected: the protocol
};

struct History {
  std::vector<Moment> moments;  // by time
  bool truncated = false;       // there was more, before the first
};

struct Reading {
  base::WallTime from;
  store::QueryOptions query;
};

std::expected<History, store::QueryFailure> read_history(store::Queries& queries,
                                                         const detect::custom::Rule& rule,
                                                         const Reading& reading);

// The condition of KQL over IoTHubOperations for what counts as that type.
std::string operations_condition(detect::custom::Type type);

}  // namespace hub::custom_alerts
