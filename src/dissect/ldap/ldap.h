#pragma once

#include "dissect/protocol.h"

namespace dissect::ldap {

// Directories: who signs in, what is searched, read and changed. Over TCP, and over UDP to find a
// domain controller. What StartTLS begins is read as TLS; what a login signs is read, what it
// encrypts passes by. Passwords are never told.
// Source: RFC 4511, RFC 4515 (filters as text), RFC 2830, MS-ADTS sections 5.1.1 and 6.3.
extern const Protocol kProtocol;

}  // namespace dissect::ldap
