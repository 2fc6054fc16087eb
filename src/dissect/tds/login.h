#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::tds {

// Who signs in. Texts are printable. Passwords are never read.
struct Login {
  bool good = false;
  std::string host;
  std::string user;
  std::string program;
  std::string server;
  std::string database;
  std::string_view mechanism;  // "password", "NTLM", "Kerberos"; a literal
};

// Login of versions 7 (MS-TDS 2.2.6.4). Fields are told as details, names as evidence.
Login read_login7(base::ByteView bytes, Sink& sink);

// What both say before the login (MS-TDS 2.2.6.5). Tells a server's version as evidence when it is
// its answer. False: it is none.
bool read_prelogin(base::ByteView bytes, bool answer, Sink& sink);

// "10.50.1600" of four bytes and two more.
std::string product(std::string_view version);

}  // namespace dissect::tds
