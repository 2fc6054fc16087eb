// vedette store ...: the hub's stores themselves.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/hub_program.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

// What is done to a store takes as long as it takes.
constexpr std::chrono::hours kPatience{24};
// A part of a file on its way to the hub; its requests are of at most a mebibyte.
constexpr std::size_t kPartBytes = std::size_t{768} << 10U;

struct Arguments {
  std::string data_dir;
  std::string name;
  std::string folder;
  std::string table;
  std::string from;
  std::string to;
  std::string format = "parquet";
  std::string file;
};

Outcome<Value> parsed(std::string_view text) {
  auto value = base::json::parse(base::trim(text));
  if (!value) return give_up(Exit::Failure, "the answer is not JSON");
  return std::move(*value);
}

Outcome<Value> call_patiently(Client& client, const char* method, const std::string& path,
                              std::string_view body = {}) {
  const Answer answer = TRY(client.send(method, path, body, {}, kPatience));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  return parsed(answer.body);
}

// What the hub's own program says of a data folder whose hub does not run.
Outcome<Value> ask_offline(const Arguments& arguments, std::vector<std::string> words) {
  words.insert(words.begin(), "store");
  words.insert(words.end(), {"--data-dir", arguments.data_dir});
  const std::string output = TRY(run_hub_program(words));
  return parsed(output);
}

Outcome<Value> ask(const Session& session, const Arguments& arguments, const char* verb) {
  if (!arguments.data_dir.empty()) return ask_offline(arguments, {verb});
  auto client = TRY(session.connect());
  return call_patiently(client, "POST", std::string("/store/") + verb);
}

Outcome<Exit> verify(const Session& session, const Arguments& arguments) {
  const Value found = TRY(ask(session, arguments, "verify"));
  const Value* sound = found.find("sound");
  const bool good = sound != nullptr && sound->if_bool() != nullptr && *sound->if_bool();
  TRY(print_object(session, found,
                   {{"Sound", "sound"},
                    {"Pieces", "pieces"},
                    {"Bytes", "bytes"},
                    {"Rows not in pieces", "hotRows"},
                    {"Damaged", "damaged"}}));
  return good ? Exit::Ok : Exit::Failure;
}

Outcome<Exit> compact(const Session& session, const Arguments& arguments) {
  const Value done = TRY(ask(session, arguments, "compact"));
  return print_object(session, done,
                      {{"Rows sealed", "sealedRows"},
                       {"Pieces before", "piecesBefore"},
                       {"Pieces now", "piecesAfter"},
                       {"Bytes before", "bytesBefore"},
                       {"Bytes now", "bytesAfter"}});
}

constexpr std::initializer_list<Field> kBackupFields = {{"Backup", "name"}, {"Folder", "folder"},
                                                        {"Made", "made"},   {"By", "madeBy"},
                                                        {"Files", "files"}, {"Bytes", "bytes"}};

Outcome<Exit> backup(const Session& session, const Arguments& arguments) {
  if (!arguments.data_dir.empty()) {
    if (arguments.folder.empty())
      return give_up(Exit::Usage, "--data-dir needs --to, the folder to make");
    const Value made = TRY(ask_offline(arguments, {"backup", "--to", arguments.folder}));
    return print_object(session, made, kBackupFields);
  }
  if (!arguments.folder.empty())
    return give_up(Exit::Usage, "--to belongs to --data-dir",
                   "A running hub makes its backups in a folder of its own: see backup.dir.");
  auto client = TRY(session.connect());
  Value::Object body;
  if (!arguments.name.empty()) body.push_back({"name", Value(arguments.name)});
  const Value made =
      TRY(call_patiently(client, "POST", "/backups", Value(std::move(body)).to_json()));
  return print_object(session, made, kBackupFields);
}

Outcome<Exit> list_backups(const Session& session, const Arguments& /*arguments*/) {
  auto client = TRY(session.connect());
  const Value found = TRY(client.call("GET", "/backups"));
  return print_list(session, found, kBackupFields);
}

Outcome<Exit> check_backup(const Session& session, const Arguments& arguments) {
  if (arguments.name.empty() == arguments.folder.empty())
    return give_up(Exit::Usage, "name a backup of the hub, or a folder with --folder");
  if (!arguments.folder.empty()) {
    const std::string output = TRY(run_hub_program({"store", "check", arguments.folder}));
    return print_object(session, TRY(parsed(output)), kBackupFields);
  }
  auto client = TRY(session.connect());
  const Value found = TRY(call_patiently(
      client, "POST", "/backups/" + base::percent_encode(arguments.name) + "/check"));
  return print_object(session, found, kBackupFields);
}

Outcome<Exit> restore(const Session& session, const Arguments& arguments) {
  if (arguments.data_dir.empty())
    return give_up(Exit::Usage, "--data-dir: say which folder to make");
  const Value done = TRY(ask_offline(arguments, {"restore", arguments.folder}));
  return print_object(session, done, kBackupFields);
}

Outcome<Exit> export_online(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  std::string path = "/store/export";
  add_parameter(path, "table", arguments.table);
  add_parameter(path, "from", arguments.from);
  add_parameter(path, "to", arguments.to);
  add_parameter(path, "format", arguments.format);
  // Beside it first: a file of that name is a complete one.
  const std::string partial = arguments.file + ".part";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  if (!file) return give_up(Exit::Failure, "cannot write " + partial);
  const auto sink = [&file](std::string_view piece) {
    file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return static_cast<bool>(file);
  };
  const auto answer = client.download("GET", path, {}, sink, kPatience);
  file.close();
  const bool complete = answer && answer->status < 400 && file;
  if (complete && std::rename(partial.c_str(), arguments.file.c_str()) == 0) return Exit::Ok;
  std::remove(partial.c_str());
  if (!answer) return std::unexpected(answer.error());
  if (answer->status >= 400) return std::unexpected(failure_of(*answer));
  return give_up(Exit::Failure, "cannot write the whole file");
}

Outcome<Exit> export_rows(const Session& session, const Arguments& arguments) {
  if (arguments.data_dir.empty()) return export_online(session, arguments);
  std::vector<std::string> words = {"export",       "--table",  arguments.table, "--file",
                                    arguments.file, "--format", arguments.format};
  if (!arguments.from.empty()) words.insert(words.end(), {"--from", arguments.from});
  if (!arguments.to.empty()) words.insert(words.end(), {"--to", arguments.to});
  const Value done = TRY(ask_offline(arguments, std::move(words)));
  return print_object(session, done, {{"Rows", "rows"}, {"Bytes", "bytes"}});
}

// In parts, each where it belongs: one that is sent again does no harm.
Outcome<Exit> send_file(Client& client, const std::string& path, std::ifstream& file) {
  std::string part(kPartBytes, '\0');
  std::uint64_t offset = 0;
  while (true) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    const auto got = static_cast<std::size_t>(file.gcount());
    if (got == 0) return Exit::Ok;
    std::string target = path;
    add_parameter(target, "offset", std::to_string(offset));
    const Answer answer = TRY(client.send("PUT", target, std::string_view(part).substr(0, got),
                                          {{"Content-Type", "application/octet-stream"}}));
    if (answer.status >= 400) return std::unexpected(failure_of(answer));
    offset += got;
  }
}

constexpr std::initializer_list<Field> kImported = {
    {"Rows read", "rowsRead"}, {"Rows added", "rowsAdded"}, {"Rows there already", "rowsKnown"}};

Outcome<Exit> import_rows(const Session& session, const Arguments& arguments) {
  if (!arguments.data_dir.empty()) {
    const Value done = TRY(ask_offline(arguments, {"import", "--table", arguments.table, "--file",
                                                   arguments.file, "--format", arguments.format}));
    return print_object(session, done, kImported);
  }
  std::ifstream file(arguments.file, std::ios::binary);
  if (!file) return give_up(Exit::Usage, "cannot read " + arguments.file);
  auto client = TRY(session.connect());
  Value::Object body;
  body.push_back({"table", Value(arguments.table)});
  body.push_back({"format", Value(arguments.format)});
  const Value begun = TRY(client.call("POST", "/store/imports", Value(std::move(body)).to_json()));
  const std::string path =
      "/store/imports/" + base::percent_encode(begun.text_or("id", "")) + "/content";
  TRY(send_file(client, path, file));
  const Value done = TRY(call_patiently(
      client, "POST", "/store/imports/" + base::percent_encode(begun.text_or("id", "")) + "/run"));
  return print_object(session, done, kImported);
}

void add_data_dir(CLI::App& command, Arguments& arguments) {
  command
      .add_option("--data-dir", arguments.data_dir,
                  "Of the hub that made this folder, which must not run (default: ask the hub)")
      ->type_name("FOLDER");
}

void add_rows(CLI::App& command, Arguments& arguments) {
  command.add_option("--table", arguments.table, "Of this table")->type_name("TABLE")->required();
  command.add_option("--file", arguments.file, "The file")->type_name("FILE")->required();
  command.add_option("--format", arguments.format, "parquet (default) or ndjson")
      ->type_name("parquet|ndjson")
      ->check(one_of({"parquet", "ndjson"}));
  add_data_dir(command, arguments);
}

void add_backups(CLI::App& noun, Session& session) {
  auto [made, backed] =
      add_verb(noun, session, "backup", "Copy everything that a hub needs, while it runs", backup);
  made->add_option("NAME", backed->name, "Its name (default: the time)")->type_name("");
  made->add_option("--to", backed->folder, "With --data-dir: the folder to make")
      ->type_name("FOLDER");
  add_data_dir(*made, *backed);
  add_verb(noun, session, "backups", "List the hub's backups", list_backups);
  auto [look, looked] =
      add_verb(noun, session, "check", "Read every byte of a backup", check_backup);
  look->add_option("NAME", looked->name, "A backup of the hub")->type_name("");
  look->add_option("--folder", looked->folder, "A backup in a folder of this machine")
      ->type_name("FOLDER");
  auto [back, restored] =
      add_verb(noun, session, "restore", "Make a data folder of a backup", restore);
  back->add_option("FOLDER", restored->folder, "The backup")->type_name("")->required();
  back->add_option("--data-dir", restored->data_dir, "The folder to make; absent or empty")
      ->type_name("FOLDER");
}

}  // namespace

void add_store(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("store", "The event store itself: check, copy, move");
  noun->require_subcommand(1);
  auto [look, looked] =
      add_verb(*noun, session, "verify", "Read every byte, and say what is damaged", verify);
  add_data_dir(*look, *looked);
  auto [small, made] = add_verb(*noun, session, "compact",
                                "Put all rows into pieces, and merge these, now", compact);
  add_data_dir(*small, *made);
  add_backups(*noun, session);
  auto [out, exported] =
      add_verb(*noun, session, "export", "Write rows as they are stored, to be imported elsewhere",
               export_rows);
  add_rows(*out, *exported);
  out->add_option("--from", exported->from, "The first TimeGenerated, as in RFC 3339")
      ->type_name("TIME");
  out->add_option("--to", exported->to, "The end, which is not part of it")->type_name("TIME");
  auto [in, imported] =
      add_verb(*noun, session, "import", "Add exported rows; what is there already is passed over",
               import_rows);
  add_rows(*in, *imported);
}

}  // namespace cli
