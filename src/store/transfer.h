#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kql/ticks.h"
#include "store/events.h"

// Rows as they are stored, out of one store and into another. A file has the stored columns of one
// table (catalogue.h): times as ticks, in Parquet or as lines of JSON.
namespace store {

enum class RowFormat : std::uint8_t { Parquet, Ndjson };

struct RowFile {
  std::string table;  // as queries know it
  std::string path;   // in the store's export_dir: no other folder is open to it
  RowFormat format = RowFormat::Parquet;
};

struct RowCounts {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of the file
};

class Export {
 public:
  // Writes the rows whose TimeGenerated is in [from, to) into a new file.
  // Errors: NotFound (the table), Full, Io. Threads: any.
  static base::Result<RowCounts> write(EventStore& events, const RowFile& file, kql::Ticks from,
                                       kql::Ticks to);
};

// Adds the rows of a file that are not there yet. Rows of SecurityIoTRawEvent are the same when
// they are the same item of the same event; those of other tables when they are equal in every
// column, as often as they are there.
//
//   auto import = TRY(Import::open(events, file));      // any thread; reads the whole file
//   while (TRY(import->step())) {}                      // the writer's thread
class Import {
 public:
  // Checks the file and puts its rows into order, in another file beside it.
  // Errors: NotFound (the table), Invalid (not such a file; the detail says what is wrong), Full,
  // Io.
  static base::Result<std::unique_ptr<Import>> open(EventStore& events, const RowFile& file);
  ~Import();
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  // Adds some of the rows, in one transaction; false when all are done. After an error it may be
  // called again. Threads: the writer's (see EventStore), between its own calls.
  base::Result<bool> step();

  struct Counts {
    std::uint64_t read = 0;   // in the file
    std::uint64_t added = 0;  // so far
  };
  Counts counts() const;

 private:
  struct State;
  explicit Import(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace store
