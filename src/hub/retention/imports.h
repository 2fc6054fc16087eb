#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "store/transfer.h"

namespace hub::retention {

// Files of rows that somebody sends in parts, to be added to the event store.
// Threads: any; one part of a file after another.
class Imports {
 public:
  struct Options {
    std::string folder;                                 // the event store's export_dir
    std::uint64_t max_bytes = std::uint64_t{4} << 30U;  // of a file
    std::size_t max_open = 4;                           // files at once
    std::chrono::minutes life{60};                      // without a part
  };
  // Runs it on the event store's writer's thread and waits for its result.
  using Step = std::function<base::Result<void>()>;
  using OnWriter = std::function<base::Result<void>(const Step&)>;

  explicit Imports(Options options) : options_(std::move(options)) {}
  ~Imports();
  Imports(const Imports&) = delete;
  Imports& operator=(const Imports&) = delete;

  // Errors: Full (too many at once).
  base::Result<std::string> begin(std::string_view table, store::RowFormat format,
                                  base::MonoTime now);
  // Writes a part where it belongs. Errors: NotFound, Invalid (it does not follow what is there),
  // TooLarge, Full, Io.
  base::Result<void> write(std::string_view id, std::uint64_t offset, std::string_view bytes,
                           base::MonoTime now);
  // Adds the rows and forgets the file. Errors: NotFound; those of store::Import, after which what
  // was added stays, and an import of the same file adds the rest.
  base::Result<store::Import::Counts> run(std::string_view id, store::EventStore& events,
                                          const OnWriter& on_writer);

 private:
  struct File {
    store::RowFile rows;
    std::uint64_t bytes = 0;
    base::MonoTime touched;
  };

  const Options options_;
  std::mutex mutex_;  // guards files_
  std::map<std::string, File, std::less<>> files_;
};

// All steps of an import, each with on_writer. A step that fails for a while is tried again.
base::Result<store::Import::Counts> import_all(store::EventStore& events,
                                               const store::RowFile& file,
                                               const Imports::OnWriter& on_writer);

}  // namespace hub::retention
