// vedette quarantine ...
#include <fstream>
#include <ostream>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Arguments {
  std::string id;
  std::string device;
  std::string reason;
  std::string content;
  std::size_t limit = 100;
  bool all = false;
};

std::string path_of(std::string_view id) {
  return "/quarantine/" + base::percent_encode(id);
}

Outcome<Value> fetch(Client& client, const Arguments& arguments, std::size_t limit) {
  std::string path = "/quarantine";
  add_parameter(path, "device", arguments.device);
  add_parameter(path, "reason", arguments.reason);
  return fetch_list(client, path, limit);
}

Outcome<Exit> list(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(fetch(client, arguments, arguments.limit));
  return print_list(session, found,
                    {{"Id", "id"},
                     {"Received", "received"},
                     {"Device", "deviceId"},
                     {"Module", "moduleId"},
                     {"Bytes", "bytes"},
                     {"Attempts", "attempts"},
                     {"Why", "why"}});
}

Outcome<Exit> save_content(const Session& session, Client& client, const Arguments& arguments) {
  auto answer = TRY(client.send("GET", path_of(arguments.id) + "/content"));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  if (arguments.content == "-") {
    session.environment.out << answer.body;
    return Exit::Ok;
  }
  std::ofstream file(arguments.content, std::ios::binary);
  file << answer.body;
  file.close();
  if (!file) return give_up(Exit::Failure, "cannot write " + arguments.content);
  return Exit::Ok;
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  if (!arguments.content.empty()) return save_content(session, client, arguments);
  auto message = TRY(client.call("GET", path_of(arguments.id)));
  return print_object(session, message,
                      {{"Message", "id"},
                       {"Device", "deviceId"},
                       {"Module", "moduleId"},
                       {"Received", "received"},
                       {"Reason", "reason"},
                       {"Why", "why"},
                       {"Bytes", "bytes"},
                       {"Properties", "properties"},
                       {"System properties", "systemProperties"},
                       {"Attempts", "attempts"},
                       {"Last attempt", "lastAttempt"},
                       {"Last answer", "lastAnswer"}});
}

using One = Outcome<Value> (*)(Client&, std::string_view);

Outcome<Value> replay_one(Client& client, std::string_view id) {
  return client.call("POST", path_of(id) + "/replay");
}
Outcome<Value> discard_one(Client& client, std::string_view id) {
  return client.call("DELETE", path_of(id));
}

// All that are there now; what stays says why, and the others are done all the same.
Outcome<Exit> for_all(const Session& session, Client& client, const Arguments& arguments,
                      const char* done, One one) {
  auto found = TRY(fetch(client, arguments, 1'000'000));
  const Value* items = found.find("items");
  std::size_t count = 0;
  std::size_t failed = 0;
  for (const Value& item :
       items == nullptr || items->if_array() == nullptr ? Value::Array() : *items->if_array()) {
    const auto result = one(client, item.text_or("id", ""));
    if (result) {
      ++count;
    } else if (result.error().status == Exit::Conflict) {
      ++failed;
      session.note(std::string(item.text_or("id", "")) + ": " + result.error().message);
    } else if (result.error().status != Exit::NotFound) {
      return std::unexpected(result.error());
    }
  }
  session.note(std::to_string(count) + " " + done + ", " + std::to_string(failed) + " stay");
  return failed == 0 ? Exit::Ok : Exit::Conflict;
}

Outcome<Exit> for_each(const Session& session, const Arguments& arguments, const char* done,
                       One one) {
  const bool filtered = !arguments.device.empty() || !arguments.reason.empty();
  if (arguments.all == !arguments.id.empty() || (filtered && !arguments.all)) {
    return give_up(Exit::Usage, "name one message, or say --all",
                   "--device and --reason narrow --all down.");
  }
  auto client = TRY(session.connect());
  if (arguments.all) return for_all(session, client, arguments, done, one);
  TRY(one(client, arguments.id));
  return Exit::Ok;
}

Outcome<Exit> replay(const Session& session, const Arguments& arguments) {
  return for_each(session, arguments, "replayed", replay_one);
}
Outcome<Exit> discard(const Session& session, const Arguments& arguments) {
  return for_each(session, arguments, "discarded", discard_one);
}

void add_filter(CLI::App& command, Arguments& arguments) {
  command.add_option("--device", arguments.device, "Only messages of this device")
      ->type_name("DEVICE");
  command
      .add_option("--reason", arguments.reason,
                  "Only messages of which all, or some events, were refused")
      ->type_name("message_invalid|event_invalid")
      ->check(one_of({"message_invalid", "event_invalid"}));
}

}  // namespace

void add_quarantine(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("quarantine", "Security messages that did not validate");
  noun->require_subcommand(1);
  const auto verb = [&](const char* name, const char* description, Run<Arguments> run) {
    return add_verb(*noun, session, name, description, run);
  };

  auto [all, listed] = verb("list", "List them, newest first", list);
  add_filter(*all, *listed);
  add_limit(*all, listed->limit);

  auto [one, shown] = verb("show", "Show one: who sent it, and what is wrong with it", show);
  one->add_option("MESSAGE", shown->id, "Id of the message")->type_name("")->required();
  one->add_option("--content", shown->content,
                  "Write what the device sent into this file instead; - is standard output")
      ->type_name("FILE");

  auto [again, replayed] =
      verb("replay", "Have one taken after all, or all that are acceptable now", replay);
  again->add_option("MESSAGE", replayed->id, "Id of the message")->type_name("");
  again->add_flag("--all", replayed->all, "All of them");
  add_filter(*again, *replayed);

  auto [away, discarded] = verb("discard", "Throw one away, or all", discard);
  away->add_option("MESSAGE", discarded->id, "Id of the message")->type_name("");
  away->add_flag("--all", discarded->all, "All of them");
  add_filter(*away, *discarded);
}

}  // namespace cli
