#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "schema/events.h"
#include "workspace/template.h"

// What kinds of devices the fleet has, and what each does day by day.
namespace bench {

// Something a device does that makes events.
struct Act {
  schema::EventName name{};
  Template details;
  std::optional<Template> repeated = {};  // as it is told when it stands for several
  std::optional<Template> end = {};       // of a process that was started
  unsigned percent = 100;                 // how often it is part of its routine
  unsigned most = 1;                      // it happens up to so many times in a row
};

// Acts that follow each other within seconds.
struct Routine {
  unsigned weight = 1;
  std::vector<Act> acts;
};

// A picture that is taken regularly, an item for each template.
struct Picture {
  schema::EventName name{};
  std::vector<Template> items;
};

struct Profile {
  std::string_view prefix;  // of device ids
  unsigned share = 0;       // of a hundred devices
  std::vector<Routine> routines;
  std::vector<Picture> weekly = {};
  std::vector<Picture> daily = {};
  std::vector<Picture> hourly = {};
};

const std::vector<Profile>& profiles();

}  // namespace bench
