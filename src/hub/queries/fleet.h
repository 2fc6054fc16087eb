#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/queries/twin_document.h"
#include "iotql/query.h"
#include "store/sqlite.h"

namespace hub::queries {

// All identities with their twins, as the tables of hub/identity and hub/twins hold them, in the
// order of device and module id. Threads: one at a time; the owner serialises.
class Fleet {
 public:
  // Opens the file for reading; its tables must be there. `outside` must outlive it.
  // Errors: those of store::Sqlite.
  static base::Result<Fleet> open(const std::string& path, const Outside& outside);

  enum class Next : std::uint8_t { Go, Stop };
  using Visit = std::function<Next(const TwinDocument&)>;

  enum class Kind : std::uint8_t { Devices, Modules, Both };
  struct Range {
    Kind kind = Kind::Devices;
    identity::Name after;  // begin behind it
    // Restrictions of a query that may be used to read less.
    const std::vector<iotql::Restriction>* restrictions = nullptr;
  };
  // Visits what is in the range, until there is no more or the visitor stops.
  base::Result<void> scan(const Range& range, const Visit& visit);
  // A device (its own twin first) and its modules; none if it does not exist.
  base::Result<void> scan_device(std::string_view device_id, const Visit& visit);

 private:
  Fleet(store::Sqlite database, const Outside& outside)
      : database_(std::move(database)), outside_(&outside) {}
  base::Result<void> visit_rows(store::Statement rows, const Visit& visit);

  store::Sqlite database_;
  const Outside* outside_;
};

}  // namespace hub::queries
