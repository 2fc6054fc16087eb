// vedette device|module send, messages, purge, method
#include "cli/command.h"

#include <chrono>
#include <ostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/validators.h"
#include "cli/verb.h"
#include "os/file.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::size_t kMaxFile = 1U << 20U;
// What the hub waits for when nothing is said.
constexpr std::int64_t kResponseTimeout = 30;
constexpr std::chrono::seconds kMargin{30};

struct Arguments {
  std::string device;
  std::string module;
  std::string input;
  std::string body;
  std::string message_id;
  std::string correlation_id;
  std::string content_type;
  std::string ack;
  std::string life;
  std::vector<std::string> properties;
  std::string method;
  std::string payload;
  std::int64_t connect_timeout = 0;
  std::int64_t response_timeout = kResponseTimeout;
};

std::string path_of(const Arguments& arguments, std::string_view what) {
  std::string path = "/devices/" + base::percent_encode(arguments.device);
  if (!arguments.module.empty()) path += "/modules/" + base::percent_encode(arguments.module);
  return path.append("/").append(what);
}

// The text as it is, or what is in @FILE.
Outcome<std::string> read_text(const std::string& argument, const char* what) {
  if (!argument.starts_with('@')) return argument;
  auto read = os::read_file(argument.substr(1), kMaxFile);
  if (read) return std::move(*read);
  return give_up(Exit::Usage, std::string(what) + ": " + argument.substr(1) +
                                  " cannot be read: " + read.error().to_string());
}

void append(Value::Object& object, const char* name, const std::string& text) {
  if (!text.empty()) object.push_back({name, Value(text)});
}

Outcome<Value> read_properties(const std::vector<std::string>& given) {
  Value::Object properties;
  for (const std::string& property : given) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos || equals == 0)
      return give_up(Exit::Usage, "--property: expected NAME=VALUE, found " + property);
    properties.push_back({property.substr(0, equals), Value(property.substr(equals + 1))});
  }
  return Value(std::move(properties));
}

Outcome<Exit> send(const Session& session, const Arguments& arguments) {
  auto text = TRY(read_text(arguments.body, "BODY"));
  auto properties = TRY(read_properties(arguments.properties));
  Value::Object body;
  if (base::is_utf8(text))
    body.push_back({"body", Value(std::move(text))});
  else
    body.push_back({"bodyBase64", Value(base::base64_encode(base::as_bytes(text)))});
  append(body, "input", arguments.input);
  append(body, "messageId", arguments.message_id);
  append(body, "correlationId", arguments.correlation_id);
  append(body, "contentType", arguments.content_type);
  append(body, "ack", arguments.ack);
  append(body, "timeToLive", arguments.life);
  if (!arguments.properties.empty()) body.push_back({"properties", std::move(properties)});
  auto client = TRY(session.connect());
  auto receipt =
      TRY(client.call("POST", path_of(arguments, "messages"), Value(std::move(body)).to_json()));
  return print_object(session, receipt,
                      {{"Message", "messageId"},
                       {"Sequence", "sequence"},
                       {"Enqueued", "enqueued"},
                       {"Expires", "expires"}});
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto messages = TRY(client.call("GET", path_of(arguments, "messages")));
  return print_list(session, messages,
                    {{"Message", "messageId"},
                     {"State", "state"},
                     {"Deliveries", "deliveryCount"},
                     {"Bytes", "bytes"},
                     {"Ack", "ack"},
                     {"Enqueued", "enqueued"},
                     {"Expires", "expires"}});
}

Outcome<Exit> purge(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto purged = TRY(client.call("DELETE", path_of(arguments, "messages")));
  return print_object(session, purged, {{"Purged", "purged"}});
}

Outcome<Exit> invoke(const Session& session, const Arguments& arguments) {
  Value::Object body;
  body.push_back({"method", Value(arguments.method)});
  if (!arguments.payload.empty()) {
    auto text = TRY(read_text(arguments.payload, "--payload"));
    auto payload = base::json::parse(base::trim(text));
    if (!payload)
      return give_up(Exit::Usage, "--payload is not JSON: " + payload.error().to_string());
    body.push_back({"payload", std::move(*payload)});
  }
  body.push_back({"connectTimeoutSeconds", Value(arguments.connect_timeout)});
  body.push_back({"responseTimeoutSeconds", Value(arguments.response_timeout)});
  auto client = TRY(session.connect());
  // The hub says when the time is over.
  const auto patience =
      std::chrono::seconds(arguments.connect_timeout + arguments.response_timeout) + kMargin;
  auto answer = TRY(client.send("POST", path_of(arguments, "methods"),
                                Value(std::move(body)).to_json(), {}, patience));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  auto json = base::json::parse(answer.body);
  if (!json) return give_up(Exit::Failure, "the hub's answer is no JSON");
  return print_object(session, *json, {{"Status", "status"}, {"Payload", "payload"}});
}

void add_send(CLI::App& command, Arguments& arguments, Modules modules) {
  if (modules == Modules::Yes) {
    command.add_option("INPUT", arguments.input, "Input of the module")->type_name("")->required();
  }
  command.add_option("BODY", arguments.body, "The message: text, or @FILE")
      ->type_name("")
      ->required();
  command.add_option("--message-id", arguments.message_id, "Its id; the hub makes one otherwise")
      ->type_name("ID");
  command.add_option("--correlation-id", arguments.correlation_id, "What it belongs to")
      ->type_name("ID");
  command.add_option("--content-type", arguments.content_type, "Such as application/json")
      ->type_name("TYPE");
  command.add_option("--property", arguments.properties, "A property; may be repeated")
      ->type_name("NAME=VALUE");
  command.add_option("--ack", arguments.ack, "Which ends are reported as feedback (default none)")
      ->type_name("none|positive|negative|full")
      ->check(one_of({"none", "positive", "negative", "full"}));
  command.add_option("--ttl", arguments.life, "How long it may wait, such as PT1H (default)")
      ->type_name("DURATION");
}

void add_method(CLI::App& command, Arguments& arguments) {
  command.add_option("METHOD", arguments.method, "Name of the method")->type_name("")->required();
  command.add_option("--payload", arguments.payload, "JSON, or @FILE")->type_name("JSON");
  command
      .add_option("--connect-timeout", arguments.connect_timeout,
                  "Seconds to wait for it to connect (default 0)")
      ->type_name("SECONDS")
      ->check(in_range(0, 300));
  command
      .add_option("--response-timeout", arguments.response_timeout,
                  "Seconds to wait for its answer (default 30)")
      ->type_name("SECONDS")
      ->check(in_range(5, 300));
}

}  // namespace

void add_commands(CLI::App& noun, Session& session, Modules modules) {
  const bool module = modules == Modules::Yes;
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    auto added = add_verb(noun, session, name, description, run);
    auto& [command, arguments] = added;
    command->add_option("DEVICE", arguments->device, "Id of the device")->type_name("")->required();
    if (module) {
      command->add_option("MODULE", arguments->module, "Id of the module")
          ->type_name("")
          ->required();
    }
    return added;
  };
  auto [message, sent] =
      verb("send", module ? "Send a message to an input of a module" : "Send a message to a device",
           send);
  add_send(*message, *sent, modules);
  verb("messages", "List the messages that wait for it", list);
  verb("purge", "Drop all messages that wait for it", purge);
  auto [call, called] = verb("method", "Call a direct method and print its answer", invoke);
  add_method(*call, *called);
}

}  // namespace cli
