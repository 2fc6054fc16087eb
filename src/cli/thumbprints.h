#pragma once

#include <string>

#include "base/json.h"
#include "cli/failure.h"

namespace CLI {
class App;
}

namespace cli {

// How an identity proves itself.
struct Thumbprints {
  std::string type;     // sas, selfSigned, certificateAuthority; empty: not said
  std::string primary;  // of X.509 certificates, instead of keys
  std::string secondary;
};

// --auth, --thumbprint and --secondary-thumbprint.
void add_thumbprints(CLI::App& command, Thumbprints& thumbprints);
// The member "authentication" of a request, if any of them was given. Errors: Usage (they do not
// fit to each other).
Outcome<void> append_authentication(base::json::Value::Object& body,
                                    const Thumbprints& thumbprints);

}  // namespace cli
