#include "sensor/formats/flow_names.h"

namespace sensor::formats {

// SplitMix64's finaliser: one to one, so that no two flows share a number.
std::uint64_t flow_number(std::uint64_t flow) {
  std::uint64_t mixed = flow + 0x9E3779B97F4A7C15ULL;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31U);
}

std::string flow_uid(std::uint64_t flow) {
  static constexpr char kDigits[] =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kLength = 17;
  std::string uid = "C";
  // Eleven digits hold 64 bits; a second number fills the rest.
  std::uint64_t number = flow_number(flow);
  for (std::size_t i = 0; i < kLength; ++i) {
    if (i == 11) number = flow_number(~flow);
    uid += kDigits[number % 62];
    number /= 62;
  }
  return uid;
}

}  // namespace sensor::formats
