#pragma once

#include <cstdint>

#include "dissect/bacnet/service.h"

namespace dissect::bacnet {

// What a parameter of a service means.
enum class Meaning : std::uint8_t {
  Unknown,
  Object,  // that the service is about
  Device,  // that is speaking
  Property,
  Index,
  Number,
  Text,
  Secret,
  State,  // that the device is asked to take
  Value,
};

struct Parameter {
  Meaning meaning = Meaning::Unknown;
  const char* name = "";  // of the detail
};

inline constexpr std::uint8_t kNoParent = 0xff;
// Untagged parameters are known by their place.
inline constexpr std::uint8_t kPlace = 0x40;

// `parent` is the tag that is open around it, `tag` its context tag, or kPlace and its place.
// Source: ANSI/ASHRAE 135-2020, 21.
Parameter find_parameter(Part part, unsigned int service, std::uint8_t parent, std::uint8_t tag);

}  // namespace dissect::bacnet
