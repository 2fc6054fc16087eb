#pragma once

#include "dissect/protocol.h"

namespace dissect::tds {

// Microsoft SQL Server: who signs in from where and how it went, which kinds of statements and
// which procedures are run, and what the server refuses. Statements themselves are details only,
// rows pass by. TLS, inside packets or around them, is read as such.
// Source: MS-TDS.
extern const Protocol kProtocol;

}  // namespace dissect::tds
