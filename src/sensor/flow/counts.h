#pragma once

#include <cstdint>
#include <string_view>

#include "sensor/packet/counts.h"

namespace sensor::flow {

enum class FlowCount : std::uint8_t {
  Flows,
  Ended,
  Evicted,        // for want of room
  Messages,       // given to a parser
  MessageBytes,   // ... as they were in the traffic
  Issues,         // that parsers reported
  Retransmitted,  // TCP segments that brought nothing new
  Conflicts,      // ... but had brought other bytes the first time
  OutOfOrder,     // TCP segments that had to wait
  Gaps,           // bytes of a stream that were not seen
  GapBytes,
  HeldOut,          // bytes given up for want of room: reassembly, or a message too long
  Lost,             // places where no message began
  Reidentified,     // flows that turned out not to be what they seemed
  Unidentified,     // flows that no protocol wanted
  UnknownSelector,  // link-layer and IP packets of protocols that are not known
  LateAnswers,      // requests given up for want of room
  End,
};
std::string_view count_name(FlowCount which);
using FlowCounts = packet::Counts<FlowCount>;

}  // namespace sensor::flow
