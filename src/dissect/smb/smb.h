#pragma once

#include "dissect/protocol.h"

namespace dissect::smb {

// File shares and named pipes of Windows, all versions: who signs in from where, which shares and
// files are used, which remote procedures are called over pipes. Over TCP, with or without NetBIOS
// sessions. Contents of files pass by; what version 3 encrypts does, too.
// Source: MS-CIFS, MS-SMB, MS-SMB2; RFC 1002 section 4.3 (NetBIOS sessions).
extern const Protocol kProtocol;

}  // namespace dissect::smb
