#pragma once

#include <cstdint>
#include <string>

// What both formats call a flow. Threads: pure.
namespace sensor::formats {

// Numbers that look random and are always the same for a flow of a capture.
std::uint64_t flow_number(std::uint64_t flow);
// The same as Zeek writes it: "C" and 17 letters or digits.
std::string flow_uid(std::uint64_t flow);

}  // namespace sensor::formats
