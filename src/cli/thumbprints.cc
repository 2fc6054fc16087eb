#include "cli/thumbprints.h"

#include <CLI/CLI.hpp>

#include "cli/validators.h"

namespace cli {

using base::json::Value;

void add_thumbprints(CLI::App& command, Thumbprints& thumbprints) {
  command
      .add_option("--auth", thumbprints.type,
                  "It proves itself by keys (default), by a certificate whose thumbprint is given, "
                  "or by one that a verified authority issued for its id")
      ->type_name("sas|selfSigned|certificateAuthority")
      ->check(one_of({"sas", "selfSigned", "certificateAuthority"}));
  auto* primary =
      command
          .add_option("--thumbprint", thumbprints.primary,
                      "SHA-1 or SHA-256 of its X.509 certificate; means --auth selfSigned")
          ->type_name("HEX");
  command
      .add_option("--secondary-thumbprint", thumbprints.secondary,
                  "Of a second certificate, for changing them without a pause")
      ->type_name("HEX")
      ->needs(primary);
}

Outcome<void> append_authentication(Value::Object& body, const Thumbprints& thumbprints) {
  std::string type = thumbprints.type;
  if (type.empty() && !thumbprints.primary.empty()) type = "selfSigned";
  if (type.empty()) return {};
  if ((type == "selfSigned") != !thumbprints.primary.empty())
    return give_up(Exit::Usage, type == "selfSigned" ? "--auth selfSigned needs --thumbprint"
                                                     : "--thumbprint means --auth selfSigned");
  Value::Object authentication;
  authentication.push_back({"type", Value(type)});
  if (type == "selfSigned") {
    Value::Object of_certificates;
    of_certificates.push_back({"primaryThumbprint", Value(thumbprints.primary)});
    if (!thumbprints.secondary.empty())
      of_certificates.push_back({"secondaryThumbprint", Value(thumbprints.secondary)});
    authentication.push_back({"x509Thumbprint", Value(std::move(of_certificates))});
  }
  body.push_back({"authentication", Value(std::move(authentication))});
  return {};
}

}  // namespace cli
