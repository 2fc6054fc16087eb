// vedette advisory ...: bundles of advisories
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20U;  // the most that the hub takes at once
constexpr std::chrono::milliseconds kLookAgain{200};
constexpr std::chrono::seconds kTellAgain{2};

struct Arguments {
  std::vector<std::string> files;
  std::string name;
};

// What a file is called without its folder and its endings, in the letters of a bundle's name.
std::string name_of(const std::string& file) {
  std::filesystem::path path = std::filesystem::path(file).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string name = base::to_lower(path.filename().string());
  for (const std::string_view ending : {".gz", ".zip", ".json", ".jsonl", ".ndjson"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  std::ranges::replace_if(
      name,
      [](char c) {
        return std::string_view("abcdefghijklmnopqrstuvwxyz0123456789._-").find(c) ==
               std::string_view::npos;
      },
      '-');
  const std::size_t first = name.find_first_not_of("._-");
  return first == std::string::npos ? std::string() : name.substr(first, 64);
}

// Of a folder its documents, one after the other.
Outcome<std::vector<std::string>> parts_of(const std::string& file) {
  std::error_code failed;
  if (!std::filesystem::is_directory(file, failed)) return std::vector{file};
  std::vector<std::string> parts;
  for (const auto& entry : std::filesystem::directory_iterator(file, failed)) {
    if (entry.path().extension() == ".json") parts.push_back(entry.path().string());
  }
  if (failed) return give_up(Exit::Usage, "cannot read " + file + ": " + failed.message());
  if (parts.empty()) return give_up(Exit::Usage, "there are no documents (*.json) in " + file);
  std::ranges::sort(parts);
  return parts;
}

// Says how far it is, now and then.
class Teller {
 public:
  Teller(const Session& session, std::string name)
      : session_(session), name_(std::move(name)), next_(base::mono_now() + kTellAgain) {}
  void tell(const char* what, std::uint64_t done, std::uint64_t all) {
    if (base::mono_now() < next_) return;
    next_ = base::mono_now() + kTellAgain;
    session_.note(fmt::format("{}: {} {} %", name_, what, all == 0 ? 0 : done * 100 / all));
  }

 private:
  const Session& session_;
  std::string name_;
  base::MonoTime next_;
};

// Sends the files in pieces that do not care where one ends.
class Sender {
 public:
  Sender(Client& client, std::string path, Teller& teller, std::uint64_t all)
      : client_(client), path_(std::move(path)), teller_(teller), all_(all) {}

  Outcome<void> take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), kPiece - piece_.size());
      piece_ += bytes.substr(0, count);
      bytes.remove_prefix(count);
      if (piece_.size() == kPiece) TRY(flush());
    }
    return {};
  }
  Outcome<void> flush() {
    if (piece_.empty()) return {};
    std::string path = path_;
    add_parameter(path, "offset", std::to_string(sent_));
    TRY(client_.call("PUT", path, piece_, {{"Content-Type", "application/octet-stream"}}));
    sent_ += piece_.size();
    piece_.clear();
    teller_.tell("sent", sent_, all_);
    return {};
  }

 private:
  Client& client_;
  std::string path_;
  Teller& teller_;
  std::uint64_t all_;
  std::uint64_t sent_ = 0;
  std::string piece_;
};

Outcome<void> send_parts(Sender& sender, const std::vector<std::string>& parts) {
  std::string buffer(kPiece, '\0');
  for (const std::string& part : parts) {
    std::ifstream file(part, std::ios::binary);
    if (!file) return give_up(Exit::Usage, "cannot read " + part);
    while (file) {
      file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      TRY(sender.take(std::string_view(buffer).substr(0, static_cast<std::size_t>(file.gcount()))));
    }
    if (file.bad()) return give_up(Exit::Usage, "cannot read " + part);
    // Documents stand on lines of their own.
    if (parts.size() > 1) TRY(sender.take("\n"));
  }
  return sender.flush();
}

std::uint64_t bytes_of(const std::vector<std::string>& parts) {
  std::uint64_t all = 0;
  for (const std::string& part : parts) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(part, failed);
    if (!failed) all += size;
  }
  return all;
}

std::uint64_t number_of(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  const std::int64_t* number = value == nullptr ? nullptr : value->if_int();
  return number == nullptr ? 0 : static_cast<std::uint64_t>(*number);
}

// Until the hub has read it.
Outcome<Value> await_import(Client& client, const std::string& path, Teller& teller) {
  while (true) {
    Value import = TRY(client.call("GET", path));
    const std::string_view state = import.text_or("state", "");
    if (state == "failed")
      return give_up(Exit::Failure,
                     "the hub could not import it: " + printable(import.text_or("error", "")));
    if (state == "done") return import;
    teller.tell("read", number_of(import, "read"), number_of(import, "bytes"));
    std::this_thread::sleep_for(kLookAgain);
  }
}

Outcome<void> import_one(const Session& session, Client& client, const std::string& file,
                         const std::string& name) {
  const auto parts = TRY(parts_of(file));
  Value::Object body;
  body.push_back({"bundle", Value(name)});
  const Value begun =
      TRY(client.call("POST", "/advisory-uploads", Value(std::move(body)).to_json()));
  const std::string path = "/advisory-uploads/" + base::percent_encode(begun.text_or("id", ""));
  Teller teller(session, name);
  Sender sender(client, path, teller, bytes_of(parts));
  const auto sent = send_parts(sender, parts);
  if (!sent) {
    (void)client.call("DELETE", path);
    return std::unexpected(sent.error());
  }
  TRY(client.call("POST", path + "/import"));
  TRY(await_import(client, path, teller));
  return {};
}

Outcome<Exit> print_bundles(const Session& session, const Value& list) {
  return print_list(session, list,
                    {{"Name", "name"},
                     {"Format", "format"},
                     {"Imported", "imported"},
                     {"Advisories", "advisories"},
                     {"Packages", "packages"},
                     {"Malformed", "malformed"},
                     {"Releases", "releases"}});
}

Outcome<Exit> list(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  auto bundles = TRY(client.call("GET", "/advisory-bundles"));
  return print_bundles(session, bundles);
}

Outcome<Exit> import(const Session& session, const Arguments& arguments) {
  if (!arguments.name.empty() && arguments.files.size() > 1)
    return give_up(Exit::Usage, "--name is for one file");
  auto client = TRY(session.connect());
  for (const std::string& file : arguments.files) {
    const std::string name = arguments.name.empty() ? name_of(file) : arguments.name;
    if (name.empty()) return give_up(Exit::Usage, "what is it to be called? Say so with --name");
    TRY(import_one(session, client, file, name));
  }
  auto bundles = TRY(client.call("GET", "/advisory-bundles"));
  return print_bundles(session, bundles);
}

const Value::Array& array_of(const Value& object, std::string_view name) {
  static const Value::Array none;
  const Value* found = object.find(name);
  return found == nullptr || found->if_array() == nullptr ? none : *found->if_array();
}

Outcome<Exit> status(const Session& session, const Arguments&) {
  auto client = TRY(session.connect());
  auto all = TRY(client.call("GET", "/advisory-bundles"));
  const auto shown = print_object(session, all,
                                  {{"Devices with a picture", "devices.known"},
                                   {"To be compared yet", "devices.waiting"},
                                   {"Of no release that a bundle is about", "devices.uncovered"},
                                   {"With something to install", "devices.vulnerable"}});
  if (!shown || session.format() != Format::Table) return shown;
  std::ostream& out = session.environment.out;
  for (const Value& import : array_of(all, "imports")) {
    out << "\nImport of " << printable(cell(import.find("bundle"))) << ": "
        << printable(cell(import.find("state"))) << ", " << printable(cell(import.find("changed")))
        << ", by " << printable(cell(import.find("actor")));
    if (const std::string error = cell(import.find("error")); !error.empty())
      out << ": " << printable(error);
  }
  for (const Value& bundle : array_of(all, "items")) {
    for (const Value& problem : array_of(bundle, "problems"))
      out << "\nIn " << printable(cell(bundle.find("name")))
          << ", not read: " << printable(cell(&problem));
  }
  out << '\n';
  return Exit::Ok;
}

Outcome<Exit> show(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", "/vulnerabilities/" + base::percent_encode(arguments.name)));
  const auto shown =
      print_object(session, found, {{"Vulnerability", "name"}, {"Found", "findings"}});
  if (!shown || session.format() != Format::Table) return shown;
  std::ostream& out = session.environment.out;
  for (const Value& advisory : array_of(found, "advisories")) {
    out << '\n'
        << printable(cell(advisory.find("origin"))) << " ("
        << printable(cell(advisory.find("bundle"))) << ", "
        << printable(cell(advisory.find("severity"))) << ")\n  "
        << printable(cell(advisory.find("summary"))) << '\n';
    for (const Value& package : array_of(advisory, "packages")) {
      out << "  " << printable(cell(package.find("release"))) << "  "
          << printable(cell(package.find("package"))) << "  "
          << printable(cell(package.find("affected"))) << "  "
          << printable(cell(package.find("plan"))) << '\n';
    }
  }
  return Exit::Ok;
}

Outcome<Exit> remove(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  TRY(client.call("DELETE", "/advisory-bundles/" + base::percent_encode(arguments.name)));
  session.note("removed " + arguments.name);
  return Exit::Ok;
}

}  // namespace

void add_advisory(CLI::App& program, Session& session) {
  auto* noun =
      program.add_subcommand("advisory", "Bundles of advisories that software is compared with");
  noun->require_subcommand(1);
  auto [in, imported] = add_verb<Arguments>(
      *noun, session, "import",
      "Bring a bundle: the Debian security tracker's JSON, or OSV (a document, lines, a list, a "
      "zip archive, a folder)",
      import);
  in->add_option("FILE", imported->files, "Files or folders, a bundle each")
      ->type_name("")
      ->required();
  in->add_option(
        "--name", imported->name,
        "What it is called; it takes the place of the bundle of that name (default: as the "
        "file)")
      ->type_name("NAME");
  add_verb<Arguments>(*noun, session, "list", "The bundles", list);
  add_verb<Arguments>(*noun, session, "status", "Imports, and how devices stand", status);
  auto [one, shown] = add_verb<Arguments>(*noun, session, "show",
                                          "What the bundles say about a vulnerability", show);
  one->add_option("CVE", shown->name, "Its name")->type_name("")->required();
  auto [gone, removed] = add_verb<Arguments>(*noun, session, "remove", "Remove a bundle", remove);
  gone->add_option("NAME", removed->name, "Name of the bundle")->type_name("")->required();
}

}  // namespace cli
