#pragma once

// Private to the commands: includes CLI11.

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/validators.h"

namespace cli {

template <class Arguments>
using Run = Outcome<Exit> (*)(const Session&, const Arguments&);

// Adds a command of a noun: `run` gets the arguments that its options fill.
template <class Arguments>
std::pair<CLI::App*, std::shared_ptr<Arguments>> add_verb(CLI::App& noun, Session& session,
                                                          const char* name, const char* description,
                                                          Run<Arguments> run) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = noun.add_subcommand(name, description);
  command->callback([&session, arguments, run] {
    session.action = [&session, arguments, run] { return run(session, *arguments); };
  });
  return {command, arguments};
}

// --if-match ETAG
inline void add_if_match(CLI::App& command, std::string& etag) {
  command.add_option("--if-match", etag, "Only when its ETag is still this one")->type_name("ETAG");
}
// What it says to the hub; nothing when it was not given.
inline Client::Headers if_match_of(const std::string& etag) {
  if (etag.empty()) return {};
  return {{"If-Match", etag}};
}

// --limit COUNT, of a list; `limit` holds the default.
inline void add_limit(CLI::App& command, std::size_t& limit) {
  command.add_option("--limit", limit, fmt::format("At most so many (default {})", limit))
      ->type_name("COUNT")
      ->check(in_range(1, 1'000'000));
}

inline Outcome<std::string> read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return give_up(Exit::Usage, "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace cli
