#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "detect/custom/definition.h"

// The custom alerts of this hub: those that people made, in SQLite, and those of files.
namespace hub::custom_alerts {

using detect::custom::Definition;

struct Entry {
  std::string id;
  std::string key;  // detect::custom::id_of(definition)
  Definition definition;
  base::WallTime since;  // where its windows begin: changes with group, type and window
  base::WallTime created;
  base::WallTime updated;
  std::string updated_by;
  std::string etag;
  std::string file;  // that it comes from; empty: somebody made it here
};

// A file, or a part of one, that is not in force.
struct Problem {
  std::string file;
  std::string message;  // "line 7: ..." where a place is known
};

struct Options {
  std::string path;         // state.db, or any other SQLite file
  std::string folder = {};  // of *.yml and *.json; empty or absent: no files
  std::size_t max_alerts = 10'000;
};

struct Filter {
  std::string group = {};  // empty: all
  std::optional<detect::custom::Type> type = {};
};

// What an import did, or would do.
struct Imported {
  std::size_t created = 0;
  std::size_t changed = 0;
  std::size_t unchanged = 0;
  std::size_t removed = 0;
};
// Merge leaves alone what the import does not name; Replace removes it.
enum class ImportMode : std::uint8_t { Merge, Replace };
enum class DryRun : std::uint8_t { No, Yes };

// Kept on disk before a call returns. Threads: any; calls wait for each other.
class CustomAlerts {
 public:
  // Errors: those of store::Sqlite. Files that are wrong are problems().
  static base::Result<std::unique_ptr<CustomAlerts>> open(Options options, base::WallTime now);
  ~CustomAlerts();
  CustomAlerts(const CustomAlerts&) = delete;
  CustomAlerts& operator=(const CustomAlerts&) = delete;

  // By group, type, window or kind of list.
  base::Result<std::vector<Entry>> list(const Filter& filter) const;
  // Errors: NotFound.
  base::Result<Entry> get(std::string_view id) const;
  // Errors: Invalid (the definition), Exists (one of the same group, type, and window or kind of
  // list), Full (max_alerts).
  base::Result<Entry> create(const Definition& definition, std::string_view actor,
                             base::WallTime now);
  // `etag`: what it must be at present; empty or "*": anything. Errors: those of create(),
  // NotFound, Denied (it comes from a file), Conflict (another etag).
  base::Result<Entry> replace(std::string_view id, const Definition& definition,
                              std::string_view etag, std::string_view actor, base::WallTime now);
  // Errors: NotFound, Denied, Conflict.
  base::Result<void> remove(std::string_view id, std::string_view etag);
  // All or nothing. Errors: those of create().
  base::Result<Imported> import(std::span<const Definition> definitions, ImportMode mode,
                                DryRun dry_run, std::string_view actor, base::WallTime now);

  // Reads the folder again when its files have changed. Call it every few seconds. Whether they
  // had. Errors: those of store::Sqlite.
  base::Result<bool> follow(base::WallTime now);
  std::vector<Problem> problems() const;

  // Gets all that is in force: at once, and again after each change. Before serving only.
  using Sink = std::function<void(std::vector<std::shared_ptr<const detect::custom::Rule>>)>;
  void on_change(Sink sink);

 private:
  struct State;
  explicit CustomAlerts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::custom_alerts
