#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

// Queries that people keep under a name, for themselves or for all, and those that come with the
// hub.
namespace hub::saved_queries {

// What its author says.
struct Draft {
  std::string name;
  std::string description;
  std::string query;
  std::vector<std::string> tags;
  bool shared = false;  // everybody who may look at the hub sees it
};

struct Query {
  std::string id;
  Draft draft;
  std::string owner;  // a principal's name; kBuiltin for those that come with the hub
  base::WallTime created;
  base::WallTime updated;
  std::string updated_by;
  std::string etag;

  bool builtin() const;
};

inline constexpr std::string_view kBuiltin = "vedette";

struct Options {
  std::string path;  // state.db, or any other SQLite file
  std::size_t max_queries = 10'000;
  std::size_t max_per_owner = 1'000;
};

inline constexpr std::size_t kMaxName = 128;          // bytes
inline constexpr std::size_t kMaxDescription = 4096;  // bytes
inline constexpr std::size_t kMaxQuery = 64 * 1024;   // bytes
inline constexpr std::size_t kMaxTags = 16;
inline constexpr std::size_t kMaxTag = 64;  // bytes

// Who asks: sees his own and what is shared, changes his own. One who administers sees and changes
// all, but for those that come with the hub, which nobody changes.
struct Who {
  std::string name;
  bool administers = false;
};

struct Filter {
  std::string search = {};  // in name, description and query, whatever the case; empty: all
  std::string tag = {};     // empty: all
  bool own = false;
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before
};

struct Page {
  std::vector<Query> items;  // by name
  std::string next_cursor;   // empty: no more
  std::int64_t total = 0;
};

// A file of content/queries: KQL with its name, description and tags in comments at its start.
struct BuiltinFile {
  const char* file;
  const char* text;
};
// Those that are part of the program; generated.
std::span<const BuiltinFile> builtin_files();
// Errors: Malformed (a line of the start that is missing).
base::Result<Draft> read_builtin(std::string_view text);

// Kept on disk before a call returns. Threads: any; calls wait for each other.
class SavedQueries {
 public:
  // Brings those that come with the hub to their present state. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<SavedQueries>> open(Options options, base::WallTime now);
  ~SavedQueries();
  SavedQueries(const SavedQueries&) = delete;
  SavedQueries& operator=(const SavedQueries&) = delete;

  // Errors: Invalid (cursor).
  base::Result<Page> list(const Filter& filter, const Who& who) const;
  // Errors: NotFound (also where it is somebody else's).
  base::Result<Query> get(std::string_view id, const Who& who) const;
  // Errors: Exists (the same owner has one of that name), Invalid (name, query, tags), TooLarge,
  // Full (too many).
  base::Result<Query> create(const Draft& draft, const Who& who, base::WallTime now);
  // `etag`: what it must be at present; empty: anything. Errors: those of create(), NotFound,
  // Denied (seen, but somebody else's), Conflict (another etag).
  base::Result<Query> replace(std::string_view id, const Draft& draft, std::string_view etag,
                              const Who& who, base::WallTime now);
  // Errors: NotFound, Denied, Conflict.
  base::Result<void> remove(std::string_view id, std::string_view etag, const Who& who);

 private:
  struct State;
  explicit SavedQueries(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::saved_queries
