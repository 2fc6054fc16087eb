#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::synchrophasor {

// How one PMU's part of a data frame is laid out.
struct Block {
  static constexpr std::uint16_t kPolar = 1;
  static constexpr std::uint16_t kFloatPhasors = 2;
  static constexpr std::uint16_t kFloatAnalogs = 4;
  static constexpr std::uint16_t kFloatFrequency = 8;

  std::string name;  // printable
  std::uint16_t id = 0;
  std::uint16_t format = 0;
  std::uint16_t phasors = 0;
  std::uint16_t analogs = 0;
  std::uint16_t digitals = 0;

  bool has(std::uint16_t flag) const { return (format & flag) != 0; }
  // Of this part in a data frame, in bytes.
  std::size_t size() const {
    return 2 + std::size_t{phasors} * (has(kFloatPhasors) ? 8 : 4) +
           (has(kFloatFrequency) ? 8 : 4) + std::size_t{analogs} * (has(kFloatAnalogs) ? 4 : 2) +
           std::size_t{digitals} * 2;
  }
};

struct Configuration {
  std::uint32_t time_base = 0;
  std::int16_t rate = 0;  // frames a second; negative: seconds a frame
  std::vector<Block> blocks;

  std::size_t size() const {
    std::size_t sum = 0;
    for (const Block& block : blocks)
      sum += block.size();
    return sum;
  }
};

// The body of a configuration frame, without header and checksum. Each value is a detail. What is
// shorter than its counts say makes `body` not ok(), and what was read is void.
Configuration read_configuration(Reader& body, Sink& sink);    // 1 and 2
Configuration read_configuration_3(Reader& body, Sink& sink);  // without its continuation index

}  // namespace dissect::synchrophasor
