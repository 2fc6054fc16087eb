#pragma once

#include "dissect/protocol.h"

namespace dissect::ftp {

// FTP's control connection: logins (530: refused), files and folders read, written and removed,
// where data connections go, what the server says of itself. Whoever answers with a code is the
// server. After AUTH it is encrypted, and passed by. Passwords are not shown.
// Source: RFC 959, 2228, 2389, 2428, 3659.
extern const Protocol kProtocol;

}  // namespace dissect::ftp
