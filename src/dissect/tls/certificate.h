#pragma once

#include <string>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::tls {

// What of an X.509 certificate tells who has it. Views into its bytes. Source: RFC 5280.
struct Certificate {
  base::ByteView serial;
  base::ByteView signature;  // the algorithm's object identifier
  base::ByteView key;        // the public key's algorithm's object identifier
  base::ByteView issuer;     // names: sequences of sets of attributes
  base::ByteView subject;
  std::string not_before;  // "2024-02-29T12:00:00Z"; empty: cannot be read
  std::string not_after;
  base::ByteView alternatives;  // of the subject's name: general names
};

// Reads the fields above; false when one of those that have to be there is not.
bool read_certificate(base::ByteView der, Certificate& certificate);

// "CN=plc.test, O=Plant", printable.
std::string name_text(base::ByteView name);
// The common name alone, printable; empty: none.
std::string common_name(base::ByteView name);

// Tells all of it as details, and gives the name that its holder is reached by: the first DNS name
// that is not a pattern, else the common name when it looks like one.
std::string tell_certificate(base::ByteView der, const Certificate& certificate, Sink& sink);

}  // namespace dissect::tls
