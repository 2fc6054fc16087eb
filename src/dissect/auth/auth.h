#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::auth {

// What computers of a Windows domain prove themselves with, inside many protocols: NTLM, Kerberos,
// and SPNEGO, which chooses between them. Answers to challenges, challenges and tickets are never
// told: passwords can be guessed from them.
// Sources: MS-NLMP; RFC 4178 and MS-SPNG (SPNEGO); RFC 2743 section 3.1; RFC 4121.

enum class Mechanism : std::uint8_t { None, Ntlm, Kerberos, Other };
std::string_view mechanism_name(Mechanism mechanism);  // a literal; empty: None

// How far somebody is.
enum class Step : std::uint8_t {
  None,
  Offer,      // who asks says what there is to choose from
  Challenge,  // who is asked answers
  Proof,      // with a name
  Accepted,
  Refused,
};

struct Token {
  Mechanism mechanism = Mechanism::None;
  Step step = Step::None;
  bool anonymous = false;  // Proof without a name
  std::string user;        // "DOMAIN\name"; of Proof with NTLM
  std::string host;        // the computer that the user sits at
  std::string service;     // whom a Kerberos ticket is for: "cifs/server@REALM"
};

// One token, whatever it is: SPNEGO, GSS-API, NTLM or Kerberos. Its fields go to `sink` as details,
// who its sender says to be as evidence. A token of none of these has the mechanism None.
Token read_token(base::ByteView bytes, Sink& sink);

// NTLM alone; false when it is none. Fields are named ntlm_*.
bool is_ntlm(base::ByteView bytes);
void read_ntlm(base::ByteView bytes, Token& token, Sink& sink);

}  // namespace dissect::auth
