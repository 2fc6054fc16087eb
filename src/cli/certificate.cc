// vedette certificate ...
#include "base/text.h"
#include "cli/commands.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string name;
  std::string file;
  std::string if_match;
};

std::string path_of(const Arguments& arguments, std::string_view then = {}) {
  return "/certificates/" + base::percent_encode(arguments.name) + std::string(then);
}

Outcome<Exit> show(const Session& session, const Value& certificate) {
  return print_object(session, certificate,
                      {{"Name", "name"},
                       {"Subject", "subject"},
                       {"Verified", "verified"},
                       {"Verification code", "verificationCode"},
                       {"SHA-256", "thumbprintSha256"},
                       {"Valid from", "notBefore"},
                       {"Valid until", "notAfter"},
                       {"Updated", "updated"},
                       {"ETag", "etag"}});
}

// PEM as it is, DER in base64.
Outcome<std::string> body_of(const Arguments& arguments) {
  auto text = TRY(read_whole_file(arguments.file));
  if (text.find("-----BEGIN") == std::string::npos)
    text = base::base64_encode(base::as_bytes(text));
  return Value(Value::Object{{"certificate", Value(std::move(text))}}).to_json();
}

Outcome<Exit> ask(const Session& session, const Arguments& arguments, std::string_view method,
                  const std::string& path, const std::string& body) {
  auto client = TRY(session.connect());
  auto answer = TRY(client.call(method, path, body, if_match_of(arguments.if_match)));
  if (answer.is_null()) return Exit::Ok;
  return show(session, answer);
}

Outcome<Exit> list(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/certificates"));
  return print_list(session, found,
                    {{"Name", "name"},
                     {"Subject", "subject"},
                     {"Verified", "verified"},
                     {"Valid until", "notAfter"}});
}

Outcome<Exit> upload(const Session& session, const Arguments& arguments) {
  auto body = TRY(body_of(arguments));
  return ask(session, arguments, "PUT", path_of(arguments), body);
}

Outcome<Exit> verify(const Session& session, const Arguments& arguments) {
  auto body = TRY(body_of(arguments));
  return ask(session, arguments, "POST", path_of(arguments, "/verify"), body);
}

Outcome<Exit> code(const Session& session, const Arguments& arguments) {
  return ask(session, arguments, "POST", path_of(arguments, "/code"), {});
}

Outcome<Exit> get(const Session& session, const Arguments& arguments) {
  return ask(session, arguments, "GET", path_of(arguments), {});
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  return ask(session, arguments, "DELETE", path_of(arguments), {});
}

void add_name(CLI::App& command, Arguments& arguments) {
  command.add_option("NAME", arguments.name, "Name of the certificate here")
      ->type_name("")
      ->required();
}

void add_match(CLI::App& command, Arguments& arguments) {
  add_if_match(command, arguments.if_match);
}

void add_file(CLI::App& command, Arguments& arguments, const char* what) {
  command.add_option("FILE", arguments.file, what)->type_name("FILE")->required();
}

}  // namespace

void add_certificate(CLI::App& program, Session& session) {
  auto* noun =
      program.add_subcommand("certificate", "Certificate authorities that vouch for devices");
  noun->require_subcommand(1);
  add_verb<Arguments>(*noun, session, "list", "List certificate authorities", list);

  auto [one, shown] = add_verb<Arguments>(*noun, session, "show", "Show one", get);
  add_name(*one, *shown);

  auto [put, sent] =
      add_verb<Arguments>(*noun, session, "upload",
                          "Upload one; with --if-match replace it, which unproves it", upload);
  add_name(*put, *sent);
  add_file(*put, *sent, "Its certificate, PEM or DER");
  add_match(*put, *sent);

  auto [ask_code, asked] = add_verb<Arguments>(
      *noun, session, "code", "Make the code by which you prove that you have its key", code);
  add_name(*ask_code, *asked);
  add_match(*ask_code, *asked);

  auto [prove, proof] = add_verb<Arguments>(
      *noun, session, "verify",
      "Prove it, by a certificate that it issued with the code as common name", verify);
  add_name(*prove, *proof);
  add_file(*prove, *proof, "The certificate with the code, PEM or DER");
  add_match(*prove, *proof);

  auto [erase, erased] = add_verb<Arguments>(
      *noun, session, "delete", "Delete one; devices that it let in are cut off", remove);
  add_name(*erase, *erased);
  add_match(*erase, *erased);
}

}  // namespace cli
