#include "store/event_store_state.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "os/file.h"
#include "store/keeper.h"

namespace store {

namespace {

// What a hot row may take of the database's memory until it is sealed, and while it is sorted for
// that: twice 500 bytes, twice over because rows come in meanwhile.
constexpr std::size_t kMemoryOfRow = 2048;

// No more rows at once than memory has room for.
EventStoreOptions fitting(EventStoreOptions options) {
  SealOptions& seal = options.seal;
  seal.rows = std::min<std::uint64_t>(
      seal.rows, std::max<std::uint64_t>(seal.min_rows, options.memory_limit / 2 / kMemoryOfRow));
  return options;
}

}  // namespace

EventStore::State::State(EventStoreOptions store_options)
    : options(fitting(std::move(store_options))), pieces_folder(options.path + ".pieces") {}

EventStore::State::~State() = default;

EventStore::State::Lease::~Lease() {
  if (state_ == nullptr) return;
  {
    const std::lock_guard lock(state_->mutex);
    std::erase(state_->leased, connection_.get());
    // Disconnected before the writer may close the database.
    {
      const duck::Connection closing = std::move(connection_);
    }
    state_->returned.notify_all();
  }
  state_->end_read(number_);
}

base::Result<EventStore::State::Lease> EventStore::State::lease() {
  const std::lock_guard lock(mutex);
  if (!database)
    return base::fail(base::Code::Unavailable, "event store", -1, "it is being opened again");
  auto connection = TRY(duck::Connection::open(*database));
  leased.push_back(connection.get());
  readers.insert(++last_reader);
  return Lease(*this, std::move(connection), last_reader);
}

base::Result<void> EventStore::State::checkpoint() {
  // The gate first: the writer waits for leases to end while it holds it.
  const std::lock_guard not_appending(gate);
  auto held = TRY(lease());
  return held.connection().execute("CHECKPOINT");
}

base::Result<void> EventStore::State::reopen() {
  {
    std::unique_lock lock(mutex);
    auto closing = std::exchange(database, std::nullopt);
    // Again and again: a query that has just begun forgets an interrupt.
    do {
      for (duckdb_connection connection : leased)
        duckdb_interrupt(connection);
    } while (
        !returned.wait_for(lock, std::chrono::milliseconds(20), [this] { return leased.empty(); }));
    writer.reset();
    closing.reset();
  }
  LOG_WARNING("store.reopen").field("path", options.path);
  return open_database();
}

namespace {

void remove_retired(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (const auto done = os::remove_file(path);
        !done && done.error().code != base::Code::NotFound) {
      LOG_WARNING("store.remove").field("path", path).field("error", done.error().to_string());
    }
    std::error_code not_empty;
    std::filesystem::remove(std::filesystem::path(path).parent_path(), not_empty);
  }
}

}  // namespace

std::uint64_t EventStore::State::begin_read() {
  const std::lock_guard lock(mutex);
  readers.insert(++last_reader);
  return last_reader;
}

void EventStore::State::end_read(std::uint64_t number) {
  std::vector<std::string> free;
  {
    const std::lock_guard lock(mutex);
    readers.erase(number);
    const std::uint64_t oldest = readers.empty() ? last_reader + 1 : *readers.begin();
    const auto waits = [oldest](const Retired& file) { return file.last_reader >= oldest; };
    const auto gone = std::stable_partition(retired.begin(), retired.end(), waits);
    for (auto file = gone; file != retired.end(); ++file)
      free.push_back(std::move(file->path));
    retired.erase(gone, retired.end());
  }
  remove_retired(free);
  if (!free.empty()) step("removed");
}

void EventStore::State::retire(std::vector<std::string> paths) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex);
    for (std::string& path : paths)
      retired.push_back({std::move(path), last_reader});
    readers.insert(number = ++last_reader);
  }
  // Goes through the list once, also when nobody reads.
  end_read(number);
}

std::uint64_t EventStore::State::retired_bytes() {
  std::vector<std::string> paths;
  {
    const std::lock_guard lock(mutex);
    for (const Retired& file : retired)
      paths.push_back(file.path);
  }
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) {
    std::error_code gone;
    const auto size = std::filesystem::file_size(path, gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace store
