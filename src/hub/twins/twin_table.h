#pragma once

#include <string_view>

#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/twins/twin.h"
#include "store/sqlite.h"

namespace hub::twins {

struct TwinNote;

// The rows behind the twins. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement; Corrupt (a row that is no twin).
class TwinTable {
 public:
  static base::Result<void> migrate(store::Sqlite& database);
  explicit TwinTable(store::Sqlite database) : database_(std::move(database)) {}

  // What is kept of the identity of that generation; a new twin when there is nothing. The twin of
  // a deleted identity is none of its successor's.
  base::Result<Twin> find(const identity::Name& name, std::string_view generation_id);
  base::Result<void> store(const Twin& twin, std::string_view generation_id);
  // Tells DeviceTwins, within the transaction; see TwinOutbox.
  base::Result<void> note(const TwinNote& note);
  // A device takes its modules with it.
  base::Result<void> erase(const identity::Name& name);
  base::Result<store::Transaction> begin() { return store::Transaction::begin(database_); }

 private:
  store::Sqlite database_;
};

// The etag of a twin that was never changed, and one for a change.
std::string first_etag();
std::string new_etag();

}  // namespace hub::twins
