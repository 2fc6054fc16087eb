#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/sink.h"

namespace dissect::rpc {

// What a call to the service control manager is about.
struct Service {
  std::string name;
  std::string program;           // that a new service runs
  Access access = Access::None;  // of a control: Stop, Start; None: as the procedure has it
};

// Arguments of procedure `number` of svcctl, in NDR with the lowest byte first. What cannot be read
// is left out: the rest of a call may be in other fragments.
// Source: MS-SCMR section 3.1.4; C706 chapter 14.
void read_service(std::uint16_t number, base::ByteView arguments, Service& service, Sink& sink);

}  // namespace dissect::rpc
