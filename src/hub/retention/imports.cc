#include "hub/retention/imports.h"

#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/id.h"
#include "base/log.h"
#include "os/file.h"

namespace hub::retention {

using base::Code;
using base::fail;
using base::Result;

namespace {

// A step that the store cannot do at the moment, because it is opened again, is tried that often.
constexpr int kTries = 3;

void discard(const std::string& path) {
  const auto removed = os::remove_file(path);
  if (removed || removed.error().code == Code::NotFound) return;
  LOG_WARNING("import.remove").field("error", removed.error().to_string());
}

}  // namespace

Imports::~Imports() {
  for (const auto& [id, file] : files_)
    discard(file.rows.path);
}

Result<std::string> Imports::begin(std::string_view table, store::RowFormat format,
                                   base::MonoTime now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(files_, [&](const auto& entry) {
    if (now - entry.second.touched < options_.life) return false;
    discard(entry.second.rows.path);
    return true;
  });
  if (files_.size() >= options_.max_open)
    return fail(Code::Full, "import", -1, "too many imports have begun; try again later");
  const std::string id = base::Guid::random().to_string();
  File file;
  file.rows = {std::string(table), options_.folder + "/" + id, format};
  file.touched = now;
  TRY(os::open_file(file.rows.path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  files_[id] = std::move(file);
  return id;
}

Result<void> Imports::write(std::string_view id, std::uint64_t offset, std::string_view bytes,
                            base::MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(id);
  if (found == files_.end()) return fail(Code::NotFound, "import");
  File& file = found->second;
  if (offset > file.bytes)
    return fail(Code::Invalid, "import", -1,
                fmt::format("offset: there are only {} bytes before it", file.bytes));
  if (offset + bytes.size() > options_.max_bytes)
    return fail(Code::TooLarge, "import", -1,
                fmt::format("a file of more than {} bytes", options_.max_bytes));
  const os::Fd target = TRY(os::open_file(file.rows.path, O_WRONLY));
  TRY(os::write_all_at(target.get(), base::as_bytes(bytes), offset));
  file.bytes = std::max(file.bytes, offset + bytes.size());
  file.touched = now;
  return {};
}

Result<store::Import::Counts> Imports::run(std::string_view id, store::EventStore& events,
                                           const OnWriter& on_writer) {
  store::RowFile rows;
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(id);
    if (found == files_.end()) return fail(Code::NotFound, "import");
    rows = std::move(found->second.rows);
    files_.erase(found);
  }
  auto counts = import_all(events, rows, on_writer);
  discard(rows.path);
  return counts;
}

Result<store::Import::Counts> import_all(store::EventStore& events, const store::RowFile& file,
                                         const Imports::OnWriter& on_writer) {
  const auto import = TRY(store::Import::open(events, file));
  bool more = true;
  int tries = 0;
  while (more) {
    const auto done = on_writer([&]() -> Result<void> {
      more = TRY(import->step());
      return {};
    });
    if (done) {
      tries = 0;
    } else if (done.error().code == Code::Closed || ++tries == kTries) {
      return std::unexpected(done.error());
    }
  }
  return import->counts();
}

}  // namespace hub::retention
