#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/provisioning/enrollment.h"
#include "store/sqlite.h"

namespace hub::provisioning {

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_cursor;  // empty at the end
  std::uint64_t total = 0;  // that match
};

// The rows behind the provisioning service. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement; Corrupt (a row that is none), and what is named.
class EnrollmentTable {
 public:
  // Makes the tables, and the id scope where there is none.
  static base::Result<void> migrate(store::Sqlite& database);
  explicit EnrollmentTable(store::Sqlite database) : database_(std::move(database)) {}

  base::Result<std::string> id_scope();

  // Errors: Exists, Full (there are `most` of that kind).
  base::Result<void> insert(const Enrollment& enrollment, std::uint64_t most);
  // Errors: NotFound.
  base::Result<Enrollment> find(Kind kind, std::string_view id);
  // Errors: NotFound, Conflict (the etag stored is not `if_match`).
  base::Result<void> replace(const Enrollment& enrollment, std::string_view if_match);
  // Errors: NotFound, Conflict (the etag stored is not `if_match`; empty: any).
  base::Result<void> erase(Kind kind, std::string_view id, std::string_view if_match);
  // In the order of their ids, those after `after` whose id contains `search`.
  base::Result<Page<Enrollment>> list(Kind kind, std::string_view search, std::size_t limit,
                                      std::string_view after);
  base::Result<std::vector<Enrollment>> groups();
  base::Result<std::uint64_t> count(Kind kind);

  // nullopt: never registered.
  base::Result<std::optional<Registration>> find_registration(std::string_view id);
  base::Result<void> store_registration(const Registration& registration);
  // Errors: NotFound, Conflict.
  base::Result<void> erase_registration(std::string_view id, std::string_view if_match);
  // Those of one enrollment.
  base::Result<Page<Registration>> registrations(Kind kind, std::string_view enrollment_id,
                                                 std::size_t limit, std::string_view after);
  base::Result<std::uint64_t> count_registrations();

 private:
  store::Sqlite database_;
};

}  // namespace hub::provisioning
