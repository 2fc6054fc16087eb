#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::ptp {

enum Action : std::uint8_t { kGet, kSet, kResponse, kCommand, kAcknowledge };

// "clock description"; empty: not known.
std::string_view management_name(std::uint16_t id);
// What an action on it does.
Access management_access(std::uint8_t action, std::uint16_t id);
// The data of a management message (1588-2019 section 15.5), told as details and evidence.
void read_management(std::uint16_t id, Reader data, Sink& sink);

}  // namespace dissect::ptp
