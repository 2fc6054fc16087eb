#include "store/damage.h"

#include <filesystem>
#include <system_error>

#include "store/sqlite.h"

namespace store {
namespace {

std::unexpected<base::Error> damaged(const std::string& path, const std::string& how) {
  return base::fail(base::Code::Corrupt, "state file", -1,
                    path + " is damaged (" + how +
                        "): put back a copy, without the -wal and -shm files beside it, or rescue "
                        "what can be read with `sqlite3 " +
                        path + " .recover`");
}

base::Result<void> look_through(const std::string& path) {
  auto connection = TRY(Sqlite::open(path));
  auto pages = TRY(connection.prepare("PRAGMA quick_check(1)"));
  if (!TRY(pages.step())) return {};
  std::string verdict = pages.string(0);
  if (verdict == "ok") return {};
  return base::fail(base::Code::Corrupt, "sqlite check", -1, std::move(verdict));
}

}  // namespace

base::Result<void> check_sqlite(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed) return base::fail(base::Code::Io, "state file", failed.value(), path);
  // SQLite would take it for a new one.
  if (size == 0) return damaged(path, "it is empty");
  auto looked = look_through(path);
  if (looked || looked.error().code != base::Code::Corrupt) return looked;
  return damaged(path, looked.error().detail);
}

}  // namespace store
