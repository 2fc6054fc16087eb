#pragma once

#include "base/bytes.h"
#include "dissect/sink.h"
#include "dissect/smb/state.h"

namespace dissect::smb {

// One message of version 1, with all commands of its chain. Source: MS-CIFS section 2.2, MS-SMB
// section 2.2.
void read_smb1(base::ByteView bytes, State& state, Sink& sink);

}  // namespace dissect::smb
