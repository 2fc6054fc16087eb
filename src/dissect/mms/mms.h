#pragma once

#include "dissect/protocol.h"

namespace dissect::mms {

// MMS on ISO transport, session and presentation, as substations (IEC 61850) and some controllers
// use it: variables, names, identity and status, program invocations, domains, files, journals.
// Sources: ISO 9506-2:2003; ISO 8327-1 (session), 8823-1 (presentation), 8650-1 (association),
// as far as their messages carry MMS; IEC 61850-8-1 for functional constraints in names.
extern const Protocol kProtocol;

}  // namespace dissect::mms
